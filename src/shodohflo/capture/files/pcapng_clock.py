"""The clock of a pcapng interface: its ticks as nanoseconds since 1970.

draft-ietf-opsawg-pcapng section 4.2, options if_tsresol and if_tsoffset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SECOND: Final = 1_000_000_000

LATEST: Final = 9_000_000_000 * SECOND
"""In 2255: times that cannot be told are cut to this, so that what is added to them still fits into 64 bits."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Ticks of one length, counted from one moment."""

    resolution: int = 6
    """The if_tsresol byte: ticks of 10^-n seconds, or of 2^-n if the highest bit is set."""
    offset: int = 0
    """Seconds from 1970 to the moment that ticks are counted from."""

    @property
    def ticks_per_second(self) -> int:
        """Return how many ticks make a second."""
        exponent = self.resolution & 0x7F
        return 1 << exponent if self.resolution & 0x80 else 10**exponent

    def nanosecond(self, ticks: int) -> int:
        """Return the time of one count of ticks; times before 1970 and after `LATEST` are cut to these."""
        time = ticks * SECOND // self.ticks_per_second + self.offset * SECOND
        return min(max(time, 0), LATEST)

    def nanoseconds(self, ticks: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Do the same for a column."""
        if self.offset or self.resolution > 9:
            return np.array([self.nanosecond(count) for count in ticks.tolist()], np.int64)
        factor = SECOND // self.ticks_per_second
        return np.minimum(ticks, np.uint64(LATEST // factor)).astype(np.int64) * factor
