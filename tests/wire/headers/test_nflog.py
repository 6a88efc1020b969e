"""NFLOG: attributes in either byte order, up to the one that holds the packet."""

from __future__ import annotations

import pytest

from support.feeding import assert_sent, assert_survives_everything, found, refusal
from support.packets import ip, udp
from support.sound import SOUND, V4, V6, A, B, attribute, nflog


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["nflog"].values(), ids=SOUND["nflog"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """The packet is decoded behind any attributes, which are padded to 4 bytes."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["nflog"].values()], ids=SOUND["nflog"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """A frame cut before its ports is refused as cut, trailing bytes change nothing, and no field value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "ARP of a bridge": (239, nflog(bytes(28), family=7, ethertype=0x0806), "not_ip"),
    "of another family": (239, nflog(V4, family=12), "not_ip"),
    "no payload": (239, b"\2\0\0\0" + attribute(1, bytes(8)), "link_cut"),
    "an attribute of no length": (239, b"\2\0\0\0" + bytes(40), "link_cut"),
    "an attribute shorter than its header": (239, b"\2\0\0\0\3\0\1\0" + bytes(40), "link_cut"),
    "an attribute beyond the log": (239, b"\2\0\0\0\xff\x7f\1\0" + bytes(40), "link_cut"),
    "an empty payload": (239, nflog(b""), "link_cut"),
    "attributes without end": (239, b"\2\0\0\0" + attribute(1, b"") * 100, "too_deep"),
    "a payload of neither version": (239, nflog(bytes(40)), "ip_version"),
}


@pytest.mark.parametrize(("layer", "frame", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_holds_no_packet_is_refused_by_reason(layer: int, frame: bytes, reason: str) -> None:
    """Other families, a missing payload and malformed attributes are refused with their reasons."""
    assert refusal(frame, layer) == reason


@pytest.mark.parametrize("packet", [V4, V6])
def test_a_log_may_hold_the_beginning_of_the_packet_only(packet: bytes) -> None:
    """For a packet that the log truncated, the IP length is trusted."""
    longer = ip(udp(payload=bytes(1000)), 17, *([] if packet is V4 else [A, B]))

    for kept in range(len(packet) - 4, len(packet) + 8):
        assert found(nflog(longer[:kept]), 239).octets == len(longer)


def test_a_packet_without_a_length_ends_with_its_attribute() -> None:
    """A packet without a length of its own has the bytes of its attribute, without padding or later attributes."""
    packet = ip(udp(payload=bytes(7)), 17, length=0)

    assert found(nflog(packet) + attribute(10, b"later"), 239).octets == 35


@pytest.mark.parametrize(("size", "order"), [(n, o) for n in (0, 1, 8, 128, 251) for o in "<>"] + [(300, "<")])
def test_the_first_attribute_tells_the_byte_order(size: int, order: str) -> None:
    """The length of the first attribute reveals the byte order, even if it is a prefix and not the packet header."""
    frame = b"\2\0\0\0" + attribute(10, bytes(size), order) + attribute(9, V4, order)

    assert found(frame, 239).octets == len(V4)


def _logged_at(hook: int, order: str, packet: bytes = V4) -> bytes:
    """Return a packet as logged at a hook: after the packet header come a prefix and the packet."""
    attributes = [attribute(1, bytes([8, 0, hook, 0]), order), attribute(10, b"out\0", order)]
    return b"\2\0\0\0" + b"".join(attributes) + attribute(9, packet, order)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("hook", [3, 4])
def test_packets_logged_on_their_way_out_are_counted_as_sent(hook: int, order: str) -> None:
    """What is logged in OUTPUT or POSTROUTING is on its way out, whatever packet follows."""
    assert_sent(_logged_at(hook, order), 239, shown=11)
    assert_sent(_logged_at(hook, order, b"rubbish"), 239, shown=11)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("hook", [0, 1, 2, 5, 255])
def test_packets_logged_at_other_hooks_were_received(hook: int, order: str) -> None:
    """What is logged in PREROUTING, INPUT, FORWARD or at ingress has been received."""
    assert found(_logged_at(hook, order), 239).ports == (40000, 53)


@pytest.mark.parametrize(("family", "hook", "shown"), [(5, 1, 11), (7, 3, 11), (7, 4, 11)])
def test_what_a_bridge_or_device_logs_on_its_way_out_is_sent(family: int, hook: int, shown: int) -> None:
    """A device's egress, and a bridge's OUTPUT and POSTROUTING, are on the way out."""
    assert_sent(nflog(V4, family=family, ethertype=0x0800, hook=hook), 239, shown)


@pytest.mark.parametrize(("family", "hook"), [(5, 0), (7, 0), (7, 1), (7, 2), (1, 1)])
def test_what_they_log_elsewhere_was_received(family: int, hook: int) -> None:
    """A device's ingress, and a bridge's other hooks, see what was received."""
    assert found(nflog(V4, family=family, ethertype=0x0800, hook=hook), 239).ports == (40000, 53)
