"""Headers before a whole Ethernet frame, which the EtherType of an outer Ethernet header announces.

PBB         0  I-TAG: priority, 24 bits of service    4  the customer's frame (IEEE 802.1Q clause 9.7, 802.1ah)
FabricPath  0  tree (10 bits), time to live (6)    2  the frame (Cisco)
TRILL       0  version (2 bits), reserved, multicast, length of the options in 4-byte words (5), hop count (6)
            2  egress    4  ingress    6  options, then the frame (RFC 6325 section 3)
Broadcom    0  switch tag    4  the frame, as LINKTYPE_DSA_TAG_BRCM_PREPEND has it
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import ETHERNET
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows


class TrillHeader(Header):
    """The fields of a TRILL header that are decoded."""

    SIZE = 6

    @property
    def version(self) -> NDArray[np.uint8]:
        """0, the only version."""
        return self.u8(0) >> np.uint8(6)

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes, options included: 6 to 130."""
        return self.SIZE + 4 * (self.u16(0) >> np.uint16(6) & np.uint16(0x1F)).astype(np.int64)


def before_ethernet(decoding: Decoding[Any], rows: Rows, *, size: int) -> None:
    """Step over `size` bytes, to the Ethernet frame."""
    decoding.next_header(decoding.require(rows, size, Refusal.LINK_CUT).advance(size), ETHERNET)


def trill(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header and its options, to the Ethernet frame."""
    rows = decoding.require(rows, TrillHeader.SIZE, Refusal.LINK_CUT)
    rows = decoding.keep_if(rows, TrillHeader.of(rows).version == 0, Refusal.NOT_IP)
    decoding.next_header(rows.advance(TrillHeader.of(rows).length), ETHERNET)
