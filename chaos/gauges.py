"""What a process takes of its machine over a long time: memory, file descriptors and threads, and whether they grow."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, median
from typing import Final

MEMORY_ROOM: Final = 16_000_000
"""Bytes that the memory may grow by between the second and the last quarter: heaps are not given back whole."""

COUNT_ROOM: Final = 2
"""The same for file descriptors, and for threads."""

_ENOUGH: Final = 16
"""Samples that are needed to say that anything grows."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process has at one moment."""

    when: float
    """Seconds since the run began."""
    memory: int
    """Resident bytes."""
    files: int
    """Open file descriptors."""
    threads: int

    @classmethod
    def of(cls, pid: int, when: float) -> Sample:
        """Return what the process `pid` has now; `OSError` if it has ended."""
        process = Path("/proc", str(pid))
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        files = sum(1 for _ in (process / "fd").iterdir())
        return cls(when, int(status["VmRSS"].split()[0]) * 1024, files, int(status["Threads"]))


@dataclass(slots=True)
class Gauges:
    """The samples of one process."""

    samples: list[Sample] = field(default_factory=list)

    def most(self, name: str) -> int:
        """Return the most that was seen of `memory`, `files` or `threads`."""
        return max((getattr(sample, name) for sample in self.samples), default=0)

    def growth(self, name: str) -> float:
        """Return by how much the median of the last quarter is above that of the second; 0 with too few samples.

        The first quarter is left out: tables are filled, and code is run for the first time.
        """
        quarter = len(self.samples) // 4
        if len(self.samples) < _ENOUGH:
            return 0.0
        early, late = self.samples[quarter : 2 * quarter], self.samples[-quarter:]
        of_late, of_early = (median(getattr(sample, name) for sample in part) for part in (late, early))
        return float(of_late - of_early)

    def slope(self, name: str) -> float:
        """Return what it grows by in an hour, by the line that fits the second half best."""
        half = self.samples[len(self.samples) // 2 :]
        if len(half) < 2:
            return 0.0
        fit = linear_regression([sample.when for sample in half], [getattr(sample, name) for sample in half])
        return fit.slope * 3600

    def faults(self) -> list[str]:
        """Return what is not flat, in words."""
        rooms = {"memory": MEMORY_ROOM, "files": COUNT_ROOM, "threads": COUNT_ROOM}
        grown = {name: self.growth(name) for name, room in rooms.items() if self.growth(name) > room}
        return [f"{name} grew by {much:,.0f} between the second and the last quarter" for name, much in grown.items()]

    def line(self) -> str:
        """Return the figures in a line."""
        memory = f"memory {self.most('memory') / 1e6:.0f} MB at most, {self.slope('memory') / 1e6:+.1f} MB/h"
        memory += f", {self.growth('memory') / 1e6:+.1f} MB from the second to the last quarter"
        counts = [f"{self.most(name)} {name} ({self.slope(name):+.1f}/h)" for name in ("files", "threads")]
        return ", ".join([memory, *counts])
