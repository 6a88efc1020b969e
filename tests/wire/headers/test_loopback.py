"""BSD loopback: an address family in either byte order."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.sound import SOUND, V4, V6


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["loopback"].values(), ids=SOUND["loopback"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is decoded for each number that some system uses for IPv6."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["loopback"].values()], ids=SOUND["loopback"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "seven": (0, b"\7\0\0\0" + V4, "not_ip"),
    "seven, the other way": (108, b"\0\0\0\7" + V4, "not_ip"),
    "a family that is no small number": (0, b"\0\2\2\0" + V4, "not_ip"),
    "zero": (0, bytes(4) + V4, "not_ip"),
    "IPv4 that is IPv6": (0, b"\2\0\0\0" + V6, "ip_version"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_another_family_is_refused(layer: int, frame: bytes, reason: str) -> None:
    """Other address families are refused as `not_ip`, and a false family as `ip_version`."""
    assert refusal(frame, layer) == reason
