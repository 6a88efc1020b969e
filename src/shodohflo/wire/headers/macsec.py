"""MACsec (IEEE 802.1AE clause 9), which may protect a frame without encrypting it.

0  version (1 bit), end station, SCI present (2), broadcast, encrypted (4), changed (5), association (2 bits)
1  length of the user data, if it is below 48    2  packet number    6  SCI, 8 bytes, where present
then the user data, which begins with the EtherType, and an integrity check value of 16 bytes
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.headers.ethernet import by_ethertype
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows

_HAS_SCI = 0x20
_ENCRYPTED_OR_CHANGED = 0x0C
"""If only "changed" is set, the cipher suite has rewritten the data without hiding it: it cannot be read either."""

_SHORT_LENGTH = 0x3F
_CHECK = 16
"""Bytes of the integrity check value of the standard's cipher suites (clause 14.5)."""


class SecTag(Header):
    """The fields of a SecTAG, and the EtherType after it."""

    SIZE = 6

    @property
    def is_clear(self) -> NDArray[np.bool_]:
        """Whether the user data are those that were sent."""
        clear: NDArray[np.bool_] = self.u8(0) & _ENCRYPTED_OR_CHANGED == 0
        return clear

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes, without the EtherType of the frame: 6, or 14 with an SCI."""
        return np.where(self.u8(0) & _HAS_SCI != 0, self.SIZE + 8, self.SIZE)

    @property
    def data_length(self) -> NDArray[np.int64]:
        """Bytes of the user data if they are fewer than 48, else 0."""
        return (self.u8(1) & _SHORT_LENGTH).astype(np.int64)


def macsec(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the tag of a frame that is not encrypted, and leave out its integrity check value."""
    rows = decoding.require(rows, SecTag.SIZE, Refusal.LINK_CUT)
    rows = decoding.keep_if(rows, SecTag.of(rows).is_clear, Refusal.ENCRYPTED)
    rows = decoding.require(rows, SecTag.of(rows).length + 2, Refusal.LINK_CUT)
    header = SecTag.of(rows)
    data = rows.at + header.length
    data_end = np.where(header.data_length > 0, data + header.data_length, rows.wire_end - _CHECK)
    # Only a packet without a length of its own ends there: where a mirror truncated the frame, its check value is gone.
    octets = np.minimum(rows.octets, np.maximum(data_end, data + 2) - rows.network)
    inside = replace(rows, octets=octets).advance(header.length)
    by_ethertype(decoding, inside.advance(2), inside.u16(0))
