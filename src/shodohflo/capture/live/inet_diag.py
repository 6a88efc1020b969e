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
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.capture.live.dumps import HEADER_OCTETS, DumpRequest
from shodohflo.columns.addresses import Addresses
from shodohflo.columns.own_ends import SocketEnds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.capture.live.dumps import Dump

ESTABLISHED: Final = 1
UNCONNECTED: Final = 7
LISTEN: Final = 10
"""States of sockets (net/tcp_states.h), also of UDP sockets, which are connected or not."""

CONNECTED: Final = (ESTABLISHED, 2, 4, 5, 8, 9, 11)
"""ESTABLISHED, SYN_SENT, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK, CLOSING: states that only connections have.

TIME_WAIT sends no payload any more, and a connection in SYN_RECV has a listener.
"""

_SOCK_DIAG_BY_FAMILY: Final = 20  # linux/sock_diag.h
_REQUEST: Final = struct.Struct("=BBBBI48x")  # inet_diag_req_v2: family, protocol, two bytes, states, any socket
_SOCKET_OCTETS: Final = 72  # inet_diag_msg
_STATE: Final = 1
_LOCAL_PORT: Final = 4
_LOCAL_ADDRESS: Final = 8
_SKV6ONLY: Final = 11  # INET_DIAG_SKV6ONLY, where a socket of IPv6 listens or is not connected
# linux/inet_diag.h

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
    body = _REQUEST.pack(family, protocol, 0, 0, sum(1 << state for state in states))
    return DumpRequest(_SOCK_DIAG_BY_FAMILY, body, _SOCK_DIAG_BY_FAMILY, _SOCKET_OCTETS)


def in_state(dump: Dump, state: int) -> Dump:
    """Return the messages about sockets in `state`."""
    return dump.keep(dump.byte(_STATE) == state)


def local_ends(dump: Dump, protocol: int) -> SocketEnds:
    """Return the local end of each socket; IPv4 in IPv6 (::ffff:0:0/96) is IPv4, as it is on the wire."""
    dump = _of_ip(dump)
    addresses = _addresses(dump, dump.starts + HEADER_OCTETS + _LOCAL_ADDRESS)
    return SocketEnds(addresses, np.full(len(dump.starts), protocol, np.uint8), dump.number(_LOCAL_PORT))


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
