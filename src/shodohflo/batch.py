"""Batches: decoded packets of one address family as equal-length columns; the seam from wire to rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    import numpy as np
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
