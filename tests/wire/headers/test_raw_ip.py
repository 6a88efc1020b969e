"""Raw IP: no link header; the version field names the family."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.sound import RAW, SOUND, V4, V6


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["raw_ip"].values(), ids=SOUND["raw_ip"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The packet is decoded by its version field, for each number of the link type."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["raw_ip"].values()], ids=SOUND["raw_ip"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "version 5": (RAW, b"\x50" + bytes(39), "ip_version"),
    "zeros": (14, bytes(40), "ip_version"),
    "nothing": (12, b"", "link_cut"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_neither_version_is_refused(layer: int, frame: bytes, reason: str) -> None:
    """A frame that is neither IPv4 nor IPv6 is refused."""
    assert refusal(frame, layer) == reason
