"""Messages about sockets and addresses are read into columns, by layouts written out by hand."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from socket import AF_INET, AF_INET6
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.capture.live.dumps import Dump, DumpError, DumpRequest, Reading
from shodohflo.capture.live.inet_diag import (
    ADDRESSES,
    CONNECTED,
    ESTABLISHED,
    LISTEN,
    MOST_PORTS,
    SYN_SENT,
    UNCONNECTED,
    bound_ends,
    in_state,
    is_opening,
    local_addresses,
    local_ends,
    opened_here,
    opened_there,
    openings_request,
    sockets_request,
)
from shodohflo.model import TCP, UDP, End

SOCKETS: Final = sockets_request(AF_INET, TCP, (LISTEN,))


def message(kind: int, body: bytes) -> bytes:
    """Return a netlink message."""
    whole = struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body
    return whole + bytes(-len(whole) % 4)


def attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute."""
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def diag(address: str, port: int, state: int = LISTEN, *, v6only: int | None = None, family: int = 0) -> bytes:
    """Return a message about a socket; remote address, cookie and the like are filled with ones."""
    packed = ip_address(address).packed
    family = family or (AF_INET if len(packed) == 4 else AF_INET6)
    fixed = struct.pack("=BBBB", family, state, 0, 0) + struct.pack(">HH16s", port, 0x1111, packed) + b"\1" * 48
    shutdown = attribute(8, b"\0")
    return message(20, fixed + shutdown + (b"" if v6only is None else attribute(11, bytes([v6only]))))


def read(*messages: bytes, request: DumpRequest = SOCKETS) -> Dump:
    """Read an answer."""
    reading = Reading(request, 1)
    for each in messages:
        reading.take(each)
    return reading.dump()


def ends(*named: tuple[str, int], protocol: int = TCP) -> set[End]:
    """Return ends."""
    return {End(ip_address(address), protocol, port) for address, port in named}


def test_local_ends_have_the_address_that_packets_have() -> None:
    """Addresses of both families are read, and IPv4 in IPv6 is IPv4."""
    found = local_ends(
        read(diag("192.0.2.1", 22), diag("2001:db8::ff00:1", 443), diag("::ffff:192.0.2.2", 65535), diag("::1", 1)), UDP
    )

    assert found.objects() == [
        End(ip_address("192.0.2.1"), UDP, 22),
        End(ip_address("2001:db8::ff00:1"), UDP, 443),
        End(ip_address("192.0.2.2"), UDP, 65535),
        End(ip_address("::1"), UDP, 1),
    ]


def test_a_socket_of_another_family_is_ignored() -> None:
    """What is neither IPv4 nor IPv6 has no end."""
    assert len(local_ends(read(diag("192.0.2.1", 22, family=38)), TCP)) == 0


@pytest.mark.parametrize(
    ("given_message", "expected"),
    [
        (diag("0.0.0.0", 80), ends(("0.0.0.0", 80))),
        (diag("::", 80, v6only=0), ends(("::", 80), ("0.0.0.0", 80))),
        (diag("::", 80, v6only=1), ends(("::", 80))),
        (diag("::", 80), ends(("::", 80))),  # an old kernel does not say: nothing is said of IPv4
        (diag("2001:db8::1", 80, v6only=0), ends(("2001:db8::1", 80))),
        (diag("::ffff:0.0.0.0", 80, v6only=0), ends(("0.0.0.0", 80))),
        (diag("::ffff:10.0.0.1", 80, v6only=0), ends(("10.0.0.1", 80))),
    ],
)
def test_a_socket_bound_to_all_addresses_of_ipv6_has_those_of_ipv4_unless_it_is_v6only(
    given_message: bytes, expected: set[End]
) -> None:
    """A wildcard of IPv6 is one of IPv4 too, unless IPV6_V6ONLY is set; each family alone gives the same."""
    assert set(bound_ends(read(given_message), TCP).objects()) == expected
    both = set(bound_ends(read(diag("192.0.2.9", 9), given_message), TCP).objects())
    assert both == expected | ends(("192.0.2.9", 9))


def test_states_are_told_apart() -> None:
    """Connected and unconnected UDP sockets come in one answer."""
    found = read(diag("10.0.0.1", 1, ESTABLISHED), diag("10.0.0.1", 2, UNCONNECTED), diag("10.0.0.1", 3, ESTABLISHED))

    assert local_ends(in_state(found, ESTABLISHED), UDP).port.tolist() == [1, 3]


def test_the_request_asks_for_a_family_a_protocol_and_states() -> None:
    """The request is an inet_diag_req_v2 of 56 bytes with a bit for each state."""
    body = sockets_request(AF_INET6, UDP, CONNECTED).body

    assert len(body) == 56
    assert body[:4] == bytes([10, 17, 0, 0])
    assert struct.unpack_from("=I", body, 4) == (0b1011_0011_0110,)


def test_the_local_address_of_a_link_counts() -> None:
    """IFA_LOCAL comes before IFA_ADDRESS, in whatever order; without either, or with a short one, there is none."""
    v4, v6 = bytes([AF_INET, 24, 0, 0, 1, 0, 0, 0]), bytes([AF_INET6, 64, 0, 0, 1, 0, 0, 0])
    ours, theirs = ip_address("192.0.2.1").packed, ip_address("192.0.2.2").packed
    six = ip_address("2001:db8::1").packed

    found = read(
        message(20, v4 + attribute(1, theirs) + attribute(2, ours)),
        message(20, v6 + attribute(1, six)),
        message(20, v6 + attribute(1, ours)),
        message(20, v4),
        message(20, bytes([38]) + v4[1:] + attribute(2, theirs)),
        request=ADDRESSES,
    )

    assert set(local_addresses(found).objects()) == {ip_address("192.0.2.1"), ip_address("2001:db8::1")}


def accepts(code: bytes, sport: int) -> bool:
    """Run a program for sockets as the kernel does: it accepts a socket at the very end of the program."""
    at = 0
    while at < len(code):
        operation, yes, no = struct.unpack_from("=BBH", code, at)
        port = struct.unpack_from("=H", code, at + 6)[0] if operation != 1 else 0
        holds = {1: False, 2: sport >= port, 3: sport <= port}[operation]
        at += yes if holds else no
    return at == len(code)


@given(st.sets(st.integers(0, 30)), st.integers(0, 32))
def test_the_filter_leaves_out_connections_of_services(services: set[int], port: int) -> None:
    """The program of the request accepts what it should, for all ports."""
    body = openings_request(AF_INET, services).body
    attributes = body[56:]

    assert body[2] == 2
    assert not attributes or struct.unpack_from("=HH", attributes) == (len(attributes), 1)
    assert accepts(attributes[4:], port) == (port not in services)


def test_the_filter_has_a_bound() -> None:
    """The length of an attribute has 16 bits, so that not every number of ports fits."""
    body = openings_request(AF_INET, range(65536)).body

    assert len(body) == 56 + 4 + 20 * MOST_PORTS
    assert [accepts(body[60:], port) for port in (0, MOST_PORTS - 1, MOST_PORTS, 65535)] == [False, False, True, True]


def info(acked: int, sent: int, again: int, unacked: int, octets: int = 232) -> bytes:
    """Return a struct tcp_info."""
    whole = bytearray(b"\7" * 232)
    for place, form, value in ((24, "=I", unacked), (120, "=Q", acked), (200, "=Q", sent), (208, "=Q", again)):
        struct.pack_into(form, whole, place, value)
    return bytes(whole[:octets])


@pytest.mark.parametrize(
    ("given_info", "opener"),
    [
        (info(1, 0, 0, 0), "here"),
        (info(0, 0, 0, 0), "there"),
        (info(5001, 5000, 0, 0), "here"),
        (info(5000, 5300, 300, 0), "there"),
        (info(2**40 + 1, 2**40, 0, 0), "here"),
        (info(2**32, 2**32 - 1, 0, 0), "here"),  # the lower half has wrapped
        (info(5001, 5000, 0, 1), ""),  # on their way
        (info(5002, 5000, 0, 0), ""),  # a FIN was acknowledged, too
        (info(1, 0, 0, 0, 208), ""),  # of an older kernel
        (None, ""),
    ],
)
def test_the_sequence_number_of_the_syn_tells_who_has_opened(given_info: bytes | None, opener: str) -> None:
    """One more acknowledged than sent is this host's SYN; where it can't be known, neither end has opened."""
    text = diag("192.0.2.1", 40000, ESTABLISHED)
    if given_info is not None:
        text = message(20, text[16:] + attribute(2, given_info))
    found = read(text, diag("192.0.2.1", 1))

    assert len(opened_here(found).starts) == (opener == "here")
    assert len(opened_there(found).starts) == (opener == "there")


def test_a_connection_that_waits_for_its_answer_was_opened_here() -> None:
    """SYN_SENT is a state of clients alone."""
    found = read(diag("192.0.2.1", 1, ESTABLISHED), diag("192.0.2.1", 2, SYN_SENT))

    assert is_opening(found).tolist() == [False, True]


HONEST: Final = (
    diag("192.0.2.1", 22)
    + diag("::", 80, v6only=0)
    + message(20, diag("2001:db8::1", 443, ESTABLISHED)[16:] + attribute(2, info(1, 0, 0, 0, 216)))
)


@pytest.mark.parametrize("length", range(len(HONEST)))
def test_an_answer_cut_at_any_byte_has_no_more_sockets_than_it_held(length: int) -> None:
    """A cut answer is an error, or has the sockets before the cut."""
    try:
        found = read(HONEST[:length])
    except DumpError:
        return

    assert len(local_ends(found, TCP)) == len(found.starts) <= 3


@given(st.lists(st.tuples(st.integers(0, len(HONEST) - 1), st.integers(0, 255)), max_size=8))
def test_rubbish_is_read_as_some_ends_or_refused(changes: list[tuple[int, int]]) -> None:
    """Whatever bytes an answer has, its sockets are ends with addresses of their family."""
    octets = bytearray(HONEST)
    for place, value in changes:
        octets[place] = value
    for request in (SOCKETS, ADDRESSES):
        try:
            found = read(bytes(octets), request=request)
        except DumpError:
            continue

        for columns in (
            (bound_ends(found, TCP).address, local_ends(found, UDP).address)
            if request is SOCKETS
            else (local_addresses(found),)
        ):
            assert np.isin(columns.version, [4, 6]).all()
            assert len(opened_here(found).starts) + len(opened_there(found).starts) <= len(found.starts)
            assert all(str(address) for address in columns.objects())
