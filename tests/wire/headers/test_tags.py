"""Tags of switches: the EtherType behind them is followed."""

from __future__ import annotations

import pytest

from support.feeding import assert_sent, assert_survives_everything, found, refusal
from support.packets import ethernet
from support.sound import ETHER, RAW, SOUND, V4, V6, gre


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["tags"].values(), ids=SOUND["tags"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is decoded behind each kind of tag, before and behind VLAN tags."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["tags"].values()], ids=SOUND["tags"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "ARP behind a VN-Tag": (ETHER, ethernet(bytes(4) + b"\x08\x06" + bytes(28), 0x8926), "not_ip"),
    "ARP behind Cisco metadata": (ETHER, ethernet(b"\1\1\0\1\0\x0a\x08\x06" + bytes(28), 0x8909), "not_ip"),
    "Cisco metadata of all lengths": (ETHER, ethernet(b"\1\xff\0\1\0\x0a\x08\0" + V4, 0x8909), "link_cut"),
    "ARP in GRE behind Cisco metadata": (RAW, gre(b"\x08\6\1\1\0\1\0\x0a" + bytes(28), 0x8909), "not_ip"),
    "Realtek remote control": (ETHER, ethernet(b"\1\0\x23\x79" + bytes(40), 0x8899), "not_ip"),
    "Realtek loop detection": (ETHER, ethernet(b"\x23" + bytes(40), 0x8899), "not_ip"),
    "spanning tree behind an E-TAG": (ETHER, ethernet(bytes(6) + b"\0\x26\x42\x42\3" + bytes(35), 0x893F), "not_ip"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_read_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """Tagged frames without IP, Realtek's other protocols and options beyond the frame are refused."""
    assert refusal(frame, layer) == reason


SENT = {
    "Marvell, FROM_CPU": (284, bytes(12) + b"\x40\0\0\1\x08\0" + V4, 13),
    "Marvell EDSA, FROM_CPU": (285, bytes(12) + b"\xda\xda\0\0\x40\0\0\1\x08\0" + V4, 17),
    "Broadcom, ingress": (281, bytes(12) + b"\x20\0\0\1\x08\0" + V4, 13),
    "Broadcom before the frame, ingress": (282, b"\x20\0\0\1" + ethernet(V4), 1),
}


@pytest.mark.parametrize(("layer", "frame", "shown"), SENT.values(), ids=SENT)
def test_what_the_host_gave_to_its_switch_is_counted_as_sent(layer: int, frame: bytes, shown: int) -> None:
    """A switch tag with the operation of the host marks its frame as sent, from the byte on that has the operation."""
    assert_sent(frame, layer, shown)


@pytest.mark.parametrize("operation", [b"\0", b"\x80", b"\xc0"])
def test_what_the_switch_gave_to_the_host_was_received(operation: bytes) -> None:
    """Frames for the host, sniffed ones and forwarded ones count as received."""
    assert found(bytes(12) + operation + b"\0\0\1\x08\0" + V4, 284).octets == len(V4)
