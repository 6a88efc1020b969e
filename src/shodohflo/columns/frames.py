"""Frames: captured bytes with their position, size and time; capture passes them to the decoders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.columns.table import Table, column, shared, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

ETHERTYPE: Final = 1 << 16
"""Added to an EtherType (IEEE 802 numbers, IANA) to make it a layer."""

SENT: Final = 15 << 16
FAILED_CHECK: Final = SENT + 1
"""The layers of frames whose bytes do not matter: the capture file marks them as sent by the capturing host, or as
received with bits that are wrong."""


@table
class Frames(Table):
    """Frames as columns over one `buffer`, in the order they were received.

    The arrays are only valid until the source is asked for more: a live source reuses the buffer.
    """

    buffer: NDArray[np.uint8] = shared()
    """All bytes; a frame is `buffer[start : start + captured]`, and nothing outside that range."""
    start: NDArray[np.int64] = column(np.int64)
    """Where each frame begins in `buffer`."""
    captured: NDArray[np.int64] = column(np.int64)
    """Bytes of each frame that are in `buffer`."""
    original: NDArray[np.int64] = column(np.int64)
    """Bytes of each frame on the wire, also from `start`; never less than `captured`."""
    layer: NDArray[np.uint32] = column(np.uint32)
    """What begins at `start`: a LINKTYPE_ number (tcpdump.org's registry) as it is, or
    `ETHERTYPE` + n if the kernel has consumed the link header; or `SENT` or `FAILED_CHECK`."""
    time: NDArray[np.int64] = column(np.int64)
    """When it was received: nanoseconds since 1970-01-01 UTC."""
