"""Ethernet: EtherTypes, stacked tags, LLC and SNAP."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.packets import ethernet, tag
from support.sound import ETHER, SOUND, V4, V6, snap


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["ethernet"].values(), ids=SOUND["ethernet"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The packet is decoded behind any number of VLAN tags and behind IEEE 802.2 headers."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["ethernet"].values()], ids=SOUND["ethernet"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "ARP": (ETHER, ethernet(bytes(28), 0x0806), "not_ip"),
    "between lengths and EtherTypes": (ETHER, ethernet(V4, 1501), "not_ip"),
    "PPPoE discovery": (ETHER, ethernet(bytes(20), 0x8863), "not_ip"),
    "spanning tree": (ETHER, ethernet(b"\x42\x42\x03" + bytes(35), 38), "not_ip"),
    "Novell without LLC": (ETHER, ethernet(b"\xff\xff" + bytes(40), 42), "not_ip"),
    "SNAP of Cisco": (ETHER, ethernet(snap(V4, 0x2000, b"\0\0\x0c"), 36), "not_ip"),
    "SNAP of another organisation, with our number": (ETHER, ethernet(snap(V4, 0x0800, b"\0\0\x0c"), 36), "not_ip"),
    "SNAP, bridged token ring": (ETHER, ethernet(snap(ethernet(V4), 3, b"\0\x80\xc2"), 50), "not_ip"),
    "a tag of a length of nothing": (ETHER, ethernet(tag(3) + b"\x42\x42\x03\0", 0x8100), "not_ip"),
    "forty tags": (ETHER, ethernet(tag(0x8100) * 39 + tag(0x0800) + V4, 0x8100), "too_deep"),
    "IPv6 that is IPv4": (ETHER, ethernet(V4 + bytes(20), 0x86DD), "ip_version"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_carries_no_ip_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """Other protocols, endless tags and a false IP version are refused with the fitting reason."""
    assert refusal(frame, layer) == reason
