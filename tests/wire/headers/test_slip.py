"""SLIP: a link header of 16 bytes, then IP."""

from __future__ import annotations

import pytest

from support.feeding import assert_sent, assert_survives_everything, found, refusal
from support.sound import SOUND, V4, V6


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["slip"].values(), ids=SOUND["slip"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The packet is decoded whatever the 16 bytes contain."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["slip"].values()], ids=SOUND["slip"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "neither version": (8, bytes(16) + bytes(40), "ip_version"),
    "a header alone": (8, bytes(16), "link_cut"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_ip_is_refused(layer: int, frame: bytes, reason: str) -> None:
    """A payload that is neither IPv4 nor IPv6, or missing, is refused."""
    assert refusal(frame, layer) == reason


def test_a_packet_that_the_host_sent_is_counted_as_sent() -> None:
    """Direction 1 means that the capturing host sent the packet."""
    assert_sent(b"\1\x40" + bytes(14) + V6, 8, shown=16)
