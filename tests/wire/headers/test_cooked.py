"""Linux cooked captures, v1 and v2: EtherTypes, and devices without EtherTypes."""

from __future__ import annotations

import pytest

from support.feeding import assert_sent, assert_survives_everything, found, refusal
from support.sound import SOUND, V4, V6, snap


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["cooked"].values(), ids=SOUND["cooked"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The payload is decoded by its EtherType, that of frame relay and 802.11 by the device type."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["cooked"].values()], ids=SOUND["cooked"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "netlink, which numbers otherwise": (113, b"\0\0\x03\x38" + bytes(10) + b"\x08\0" + V4, "not_ip"),
    "netlink in v2": (276, b"\x08\0" + bytes(6) + b"\x03\x38" + bytes(10) + V4, "not_ip"),
    "ARP": (113, bytes(14) + b"\x08\x06" + bytes(28), "not_ip"),
    "Novell's own": (113, bytes(14) + b"\0\1" + V4, "not_ip"),
    "CAN, which is no LLC": (113, bytes(14) + b"\0\x0c" + snap(V4), "not_ip"),
    "another version than announced": (276, b"\x08\0" + bytes(18) + V6, "ip_version"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_ip_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """Netlink, ARP and the kernel's own protocol numbers are refused as `not_ip`."""
    assert refusal(frame, layer) == reason


SENT = {
    "v1": (113, b"\0\4" + bytes(12) + b"\x08\0" + V4, 16),
    "v1 of ARP": (113, b"\0\4" + bytes(12) + b"\x08\x06" + bytes(28), 16),
    "v1 of netlink": (113, b"\0\4\x03\x38" + bytes(10) + b"\x08\0" + V4, 16),
    "v2": (276, b"\x86\xdd" + bytes(8) + b"\4" + bytes(9) + V6, 20),
    "v2 with rubbish": (276, bytes(10) + b"\4" + bytes(9) + b"rubbish", 20),
}


@pytest.mark.parametrize(("layer", "frame", "header"), SENT.values(), ids=SENT)
def test_an_outgoing_packet_is_counted_as_sent_whatever_it_is(layer: int, frame: bytes, header: int) -> None:
    """A packet of type 4 was sent by the capturing host; what it contains does not matter."""
    assert_sent(frame, layer, shown=header)


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 5, 6, 7, 255, 256])
def test_packets_of_all_other_types_were_received(kind: int) -> None:
    """Unicast, broadcast, multicast, packets for other hosts, and types that no capture has, are not sent."""
    assert found(kind.to_bytes(2, "big") + bytes(12) + b"\x08\0" + V4, 113).ports == (40000, 53)
    assert found(b"\x08\0" + bytes(8) + bytes([kind % 256]) + bytes(9) + V4, 276).ports == (40000, 53)
