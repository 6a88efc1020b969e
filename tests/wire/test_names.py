"""Names of what is not read: each refused packet can say what it was."""

from __future__ import annotations

import pytest

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire import names
from shodohflo.wire.decode import decode
from shodohflo.wire.layers import (
    CISCO_SNAP,
    IPV4_PAYLOAD,
    IPV6_PAYLOAD,
    LLC_SERVICE,
    MPLS_PSEUDOWIRE,
    NETWORK_PROTOCOL,
    NSH_PAYLOAD,
    PPP_BRIDGING,
    PPP_PAYLOAD,
)
from shodohflo.wire.names import describe
from shodohflo.wire.registry import TABLE
from support.packets import ethernet, frames_of, ip
from support.sound import ETHER, LABEL, RAW, V4, A, B, gre, snap, wifi


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (ETHERTYPE + 0x0806, "0x0806 ARP"),
        (ETHERTYPE + 0x1234, "0x1234"),
        (IPV4_PAYLOAD + 132, "132 SCTP"),
        (IPV6_PAYLOAD + 200, "200"),
        (PPP_PAYLOAD + 0xC021, "PPP 0xc021 LCP"),
        (NSH_PAYLOAD + 6, "NSH 6 in-situ OAM"),
        (LLC_SERVICE + 0x42, "LLC 0x42 spanning tree"),
        (CISCO_SNAP + 0x2000, "Cisco 0x2000 CDP"),
        (NETWORK_PROTOCOL + 0x83, "NLPID 0x83 IS-IS"),
        (MPLS_PSEUDOWIRE, "MPLS pseudowire"),
    ],
)
def test_a_number_is_written_as_its_registry_does_with_its_name(layer: int, text: str) -> None:
    """EtherTypes are hexadecimal, IP protocols decimal; the others say what kind of number they are."""
    assert describe(layer) == text


FRAMES = {
    "ARP": (ETHER, ethernet(bytes(28), 0x0806), "0x0806 ARP"),
    "ARP behind a tag": (ETHER, ethernet(b"\0\7\x08\6" + bytes(28), 0x8100), "0x0806 ARP"),
    "PPPoE discovery": (ETHER, ethernet(b"\x11\x09" + bytes(8), 0x8863), "0x8863 PPPoE discovery"),
    "discovery as a session": (ETHER, ethernet(b"\x11\x09" + bytes(8), 0x8864), "0x8863 PPPoE discovery"),
    "spanning tree": (ETHER, ethernet(b"\x42\x42\3" + bytes(35), 38), "LLC 0x42 spanning tree"),
    "CDP": (ETHER, ethernet(snap(bytes(40), 0x2000, b"\0\0\x0c"), 48), "Cisco 0x2000 CDP"),
    "another organisation": (ETHER, ethernet(snap(bytes(40), 1, b"\0\0\x0d"), 48), "SNAP of another organisation"),
    "SCTP": (RAW, ip(bytes(20), 132), "132 SCTP"),
    "no next header": (RAW, ip(b"", 59, A, B), "59 no next header"),
    "minimal encapsulation": (RAW, ip(bytes(20), 55), "55 minimal IP encapsulation"),
    "L2TP control": (RAW, ip(bytes(20), 115), "115 L2TP"),
    "a keepalive of GRE": (RAW, gre(gre(b"", 0), 0x0800), "0x0000 GRE keepalive"),
    "source routing of GRE": (RAW, gre(V4, 0x0800, 0x4000), "47 GRE of a kind that is not read"),
    "link control": (9, b"\xff\3\xc0\x21\1\1\0\4", "PPP 0xc021 LCP"),
    "MPPE": (9, b"\xff\3\0\xfd\x90\0" + bytes(20), "PPP 0x00fd compressed or encrypted (MPPC, MPPE)"),
    "a pseudowire": (ETHER, ethernet(LABEL + bytes(4) + b"\x5a" * 48, 0x8847), "MPLS pseudowire"),
    "an associated channel": (ETHER, ethernet(LABEL + b"\x10\0\0\7" + bytes(24), 0x8847), "MPLS associated channel"),
    "a beacon": (105, wifi(bytes(40), 0x80, 0), "802.11 management, control or null"),
    "another address family": (0, b"\7\0\0\0" + bytes(40), "another address family"),
    "IS-IS over frame relay": (107, b"\x18\x41\3\x83" + bytes(20), "NLPID 0x83 IS-IS"),
    "Realtek loop detection": (ETHER, ethernet(b"\x23" + bytes(40), 0x8899), "0x8899 Realtek switch control"),
}


@pytest.mark.parametrize(("layer", "frame", "text"), FRAMES.values(), ids=FRAMES)
def test_a_refused_packet_says_what_it_was(layer: int, frame: bytes, text: str) -> None:
    """A packet that is refused for its next header is counted by it, once, and the count has a name."""
    decoded = decode(frames_of(frame, layer=layer))

    assert {describe(kind): count for kind, count in decoded.unread.items()} == {text: 1}
    assert decoded.refused.total() == 1


def test_link_types_are_named_by_their_refusal_only() -> None:
    """A link type that is not read is not counted a second time."""
    decoded = decode(frames_of(bytes(60), layer=271))

    assert (decoded.refused, decoded.unread) == ({"link_type[VSOCK]": 1}, {})


def test_names_are_for_what_is_not_read() -> None:
    """A number that has a decoder has a name only where some of its packets are refused for what they are."""
    partly = {ETHERTYPE + 0x8899, PPP_BRIDGING, *(base + n for base in (IPV4_PAYLOAD, IPV6_PAYLOAD) for n in (47, 115))}
    one_version = {0, 1, 43, 44, 58, 60, 135, 139, 140}
    numbered = {base: numbers for base, (_, numbers) in names._KINDS.items() if base >= ETHERTYPE}

    both = {base + number for base, numbers in numbered.items() for number in numbers} & set(TABLE.layers())

    assert {layer for layer in both - partly if layer % ETHERTYPE not in one_version} == set()


def test_many_numbers_are_counted_alike_alone_and_in_company() -> None:
    """Each number of a block is counted, whether there are few frames or many."""
    frames = [ethernet(bytes(46), number) for number in range(0x0700, 0x0F00)]

    few, many = (decode(frames_of(*some, layer=ETHER)).unread for some in (frames[:100], frames))

    assert few == {ETHERTYPE + number: 1 for number in range(0x0700, 0x0764)}
    assert many == {ETHERTYPE + number: 1 for number in range(0x0700, 0x0F00) if number != 0x0800}
