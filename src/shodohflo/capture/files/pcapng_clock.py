"""The clock of a pcapng interface: converts its timestamps to nanoseconds since 1970.

See draft-ietf-opsawg-pcapng section 4.2, options if_tsresol and if_tsoffset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SECOND: Final = 1_000_000_000

LATEST: Final = 9_000_000_000 * SECOND
"""Nanoseconds, in 2255: later times are clamped to this, so that sums with them still fit into 64 bits."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The resolution and the offset of an interface's timestamps."""

    resolution: int = 6
    """The if_tsresol byte: ticks of 10^-n seconds, or of 2^-n if the highest bit is set."""
    offset: int = 0
    """Seconds from 1970 to tick 0; may be negative."""

    @property
    def ticks_per_second(self) -> int:
        """Return the number of ticks in a second."""
        exponent = self.resolution & 0x7F
        return 1 << exponent if self.resolution & 0x80 else 10**exponent

    def nanosecond(self, ticks: int) -> int:
        """Return the time of a timestamp in nanoseconds since 1970, clamped to 0 and `LATEST`."""
        time = ticks * SECOND // self.ticks_per_second + self.offset * SECOND
        return min(max(time, 0), LATEST)

    def nanoseconds(self, ticks: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return what `nanosecond` returns for each row."""
        if self.offset or self.resolution > 9:
            return np.array([self.nanosecond(count) for count in ticks.tolist()], np.int64)
        factor = SECOND // self.ticks_per_second
        return np.minimum(ticks, np.uint64(LATEST // factor)).astype(np.int64) * factor
