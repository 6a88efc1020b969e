"""Batches: decoded packets of one address family as equal-length columns; the seam from wire to rules."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

Family = Literal[4, 6]

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
"""TCP control bits (RFC 9293 section 3.1)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """TCP and UDP packets between addresses of one family."""

    family: Family
    src_addr: NDArray[Any]
    dst_addr: NDArray[Any]
    """`uint32` for IPv4; `S16`, the 16 bytes in network order, for IPv6."""
    src_port: NDArray[np.uint16]
    dst_port: NDArray[np.uint16]
    protocol: NDArray[np.uint8]
    tcp_flags: NDArray[np.uint8]
    """The TCP control bits, 0 for UDP."""
    packets: NDArray[np.int64]
    """How many packets the row stands for: 1 as decoded, more once rows are merged."""
    octets: NDArray[np.int64]
    """Their network-layer bytes."""
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    """When the first and the last of them were received, in ns since 1970."""

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.src_port)

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> Batch:
        """Take some rows."""
        return Batch(self.family, *(getattr(self, name)[rows] for name in _columns(Batch)))

    def keep(self, mask: NDArray[np.bool_]) -> Batch:
        """Return the rows where `mask` is true; all of them without copying."""
        return self if mask.all() else self[np.flatnonzero(mask)]

    @classmethod
    def concatenate(cls, several: Sequence[Batch]) -> Batch:
        """Put the rows of `several` of one family, at least one, one after the other."""
        return several[0] if len(several) == 1 else cls(several[0].family, *_concatenated(cls, several))


class Quote(IntEnum):
    """What an ICMP message says of a packet that the receiver had sent."""

    NONE = 0
    """It is no unreachable, or the packet it quotes is neither TCP nor UDP."""
    PORTS = 1
    """An unreachable, and the quote holds the ports."""
    CUT = 2
    FRAGMENT = 3
    MALFORMED = 4
    """An unreachable whose quote is too short for ports, a later fragment, or no IP packet."""


@dataclass(frozen=True, slots=True)
class Messages:
    """ICMP or ICMPv6 messages between addresses of one family; the last four columns need `Quote.PORTS`."""

    family: Family
    src_addr: NDArray[Any]
    dst_addr: NDArray[Any]
    """As in `Batch`."""
    octets: NDArray[np.int64]
    """Network-layer bytes of the message itself."""
    time: NDArray[np.int64]
    """When it was received, in ns since 1970."""
    quote: NDArray[np.uint8]
    """A `Quote`."""
    code: NDArray[np.uint8]
    remote_addr: NDArray[Any]
    """Where the quoted packet was going."""
    client_port: NDArray[np.uint16]
    remote_port: NDArray[np.uint16]
    """The quoted source and destination port."""

    def __len__(self) -> int:
        """Count the messages."""
        return len(self.quote)

    @classmethod
    def concatenate(cls, several: Sequence[Messages]) -> Messages:
        """Put the rows of `several` of one family, at least one, one after the other."""
        return several[0] if len(several) == 1 else cls(several[0].family, *_concatenated(cls, several))


def _columns(table: type[Batch | Messages]) -> list[str]:
    return [field.name for field in fields(table) if field.name != "family"]


def _concatenated(table: type[Batch | Messages], several: Sequence[Batch | Messages]) -> Iterator[NDArray[Any]]:
    for name in _columns(table):
        yield np.concatenate([getattr(part, name) for part in several])
