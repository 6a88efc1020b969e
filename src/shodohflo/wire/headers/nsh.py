"""The network service header (RFC 8300 section 2), which leads a packet through a chain of services.

0  version (2 bits), OAM, unassigned, time to live (6), length in 4-byte words (6)    2  type of the metadata
3  next protocol    4  service path (3 bytes), index    8  metadata
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.layers import NSH_PAYLOAD
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows


class NshHeader(Header):
    """The base header and the service path header."""

    SIZE = 8

    @property
    def is_sound(self) -> NDArray[np.bool_]:
        """Whether the version is 0, the only one, and the length covers what is always present."""
        sound: NDArray[np.bool_] = (self.u8(0) >> 6 == 0) & (self.length >= self.SIZE)
        return sound

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes, metadata included: 8 to 252."""
        return 4 * (self.u16(0) & 0x3F).astype(np.int64)

    @property
    def next_protocol(self) -> NDArray[np.uint8]:
        """What follows (IANA "NSH Next Protocol")."""
        return self.u8(3)


def nsh(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header and its metadata of either type."""
    rows = decoding.require(rows, NshHeader.SIZE, Refusal.TUNNEL_CUT)
    rows = decoding.keep_if(rows, NshHeader.of(rows).is_sound, Refusal.NOT_IP)
    header = NshHeader.of(rows)
    decoding.dispatch(rows.advance(header.length), NSH_PAYLOAD, header.next_protocol)
