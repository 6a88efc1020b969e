"""Ethernet frames in Ethernet frames: provider backbone bridges, FabricPath, TRILL and switch tags."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.packets import ethernet
from support.sound import ETHER, SOUND, V4, V6


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["mac_in_mac"].values(), ids=SOUND["mac_in_mac"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The inner frame is decoded behind each kind of header."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["mac_in_mac"].values()], ids=SOUND["mac_in_mac"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "ARP in PBB": (ETHER, ethernet(b"\0\0\0\1" + ethernet(bytes(28), 0x0806), 0x88E7), "not_ip"),
    "another version of TRILL": (ETHER, ethernet(b"\x40\x3f\0\1\0\2" + ethernet(V4), 0x22F3), "not_ip"),
    "TRILL options beyond the frame": (ETHER, ethernet(b"\7\xff\0\1\0\2" + bytes(60), 0x22F3), "link_cut"),
    "IS-IS in TRILL": (ETHER, ethernet(b"\0\x3f\0\1\0\2" + ethernet(bytes(60), 0x22F4), 0x22F3), "not_ip"),
    "frames in frames": (ETHER, ethernet((b"\0\0\0\1" + ethernet(b"", 0x88E7)) * 40, 0x88E7), "too_deep"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_read_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """Inner frames without IP, other versions and endless nesting are refused."""
    assert refusal(frame, layer) == reason
