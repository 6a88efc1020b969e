"""NFLOG: attributes of either byte order, up to the one with the packet."""

from __future__ import annotations

import pytest

from support.feeding import assert_survives_everything, found, refusal
from support.packets import ip, udp
from support.sound import SOUND, V4, V6, A, B, attribute, nflog


@pytest.mark.parametrize(("layer", "family", "frame"), SOUND["nflog"].values(), ids=SOUND["nflog"])
def test_the_packet_behind_it_is_found(layer: int, family: int, frame: bytes) -> None:
    """Behind any attributes, padded to 4 bytes."""
    packet = found(frame, layer)

    assert (packet.family, packet.ports) == (family, (40000, 53))
    assert packet.octets == len(V4 if family == 4 else V6)


@pytest.mark.parametrize(
    ("layer", "frame"), [(layer, frame) for layer, _, frame in SOUND["nflog"].values()], ids=SOUND["nflog"]
)
def test_it_survives_cuts_rubbish_and_extremes(layer: int, frame: bytes) -> None:
    """Cut short at each byte it is refused as cut, rubbish after it changes nothing, no field's value raises."""
    assert_survives_everything(frame, layer)


REFUSED = {
    "a bridge's": (239, nflog(V4, family=7), "not_ip"),
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
    """Another family, no payload, attributes that lead nowhere."""
    assert refusal(frame, layer) == reason


@pytest.mark.parametrize("packet", [V4, V6])
def test_a_log_may_hold_the_beginning_of_the_packet_only(packet: bytes) -> None:
    """The kernel may be told to copy so many bytes: the packet itself says how long it was."""
    longer = ip(udp(payload=bytes(1000)), 17, *([] if packet is V4 else [A, B]))

    for kept in range(len(packet) - 4, len(packet) + 8):
        assert found(nflog(longer[:kept]), 239).octets == len(longer)


@pytest.mark.parametrize(("size", "order"), [(n, o) for n in (0, 1, 8, 128, 251) for o in "<>"] + [(300, "<")])
def test_the_first_attribute_tells_the_byte_order(size: int, order: str) -> None:
    """Most logs begin with 8 bytes of packet header; a prefix, of at most 128, may stand first all the same."""
    frame = b"\2\0\0\0" + attribute(10, bytes(size), order) + attribute(9, V4, order)

    assert found(frame, 239).octets == len(V4)
