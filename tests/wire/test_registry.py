"""The registry: each number has one row with decoder and description, and each decoder is tested with a sound frame."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.model import ICMP, ICMPV6, TCP, UDP
from shodohflo.wire.headers.ethernet import vlan
from shodohflo.wire.layers import (
    IPV4,
    IPV4_PAYLOAD,
    IPV6,
    IPV6_PAYLOAD,
    LINK,
    NSH_PAYLOAD,
    PPP_PAYLOAD,
    VLAN_TAGS,
)
from shodohflo.wire.registry import (
    ETHERTYPES,
    EXTENSIONS,
    IP_PROTOCOLS,
    LINKS,
    NSH_PROTOCOLS,
    PPP_PROTOCOLS,
    QUOTED,
    TABLE,
    IpProtocolRow,
    LinkRow,
    NumberRow,
)
from support.feeding import found, refusal
from support.packets import ethernet, ip
from support.sound import ETHER, FLAT, RAW, V4, A, B, ppi

NUMBERED: dict[str, tuple[int, tuple[NumberRow | LinkRow, ...]]] = {
    "link types": (LINK, LINKS),
    "EtherTypes": (ETHERTYPE, ETHERTYPES),
    "PPP protocols": (PPP_PAYLOAD, PPP_PROTOCOLS),
    "next protocols of NSH": (NSH_PAYLOAD, NSH_PROTOCOLS),
}

ROWS: dict[str, tuple[NumberRow | LinkRow | IpProtocolRow, ...]] = {
    **{kind: rows for kind, (_, rows) in NUMBERED.items()},
    "IP protocols": IP_PROTOCOLS,
}


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_a_number_has_one_row_with_words(rows: tuple[NumberRow | LinkRow | IpProtocolRow, ...]) -> None:
    """No number is registered twice, and every row has the description that the reference page prints."""
    numbers = [row.number for row in rows]

    assert len(numbers) == len(set(numbers))
    assert all(row.words and not row.words.endswith(".") for row in rows)


@pytest.mark.parametrize(("base", "rows"), NUMBERED.values(), ids=NUMBERED)
def test_the_table_has_the_decoder_of_each_row(base: int, rows: tuple[NumberRow | LinkRow, ...]) -> None:
    """The layer of a decoder is its number plus the base of its kind."""
    assert all(TABLE.get(base + row.number) is row.decoder for row in rows)


def test_an_ip_protocol_is_decoded_behind_the_versions_its_row_names() -> None:
    """A row has a decoder for IPv4, for IPv6 or for both; the table has exactly these."""
    for row in IP_PROTOCOLS:
        assert row.ipv4 or row.ipv6
        assert TABLE.get(IPV4_PAYLOAD + row.number) is row.ipv4
        assert TABLE.get(IPV6_PAYLOAD + row.number) is row.ipv6


def test_a_quoted_packet_may_have_every_extension_header() -> None:
    """The table for quoted packets has IP, ports and all rows of `EXTENSIONS`, but neither tunnels nor ICMP."""
    extensions = {IPV4_PAYLOAD + row.number for row in EXTENSIONS if row.ipv4}
    extensions |= {IPV6_PAYLOAD + row.number for row in EXTENSIONS if row.ipv6}
    ports = {base + number for base in (IPV4_PAYLOAD, IPV6_PAYLOAD) for number in (TCP, UDP)}

    assert set(QUOTED.layers()) == {IPV4, IPV6} | ports | extensions


def test_kinds_of_numbers_do_not_overlap() -> None:
    """The numbers of a kind stay below the base of the next kind."""
    bases = sorted((base, max(row.number for row in rows)) for base, rows in NUMBERED.values())
    bases += [(base, max(row.number for row in IP_PROTOCOLS)) for base in (IPV4_PAYLOAD, IPV6_PAYLOAD)]

    assert all(base + largest < following for (base, largest), (following, _) in pairwise(sorted(bases)))


def test_every_link_type_has_a_sound_frame_in_the_tests() -> None:
    """`support.sound` has a frame of each registered link type, with which the invariants of decoding are tested."""
    assert {layer for layer, _, _ in FLAT.values() if layer < ETHERTYPE} == {row.number for row in LINKS}


@pytest.mark.parametrize("number", [12, 14])
def test_raw_ip_is_decoded_under_the_numbers_in_a_ppi_header(number: int) -> None:
    """A PPI header has the DLT_ number of raw IP, which no reader of files replaces, so the number needs its row."""
    assert found(ppi(V4, number), 192).ports == found(V4, RAW).ports


def test_every_decoder_has_a_docstring() -> None:
    """Every decoder has a docstring."""
    decoders = [TABLE.get(layer) for layer in TABLE.layers()]
    functions = {decoder.func if isinstance(decoder, partial) else decoder for decoder in decoders}

    assert [function for function in functions if not (function and function.__doc__)] == []


def test_the_usual_numbers_stand_first() -> None:
    """IP among the EtherTypes, and TCP and UDP among the IP protocols, are found by the first comparisons."""
    assert TABLE.numbers(ETHERTYPE)[:2] == [0x0800, 0x86DD]
    assert TABLE.numbers(IPV4_PAYLOAD)[:2] == [TCP, UDP]
    assert TABLE.numbers(IPV6_PAYLOAD)[:2] == [TCP, UDP]


@pytest.mark.parametrize("number", [4, TCP, UDP, 47, 50, ICMPV6, ICMP, 132, 135])
@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
def test_only_registered_protocols_are_decoded(number: int, family: str) -> None:
    """A packet is refused as `protocol` exactly where the row of its protocol has no decoder for its IP version."""
    rows = {row.number: row for row in IP_PROTOCOLS}
    row = rows.get(number, IpProtocolRow(number, ""))
    packet = ip(bytes(40), number, *([A, B] if family == "IPv6" else []))

    assert (refusal_or_none(packet) == "protocol") == ((row.ipv6 if family == "IPv6" else row.ipv4) is None)


def refusal_or_none(packet: bytes) -> str:
    """Return the reason why `packet` is refused, or an empty string if it is decoded."""
    try:
        return refusal(packet, RAW)
    except (AssertionError, ValueError):
        return ""


def test_the_neighbours_of_registered_ethertypes_are_refused() -> None:
    """A frame with an EtherType without a row is refused as `not_ip`."""
    registered = {row.number for row in ETHERTYPES}

    for number in {neighbour for known in registered for neighbour in (known - 1, known + 1)} - registered:
        assert refusal(ethernet(bytes(60), number), ETHER) == "not_ip"


def test_vlan_tags_are_those_that_are_read_as_such() -> None:
    """The EtherTypes by which pseudowires recognise a VLAN tag are exactly those of the registry."""
    assert {row.number for row in ETHERTYPES if row.decoder is vlan} == set(VLAN_TAGS)
