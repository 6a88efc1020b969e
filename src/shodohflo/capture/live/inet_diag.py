"""inet_diag: the kernel's messages about TCP and UDP sockets, and rtnetlink's about addresses, read into columns.

linux/inet_diag.h, linux/sock_diag.h, sock_diag(7). A message about a socket has, after its header:

    0  1  family          4  2  local port, network order      24  16  remote address
    1  1  state           6  2  remote port                    40  32  interface, cookie, timers, owner
    2  2  timer           8  16 local address, IPv4: first 4   72  ..  attributes

A message about an address has 8 bytes, of which the first is the family, before its attributes (linux/if_addr.h).
"""

from __future__ import annotations

import socket
import struct
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.capture.live.dumps import HEADER_OCTETS, DumpRequest
from shodohflo.columns.addresses import Addresses
from shodohflo.columns.socket_ends import SocketEnds, SocketPairs
from shodohflo.model import TCP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from shodohflo.capture.live.dumps import Dump

ESTABLISHED: Final = 1
UNCONNECTED: Final = 7
LISTEN: Final = 10
"""States of sockets (net/tcp_states.h), also of UDP sockets, which are connected or not."""

SYN_SENT: Final = 2
_CLOSE_WAIT: Final = 8

CONNECTED: Final = (ESTABLISHED, SYN_SENT, 4, 5, _CLOSE_WAIT, 9, 11)
"""ESTABLISHED, SYN_SENT, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK, CLOSING: states that only connections have.

TIME_WAIT sends no payload any more, and a connection in SYN_RECV has a listener.
"""

_SOCK_DIAG_BY_FAMILY: Final = 20  # linux/sock_diag.h
_REQUEST: Final = struct.Struct("=BBBBI48x")  # inet_diag_req_v2: family, protocol, two bytes, states, any socket
_SOCKET_OCTETS: Final = 72  # inet_diag_msg
_STATE: Final = 1
_LOCAL_PORT: Final = 4
_REMOTE_PORT: Final = 6
_LOCAL_ADDRESS: Final = 8
_REMOTE_ADDRESS: Final = 24
_INFO: Final = 2  # INET_DIAG_INFO: struct tcp_info
_SKV6ONLY: Final = 11  # INET_DIAG_SKV6ONLY, where a socket of IPv6 listens or is not connected
_BYTECODE: Final = 1  # INET_DIAG_REQ_BYTECODE
_JMP: Final = 1
_S_GE: Final = 2
_S_LE: Final = 3
# linux/inet_diag.h

_UNACKED: Final = 24
_ACKED: Final = 120
_SENT: Final = 200
_RETRANSMITTED: Final = 208
_INFO_OCTETS: Final = 216
# Where tcpi_unacked, tcpi_bytes_acked, tcpi_bytes_sent and tcpi_bytes_retrans of tcp_info are (linux/tcp.h; since 4.19)

MOST_PORTS: Final = 500
"""Local ports that a filter leaves out."""

_RTM_NEWADDR: Final = 20
_RTM_GETADDR: Final = 22
_ADDRESS_OCTETS: Final = 8  # ifaddrmsg
_IFA_ADDRESS: Final = 1
_IFA_LOCAL: Final = 2
# linux/rtnetlink.h, linux/if_addr.h

ADDRESSES: Final = DumpRequest(_RTM_GETADDR, bytes(_ADDRESS_OCTETS), _RTM_NEWADDR, _ADDRESS_OCTETS)
"""Asks for the local addresses of both families."""

FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)


def sockets_request(family: int, protocol: int, states: tuple[int, ...]) -> DumpRequest:
    """Ask for the sockets of a family and a protocol that are in one of `states`."""
    return _request(_REQUEST.pack(family, protocol, 0, 0, _bits(states)))


def openings_request(family: int, services: Iterable[int]) -> DumpRequest:
    """Ask for TCP connections, but not for those of the local ports `services`, with what `opened_here` reads.

    Of `services`, the first `MOST_PORTS` are left out.
    """
    body = _REQUEST.pack(family, TCP, 1 << (_INFO - 1), 0, _bits((ESTABLISHED, _CLOSE_WAIT)))
    code = _filter(sorted(set(services))[:MOST_PORTS])
    return _request(body + (struct.pack("=HH", 4 + len(code), _BYTECODE) + code if code else b""))


def _request(body: bytes) -> DumpRequest:
    return DumpRequest(_SOCK_DIAG_BY_FAMILY, body, _SOCK_DIAG_BY_FAMILY, _SOCKET_OCTETS)


def _bits(states: Iterable[int]) -> int:
    return sum(1 << state for state in states)


def _filter(ports: list[int]) -> bytes:
    """Return a program of the kernel's for sockets with other local ports than `ports`.

    An operation has a code, how far it is to the next one if its condition holds, and if it does not. The end of the
    program accepts a socket, and a jump 4 bytes further refuses it. For each port, as 22:

        0   S_GE 22      else to 20
        8   S_LE 22      else to 20
        16  JMP          to the end + 4
    """
    code = b""
    for port in ports:
        code += _condition(_S_GE, port, 20) + _condition(_S_LE, port, 12)
        left = 20 * len(ports) - len(code)
        code += struct.pack("=BBH", _JMP, 4, left + 4)
    return code


def _condition(code: int, port: int, otherwise: int) -> bytes:
    return struct.pack("=BBHBBH", code, 8, otherwise, 0, 0, port)


def opened_here(dump: Dump) -> Dump:
    """Return the connections that this host has opened; see `_excess`."""
    return dump.keep(_excess(dump) == 1)


def opened_there(dump: Dump) -> Dump:
    """Return the connections that this host has accepted; see `_excess`."""
    return dump.keep(_excess(dump) == 0)


def _excess(dump: Dump) -> NDArray[np.int64]:
    """Return how many more sequence numbers were acknowledged than bytes were sent; -1 where that is not known.

    Of connections without segments on their way: 1 where the SYN was this host's, as it takes a sequence number that
    tcpi_bytes_acked includes. That of a SYN-ACK is not included, since a connection that was accepted begins after it.
    """
    info = dump.attribute(_SOCKET_OCTETS, _INFO, _INFO_OCTETS)
    known = info >= 0
    info = np.where(known, info, 0)
    # The lower halves of 64-bit numbers are enough.
    low = 0 if sys.byteorder == "little" else 4
    acked, sent, again = (dump.native(info + known * (place + low)) for place in (_ACKED, _SENT, _RETRANSMITTED))
    known &= dump.native(info + known * _UNACKED) == 0
    return np.where(known, (acked - sent + again).astype(np.int64), -1)


def in_state(dump: Dump, state: int) -> Dump:
    """Return the messages about sockets in `state`."""
    return dump.keep(dump.byte(_STATE) == state)


def is_opening(dump: Dump) -> NDArray[np.bool_]:
    """Return which connections wait for the answer to a SYN of this host."""
    opening: NDArray[np.bool_] = dump.byte(_STATE) == SYN_SENT
    return opening


def local_ends(dump: Dump, protocol: int) -> SocketEnds:
    """Return the local end of each socket; IPv4 in IPv6 (::ffff:0:0/96) is IPv4, as it is on the wire."""
    dump = _of_ip(dump)
    addresses = _addresses(dump, dump.starts + HEADER_OCTETS + _LOCAL_ADDRESS)
    return SocketEnds(addresses, np.full(len(dump.starts), protocol, np.uint8), dump.number(_LOCAL_PORT))


def connections(dump: Dump, protocol: int) -> SocketPairs:
    """Return both ends of each socket, which is connected; IPv4 in IPv6 as for `local_ends`."""
    dump = _of_ip(dump)
    remote = _addresses(dump, dump.starts + HEADER_OCTETS + _REMOTE_ADDRESS)
    return SocketPairs(local_ends(dump, protocol), remote, dump.number(_REMOTE_PORT))


def bound_ends(dump: Dump, protocol: int) -> SocketEnds:
    """Return the ends of sockets that are not connected: that of IPv6's `::` is one of IPv4 too, unless it is not."""
    dump = _of_ip(dump)
    ends = local_ends(dump, protocol)
    flag = dump.attribute(_SOCKET_OCTETS, _SKV6ONLY, 1)
    # Without the attribute, nothing is said about IPv4: a service that is not known misleads nobody.
    is_dual = (flag >= 0) & (dump.octets[flag] == 0) & ends.is_any & (ends.address.version == 6)
    both = ends.keep(is_dual)
    any_v4 = Addresses.zeros(len(both))
    any_v4.version[:] = 4
    return SocketEnds.concatenate([ends, replace(both, address=any_v4)])


def local_addresses(dump: Dump) -> Addresses:
    """Return the addresses of the interfaces; of a point-to-point link, ours."""
    dump = _of_ip(dump)
    parts = []
    for family, octets in zip(FAMILIES, (4, 16), strict=True):
        chosen = dump.keep(dump.byte(0) == family)
        local = chosen.attribute(_ADDRESS_OCTETS, _IFA_LOCAL, octets)
        places = np.where(local >= 0, local, chosen.attribute(_ADDRESS_OCTETS, _IFA_ADDRESS, octets))
        has_one = places >= 0
        parts.append(_addresses(chosen.keep(has_one), places[has_one]))
    return Addresses.concatenate(parts)


def _of_ip(dump: Dump) -> Dump:
    return dump.keep(np.isin(dump.byte(0), FAMILIES))


def _addresses(dump: Dump, places: NDArray[np.int64]) -> Addresses:
    """Read an address of the family of each message at its place."""
    is_v6 = dump.byte(0) == socket.AF_INET6
    first = dump.word(places)
    # Of IPv4, only the first word is an address: the others may be beyond the message.
    second, third, fourth = (dump.word(np.where(is_v6, places + 4 * number, places)) for number in (1, 2, 3))
    high = np.where(is_v6, first << np.uint64(32) | second, np.uint64(0))
    low = np.where(is_v6, third << np.uint64(32) | fourth, first)
    is_mapped = is_v6 & (high == 0) & (low >> np.uint64(32) == 0xFFFF)
    low[is_mapped] &= np.uint64(0xFFFFFFFF)
    return Addresses(np.where(is_v6 & ~is_mapped, np.uint8(6), np.uint8(4)), high, low)
