"""Frames whose bytes do not matter, because the capture file has a mark for each of them (see `columns.frames`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from shodohflo.wire.decoding import Decoding
    from shodohflo.wire.rows import Rows


def marked_sent(decoding: Decoding[Any], rows: Rows) -> None:
    """Count frames that the capturing host sent."""
    decoding.keep_received(rows, np.ones(len(rows), np.bool_))


def marked_failed(decoding: Decoding[Any], rows: Rows) -> None:
    """Refuse frames that were received with bits that are wrong."""
    decoding.refuse(rows, Refusal.FRAME_CHECK)
