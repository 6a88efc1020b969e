"""ICMP and ICMPv6: unreachables with the ports of the quoted packet, and other messages."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from shodohflo.columns.batch import Messages, Quote
from shodohflo.wire.decode import decode
from support.packets import frames_of, ip, tcp, udp, unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

A, B = "2001:db8::1", "2001:db8::2"


def told4(quoted: bytes, **fields: int) -> bytes:
    """Return an unreachable about `quoted`, sent to us by a router, in IPv4."""
    return ip(unreachable(quoted, **fields), 1, "192.0.2.1", "192.168.0.1")


def told6(quoted: bytes, **fields: int) -> bytes:
    """Return an unreachable about `quoted`, sent to us by a router, in IPv6."""
    return ip(unreachable(quoted, **{"kind": 1, **fields}), 58, "2001:db8::fe", A)


def ours4(segment: bytes, protocol: int, **fields: int) -> bytes:
    """Return a packet that we sent, in IPv4."""
    return ip(segment, protocol, "192.168.0.1", "203.0.113.9", **fields)


def ours6(segment: bytes, protocol: int) -> bytes:
    """Return a packet that we sent, in IPv6."""
    return ip(segment, protocol, A, B)


def only(packet: bytes) -> Messages:
    """Decode `packet`, which must be one ICMP message."""
    decoded = decode(frames_of(packet))
    assert not decoded.refused
    (messages,) = decoded.messages
    assert len(messages) == 1
    return messages


@pytest.mark.parametrize(("segment", "protocol"), [(tcp(1025, 25), 6), (udp(1025, 25), 17)])
@pytest.mark.parametrize(("told", "ours"), [(told4, ours4), (told6, ours6)])
def test_an_unreachable_gives_the_ports_it_quotes(
    told: Callable[..., bytes], ours: Callable[..., bytes], segment: bytes, protocol: int
) -> None:
    """The client port is the quoted source port, the remote port the quoted destination port."""
    messages = only(told(ours(segment, protocol), code=4))

    assert messages.quote.tolist() == [Quote.PORTS]
    assert messages.code.tolist() == [4]
    assert (messages.client_port.tolist(), messages.remote_port.tolist()) == ([1025], [25])


def test_the_remote_is_where_the_quoted_packet_was_going() -> None:
    """The remote is the quoted destination, not the router that sent the message."""
    v4, v6 = only(told4(ours4(udp(), 17))), only(told6(ours6(udp(), 17)))

    assert v4.remote_addr.tolist() == [0xCB007109]
    assert v4.dst_addr.tolist() == [0xC0A80001]
    assert v6.remote_addr.tobytes()[-1] == 2


def test_a_quote_behind_options_or_extension_headers_is_found() -> None:
    """The quoted ports are found behind IPv4 options and IPv6 extension headers."""
    assert only(told4(ours4(udp(9, 10), 17, options=8))).client_port.tolist() == [9]
    assert only(told6(ours6(bytes([17, 0]) + bytes(6) + udp(9, 10), 60))).client_port.tolist() == [9]


@pytest.mark.parametrize(("told", "quoted", "header"), [(told4, ours4(tcp(), 6), 20), (told6, ours6(tcp(), 6), 40)])
def test_a_quote_needs_its_ports_and_no_more(told: Callable[..., bytes], quoted: bytes, header: int) -> None:
    """A quote is complete with 4 bytes of the transport header; RFC 792 requires 8."""
    for size in range(len(quoted) + 1):
        found = only(told(quoted[:size])).quote.tolist()

        assert found == [Quote.PORTS if size >= header + 4 else Quote.CUT]


MALFORMED = ours4(tcp(), 6, words=4)
FRAGMENT = ours4(tcp(), 6, fragment=100)


@pytest.mark.parametrize(
    ("quoted", "status"),
    [
        (MALFORMED, Quote.MALFORMED),
        (b"\x60" + ours4(tcp(), 6)[1:], Quote.MALFORMED),
        (FRAGMENT, Quote.FRAGMENT),
        (ours4(bytes(20), 132), Quote.NONE),
        (ours4(bytes(20), 1), Quote.NONE),
    ],
)
def test_a_quote_without_ports_says_why(quoted: bytes, status: Quote) -> None:
    """A quote without ports has a status: malformed, a later fragment, or neither TCP nor UDP."""
    assert only(told4(quoted)).quote.tolist() == [status]


@pytest.mark.parametrize("kind", [0, 8, 5, 11, 12, 255])
def test_other_types_quote_nothing(kind: int) -> None:
    """Messages of other types, such as echo, redirect and time exceeded, have no quote."""
    assert only(told4(ours4(udp(), 17), kind=kind)).quote.tolist() == [Quote.NONE]


def test_type_three_is_no_unreachable_in_icmpv6_nor_type_one_in_icmp() -> None:
    """Type 3 is an unreachable in ICMP only, and type 1 in ICMPv6 only."""
    assert only(told6(ours6(udp(), 17), kind=3)).quote.tolist() == [Quote.NONE]
    assert only(told4(ours4(udp(), 17), kind=1)).quote.tolist() == [Quote.NONE]


def test_a_message_without_type_and_code_is_refused() -> None:
    """A message without type and code is refused as `icmp_cut`."""
    assert decode(frames_of(ip(b"\x03", 1))).refused == {"icmp_cut": 1}
    assert only(ip(struct.pack("!BB", 8, 0), 1)).quote.tolist() == [Quote.NONE]
