"""Batches: decoded packets of one address family as columns; the interface between `wire` and `rules`."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from shodohflo.columns.table import Role, Table, column, shared, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

Family = Literal[4, 6]

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
ACK: Final = 0x10
"""TCP control bits (RFC 9293 section 3.1)."""

ADDRESS: Final[dict[Family, Any]] = {4: np.uint32, 6: "S16"}
"""The type of a column of addresses, by family: numbers, or 16 bytes in network order."""


class Says(IntEnum):
    """What the first bytes of a UDP datagram say about its sender."""

    NOTHING = 0
    REQUEST = 1
    """It asks: the sender is a client."""
    RESPONSE = 2
    """It answers: the sender is a service."""


@table
class Batch(Table):
    """TCP and UDP packets between addresses of one family."""

    family: Family = shared()
    src_addr: NDArray[Any] = column(ADDRESS, Role.KEY)
    dst_addr: NDArray[Any] = column(ADDRESS, Role.KEY)
    src_port: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    dst_port: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    protocol: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    """6 or 17."""
    tcp_flags: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    """The TCP control bits, 0 for UDP.

    As decoded, all eight. After `merging.merge_packets` only the significant ones, whether or not rows were
    merged: SYN, FIN and RST, and ACK where SYN is set (0x12 is a SYN-ACK); ACK of other segments and PSH,
    URG, ECE and CWR of all segments are 0.
    """
    number: NDArray[np.uint32] = column(np.uint32, Role.KEY)
    """Of an opening segment, the sequence number that it begins or acknowledges; 0 for all other packets.

    The sequence number of a SYN without ACK; the acknowledgement number of a SYN-ACK less 1, so that both of one
    handshake have the same number. Segments with FIN or RST open nothing.
    """
    says: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    """What the first bytes of a UDP datagram say: a `Says`; 0 for TCP."""
    packets: NDArray[np.int64] = column(np.int64, Role.SUM)
    """How many packets the row stands for: 1 as decoded, more once rows are merged."""
    octets: NDArray[np.int64] = column(np.int64, Role.SUM)
    """Their network-layer bytes."""
    first: NDArray[np.int64] = column(np.int64, Role.EARLIEST)
    last: NDArray[np.int64] = column(np.int64, Role.LATEST)
    """When the first and the last of them were received, in ns since 1970-01-01 UTC."""


class Quote(IntEnum):
    """What an ICMP message quotes of a packet that its receiver had sent."""

    NONE = 0
    """The message is no unreachable, or the packet it quotes is neither TCP nor UDP."""
    PORTS = 1
    """An unreachable whose quote includes the ports."""
    CUT = 2
    """An unreachable whose quote ends before the ports."""
    FRAGMENT = 3
    """An unreachable that quotes a later fragment, which has no ports."""
    MALFORMED = 4
    """An unreachable whose quote is no IP packet."""


@table
class Messages(Table):
    """ICMP or ICMPv6 messages between addresses of one family; the last four columns need `Quote.PORTS`."""

    family: Family = shared()
    src_addr: NDArray[Any] = column(ADDRESS)
    dst_addr: NDArray[Any] = column(ADDRESS)
    octets: NDArray[np.int64] = column(np.int64)
    """Network-layer bytes of the message itself."""
    time: NDArray[np.int64] = column(np.int64)
    """When it was received, in ns since 1970-01-01 UTC."""
    quote: NDArray[np.uint8] = column(np.uint8)
    """A `Quote`."""
    code: NDArray[np.uint8] = column(np.uint8)
    """The ICMP code of the message."""
    remote_addr: NDArray[Any] = column(ADDRESS)
    """The destination of the quoted packet."""
    client_port: NDArray[np.uint16] = column(np.uint16)
    remote_port: NDArray[np.uint16] = column(np.uint16)
    """The source and the destination port of the quoted packet."""
