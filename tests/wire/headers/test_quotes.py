"""Quotes: the beginning of our packet in an unreachable, with any headers before its ports."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest

from shodohflo.columns.batch import Messages, Quote
from shodohflo.wire.decode import decode
from support.packets import frames_of, ip, tcp, udp, unreachable
from support.sound import A, B, authentication, extension, fragment

OURS, THEIRS = "192.168.0.1", "203.0.113.9"


def told(quoted: bytes) -> Messages:
    """Decode an unreachable about `quoted`, sent by a router, in the family of the quoted packet."""
    version = quoted[0] >> 4 if quoted else 4
    message = unreachable(quoted, kind=1) if version == 6 else unreachable(quoted)
    packet = ip(message, 58, "2001:db8::fe", A) if version == 6 else ip(message, 1, "192.0.2.1", OURS)
    (messages,) = decode(frames_of(packet)).messages
    return messages


WITH_PORTS = {
    "TCP": ip(tcp(9, 10), 6, OURS, THEIRS),
    "UDP": ip(udp(9, 10), 17, OURS, THEIRS),
    "options": ip(udp(9, 10), 17, OURS, THEIRS, options=40),
    "authenticated": ip(authentication(17) + udp(9, 10), 51, OURS, THEIRS),
    "a first fragment": ip(udp(9, 10), 17, OURS, THEIRS, fragment=0x2000),
    "longer than what is quoted": ip(udp(9, 10), 17, OURS, THEIRS, length=1500),
    **{
        f"total length {length}": ip(udp(9, 10), 17, OURS, THEIRS, length=length)
        for length in (0, 1, 8, 19, 20, 23, 24, 27, 0x1C00, 65_535)
    },
    "a total length of TCP that is 20 too small": ip(tcp(9, 10), 6, OURS, THEIRS, length=20),
    "options, and a total length less than the header": ip(udp(9, 10), 17, OURS, THEIRS, options=40, length=8),
    "not to be fragmented": ip(udp(9, 10), 17, OURS, THEIRS, fragment=0x4000),
    "not to be fragmented, bytes exchanged": ip(udp(9, 10), 17, OURS, THEIRS, fragment=0x0040, length=0x1C00),
    "a first fragment, bytes exchanged": ip(udp(9, 10), 17, OURS, THEIRS, fragment=0x0020, length=0xDC05),
    "IPv6 with an odd length": ip(udp(9, 10), 17, A, B, length=7),
    "IPv6 with a length less than its extension header": ip(extension(17, 2) + udp(9, 10), 60, A, B, length=8),
    "TCP over IPv6": ip(tcp(9, 10), 6, A, B),
    "UDP over IPv6": ip(udp(9, 10), 17, A, B),
    "IPv6, longer than what is quoted": ip(udp(9, 10), 17, A, B, length=65_535),
    "an IPv6 jumbogram": ip(extension(6) + tcp(9, 10), 0, A, B, length=0),
    **{f"extension {number}": ip(extension(17, 1) + udp(9, 10), number, A, B) for number in (0, 43, 60, 135, 139, 140)},
    "an atomic fragment": ip(fragment(17) + udp(9, 10), 44, A, B),
    "a first IPv6 fragment": ip(fragment(17, more=True) + udp(9, 10), 44, A, B),
    "several": ip(extension(43) + extension(44) + fragment(51) + authentication(6) + tcp(9, 10), 0, A, B),
}

WITHOUT = {
    "nothing": (b"", Quote.CUT),
    "SCTP": (ip(bytes(20), 132, OURS, THEIRS), Quote.NONE),
    "ICMP": (ip(bytes(20), 1, OURS, THEIRS), Quote.NONE),
    "ESP": (ip(bytes(20), 50, OURS, THEIRS), Quote.NONE),
    "GRE": (ip(bytes(20), 47, OURS, THEIRS), Quote.NONE),
    "a tunnelled packet": (ip(ip(udp(), 17), 4, OURS, THEIRS), Quote.NONE),
    "ICMPv6": (ip(bytes(20), 58, A, B), Quote.NONE),
    "no next header": (ip(b"", 59, A, B), Quote.NONE),
    "a later fragment": (ip(udp(), 17, OURS, THEIRS, fragment=7), Quote.FRAGMENT),
    "a later IPv6 fragment": (ip(fragment(17, 7) + udp(), 44, A, B), Quote.FRAGMENT),
    "a header of 16 bytes": (ip(udp(), 17, OURS, THEIRS, words=4), Quote.MALFORMED),
    "an unfragmented packet of another offset": (ip(udp(), 17, OURS, THEIRS, fragment=0x0041), Quote.FRAGMENT),
    "another version": (ip(udp(), 17, OURS, THEIRS, version=5), Quote.MALFORMED),
    "a header longer than the quote": (ip(udp(), 17, OURS, THEIRS, words=15), Quote.CUT),
    "options that are cut": (ip(udp(), 17, OURS, THEIRS, options=40)[:50], Quote.CUT),
    "an extension header that is cut": (ip(b"\x11", 60, A, B), Quote.CUT),
    "an extension header beyond the quote": (ip(b"\x11\xff" + bytes(14), 60, A, B), Quote.CUT),
    "extension headers for ever": (ip(extension(60) * 60, 60, A, B), Quote.MALFORMED),
}


@pytest.mark.parametrize("quoted", WITH_PORTS.values(), ids=WITH_PORTS)
def test_ports_are_found_behind_whatever_our_packet_had(quoted: bytes) -> None:
    """Ports and destination of the quoted packet are found behind any options and extension headers."""
    messages = told(quoted)

    assert messages.quote.tolist() == [Quote.PORTS]
    assert (messages.client_port.tolist(), messages.remote_port.tolist()) == ([9], [10])
    if messages.family == 4:
        assert messages.remote_addr.tolist() == [int(ip_address(THEIRS))]
    else:
        assert messages.remote_addr.tobytes() == ip_address(B).packed


@pytest.mark.parametrize("quoted", WITH_PORTS.values(), ids=WITH_PORTS)
def test_a_quote_cut_at_each_byte_is_cut_or_has_its_ports(quoted: bytes) -> None:
    """A quote is `CUT` until its ports are captured and `PORTS` from then on; trailing bytes change nothing."""
    states = [told(quoted[:size]).quote.tolist()[0] for size in range(1, len(quoted) + 1)]

    first = states.index(Quote.PORTS)
    assert set(states[:first]) == {Quote.CUT}
    assert set(states[first:]) == {Quote.PORTS}
    assert told(quoted + b"\xff" * 30).quote.tolist() == [Quote.PORTS]


@pytest.mark.parametrize(("quoted", "status"), WITHOUT.values(), ids=WITHOUT)
def test_a_quote_without_ports_says_why(quoted: bytes, status: Quote) -> None:
    """A quote without ports has a status: cut, a later fragment, malformed, or neither TCP nor UDP."""
    assert told(quoted).quote.tolist() == [status]


def test_quotes_are_not_mixed_up_among_messages() -> None:
    """Each message has its own quote, also where only some of the messages are unreachables."""
    quoted = [ip(udp(number, 2 * number), 17, OURS, THEIRS) for number in range(1, 40)]
    messages = [unreachable(one, kind=3 if number % 3 else 8) for number, one in enumerate(quoted, 1)]

    (found,) = decode(frames_of(*(ip(message, 1) for message in messages))).messages

    expected = [number if number % 3 else 0 for number in range(1, 40)]
    assert found.client_port.tolist() == expected
    assert found.remote_port.tolist() == [2 * number for number in expected]


def test_an_extension_of_the_message_itself_is_no_part_of_the_quote() -> None:
    """An unreachable with an RFC 4884 extension is decoded like one without."""
    quoted = ip(udp(9, 10), 17, OURS, THEIRS).ljust(128, b"\0")
    extended = struct.pack("!BBHBBH", 3, 1, 0, 0, 32, 0) + quoted + b"\x20\0\0\0\0\x08\1\1\0\0\1\x40"

    (messages,) = decode(frames_of(ip(extended, 1))).messages

    assert messages.client_port.tolist() == [9]


@pytest.mark.parametrize("original", [None, 1500])
def test_a_message_that_a_mirror_has_truncated_has_what_is_left_of_its_quote(original: int | None) -> None:
    """An unreachable truncated by the capture or by a mirror has its ports, if they are still there."""
    packet = ip(unreachable(ip(udp(9, 10, bytes(500)), 17, OURS, THEIRS)), 1)

    for size in range(30, 120):
        (messages,) = decode(frames_of(packet[:size], original=original)).messages

        assert messages.quote.tolist() == [Quote.PORTS if size >= 52 else Quote.CUT]
        assert messages.octets.tolist() == [len(packet)]
