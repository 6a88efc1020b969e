"""PPI (Per-Packet Information Header Specification 1.0.10): metadata before a frame of any link type.

header  0  version    1  flags: 01, fields are padded to a multiple of 4 bytes    2  length, fields included
        4  link type of the frame    8  fields
field   0  type    2  length of the value    4  value

All little-endian. Two types of field say whether the frame was received intact.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import LINK
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.rows import Header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows


class _Receipt(NamedTuple):
    """The type of a field that says how the frame was received, and where its value says so."""

    type: int
    flags: int
    """The offset of the flags, of which the lowest says that the frame ends with its check sequence."""
    errors: int
    """The offset of the errors."""
    damaged: int
    """The bits of the errors that mean a damaged frame."""


_RECEIPTS: Final = (
    _Receipt(type=2, flags=4 + 8, errors=4 + 8, damaged=0x000C),
    _Receipt(type=9, flags=4, errors=4 + 4, damaged=0x000F),
)
"""802.11-Common (errors: check failed, PHY) and 802.3-Extension (errors: check failed, sequence, symbol, data)."""

_CHECK_SEQUENCE = 0x0001

_PPI = 192
"""The LINKTYPE_ number of this header itself."""

_MOST_FIELDS = 16
"""The most fields that are looked at; there are nine public types."""


class PpiHeader(Header):
    """The fields that lead to the frame."""

    SIZE = 8

    @property
    def is_aligned(self) -> NDArray[np.bool_]:
        """Whether fields are padded to a multiple of 4 bytes."""
        aligned: NDArray[np.bool_] = self.u8(1) & 1 != 0
        return aligned

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes from the beginning of the header to the frame."""
        return self.little_u16(2).astype(np.int64)

    @property
    def link_type(self) -> NDArray[np.uint32]:
        """The LINKTYPE_ number of the frame."""
        return self.little_u32(4)


class PpiField(Header):
    """Type and length of a field."""

    SIZE = 4

    @property
    def type(self) -> NDArray[np.uint16]:
        """What the value is about."""
        return self.little_u16(0)

    @property
    def length(self) -> NDArray[np.int64]:
        """Bytes of type, length and value, without padding."""
        return self.SIZE + self.little_u16(2).astype(np.int64)


def ppi(decoding: Decoding[Any], rows: Rows) -> None:
    """Step over the header, to a frame of the link type it names, usually 802.11; refuse those received damaged."""
    rows = decoding.require(rows, PpiHeader.SIZE, Refusal.LINK_CUT)
    rows = decoding.keep_if(rows, PpiHeader.of(rows).length >= PpiHeader.SIZE, Refusal.LINK_CUT)
    # No program nests these headers, and the fields of thirty of them would let a hostile file cost much.
    rows = decoding.keep_if(rows, PpiHeader.of(rows).link_type != _PPI, Refusal.TOO_DEEP)
    header = PpiHeader.of(rows)
    damaged, with_check_sequence = _receipt(rows, header)
    frame = rows.advance(header.length).without_check_sequence(with_check_sequence)
    frame, header = decoding.keep_if(frame, ~damaged, Refusal.FRAME_CHECK), header.keep(~damaged)
    decoding.dispatch(frame, LINK, np.minimum(header.link_type, ETHERTYPE - 1))


def _receipt(rows: Rows, header: PpiHeader) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return whether each frame is marked as damaged, and whether it ends with its check sequence."""
    damaged, with_check_sequence = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    alignment = np.where(header.is_aligned, 4, 1)
    fields = replace(rows, frame=np.arange(len(rows)), end=np.minimum(rows.end, rows.at + header.length))
    fields = fields.advance(PpiHeader.SIZE)
    for _ in range(_MOST_FIELDS):
        fields = fields.keep(fields.end - fields.at >= PpiField.SIZE)
        if not len(fields):
            break
        field = PpiField.of(fields)
        for receipt in _RECEIPTS:
            chosen = fields.keep((field.type == receipt.type) & _is_whole(fields, field, receipt))
            damaged[chosen.frame] |= _bits(chosen, receipt.errors, receipt.damaged)
            with_check_sequence[chosen.frame] |= _bits(chosen, receipt.flags, _CHECK_SEQUENCE)
        padding = -field.length % alignment[fields.frame]
        fields = fields.advance(field.length + padding)
    return damaged, with_check_sequence


def _is_whole(fields: Rows, field: PpiField, receipt: _Receipt) -> NDArray[np.bool_]:
    """Return whether a field is long enough for its errors, and was captured up to there."""
    whole: NDArray[np.bool_] = np.minimum(field.length, fields.end - fields.at) >= receipt.errors + 2
    return whole


def _bits(fields: Rows, offset: int, bits: int) -> NDArray[np.bool_]:
    """Return whether any of `bits` is set in the two bytes at `offset`."""
    found: NDArray[np.bool_] = fields.advance(offset).header(2).little_u16(0) & bits != 0
    return found
