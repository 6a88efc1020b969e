"""The clocks of pcapng interfaces: convert timestamps to nanoseconds since 1970.

See draft-ietf-opsawg-pcapng section 4.2, options if_tsresol and if_tsoffset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SECOND: Final = 1_000_000_000

LATEST: Final = 9_000_000_000 * SECOND
"""Nanoseconds, in 2255: later times are clamped to this, so that sums with them still fit into 64 bits."""

MICROSECONDS: Final = 6
"""The resolution of an interface that states none."""

_TICKS_PER_SECOND: Final[list[int]] = [
    *(10**exponent for exponent in range(128)),
    *(1 << exponent for exponent in range(128)),
]
"""By if_tsresol byte: ticks of 10^-n seconds, or of 2^-n if the highest bit is set."""

_FINEST: Final = 9
_FACTORS: Final = np.array([SECOND // ticks for ticks in _TICKS_PER_SECOND[: _FINEST + 1]], np.uint64)
"""Nanoseconds in a tick, for the resolutions that are whole numbers of them."""


def nanosecond(ticks: int, resolution: int, offset: int) -> int:
    """Return the time of a timestamp in nanoseconds since 1970, clamped to 0 and `LATEST`.

    `resolution` is the if_tsresol byte, and `offset` the seconds from 1970 to tick 0, which may be negative.
    """
    time = ticks * SECOND // _TICKS_PER_SECOND[resolution] + offset * SECOND
    return min(max(time, 0), LATEST)


def nanoseconds(
    ticks: NDArray[np.uint64], resolution: NDArray[np.uint8], offset: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return what `nanosecond` returns for each row; any number of different clocks costs the same."""
    factor = _FACTORS[np.minimum(resolution, _FINEST)]
    times: NDArray[np.int64] = np.minimum(ticks, np.uint64(LATEST) // factor).astype(np.int64) * factor.astype(np.int64)
    odd = np.flatnonzero((resolution > _FINEST) | (offset != 0))
    if len(odd):
        rows = zip(ticks[odd].tolist(), resolution[odd].tolist(), offset[odd].tolist(), strict=True)
        times[odd] = [nanosecond(*row) for row in rows]
    return times
