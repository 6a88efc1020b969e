"""IPv4 (RFC 791 section 3.1).

0  version (4 bits), header length in 4-byte words (4 bits)
2  total length            6  flags (3 bits), fragment offset in 8-byte units (13 bits)
9  protocol                12  source    16  destination    20  options
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import IPV4_PAYLOAD
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_MORE_FRAGMENTS = 0x2000
_FRAGMENT_OFFSET = 0x1FFF

_LONGEST_DATAGRAM = 65_535
"""Bytes of the longest datagram (RFC 791)."""

LEAST_PAYLOAD = 8
"""Bytes of the shortest transport header (UDP). Where a length of 0 leaves less, that is padding and not an offload."""


class Ipv4Header(Header):
    """The fields of an IPv4 header, without its options."""

    SIZE = 20

    @property
    def version_and_length(self) -> NDArray[np.uint8]:
        """Both in one byte: 0x45 in a header without options."""
        return self.u8(0)

    @property
    def version(self) -> NDArray[np.uint8]:
        """4, unless the header is something else."""
        return self.u8(0) >> np.uint8(4)

    @property
    def header_length(self) -> NDArray[np.int64]:
        """Bytes, options included: 20 to 60 in a valid header."""
        return (self.u8(0) & 0x0F).astype(np.int64) * 4

    @property
    def total_length(self) -> NDArray[np.int64]:
        """Bytes of header and payload; 0 where segmentation offload left the field empty."""
        return self.u16(2).astype(np.int64)

    @property
    def fragmentation(self) -> NDArray[np.uint16]:
        """Flags and fragment offset in one number: 0x4000 in a packet that must not be fragmented."""
        return self.u16(6)

    @property
    def is_fragment(self) -> NDArray[np.bool_]:
        """Whether the packet is a fragment, the first one included."""
        fragmented: NDArray[np.bool_] = self.fragmentation & (_MORE_FRAGMENTS | _FRAGMENT_OFFSET) != 0
        return fragmented

    @property
    def fragment_offset(self) -> NDArray[np.uint16]:
        """Units of 8 bytes: 0 in the first fragment, and in packets that are no fragments."""
        return self.fragmentation & np.uint16(_FRAGMENT_OFFSET)

    @property
    def protocol(self) -> NDArray[np.uint8]:
        """The IP protocol number of the payload."""
        return self.u8(9)

    @property
    def src_addr(self) -> NDArray[np.uint32]:
        """The source address."""
        return self.u32(12)

    @property
    def dst_addr(self) -> NDArray[np.uint32]:
        """The destination address."""
        return self.u32(16)


def ipv4(decoding: Decoding[Any], rows: Rows) -> None:
    """Check that the header agrees with itself, and dispatch the payload by protocol.

    The total length is not compared with the frame: a mirror may have truncated that.
    """
    rows = decoding.require(rows, Ipv4Header.SIZE, Refusal.IP_CUT)
    header = Ipv4Header.of(rows)
    size, total = header.header_length, header.total_length
    good = decoding.check(
        rows,
        (header.version == 4, Refusal.IP_VERSION),
        (size >= Ipv4Header.SIZE, Refusal.IP_HEADER_LENGTH),
        ((total == 0) | (total >= size), Refusal.IP_LENGTH),
        (rows.end - rows.at >= size, Refusal.IP_CUT),
    )
    rows, header, size, total = rows.keep(good), header.keep(good), size[good], total[good]
    # Segmentation offload writes 0 if the length does not fit the field; use the frame's length then.
    offloaded = (total == 0) & (rows.carried() >= size + LEAST_PAYLOAD)
    payload = rows.within(size, np.where(total == 0, rows.carried(), total))
    # A fragment doesn't state the length of the whole datagram, which its payload does.
    _payload(decoding, payload.open_ended(offloaded | header.is_fragment, _LONGEST_DATAGRAM), header)


def _payload(decoding: Decoding[Any], rows: Rows, header: Ipv4Header) -> None:
    """Dispatch the payload by protocol; refuse fragments other than the first, which have no ports."""
    is_first = header.fragment_offset == 0
    decoding.dispatch(decoding.keep_if(rows, is_first, Refusal.LATER_FRAGMENT), IPV4_PAYLOAD, header.protocol[is_first])
