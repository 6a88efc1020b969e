"""What a benchmark says: two figures measured side by side in one run, and how they compare."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours against a yardstick; `ratio` is the median of the ratios of pairs measured one after the other."""

    name: str
    yardstick: str
    yardstick_seconds: float
    our_seconds: float
    ratio: float
    target: str
    """What the ratio should be, as people read it."""
    met: bool
    beside: dict[str, float | int | str] = field(default_factory=dict)
    """What else was measured on the way."""

    @property
    def as_json(self) -> dict[str, object]:
        """Return the comparison as `--json` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A benchmark that this machine or this user cannot run, and why."""

    name: str
    reason: str

    @property
    def as_json(self) -> dict[str, object]:
        """Return what was skipped as `--json` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Spent:
    """What something took, in seconds: by the clock on the wall, and of the processor's time."""

    wall: float
    processor: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """What the yardstick and ours took, pair by pair."""

    yardstick: list[Spent]
    ours: list[Spent]

    @classmethod
    def interleaved(cls, yardstick: Callable[[], Spent], ours: Callable[[], Spent], repetitions: int) -> Pairs:
        """Measure both in turn, so that what else the machine does in the meantime meets both alike."""
        measured = [(yardstick(), ours()) for _ in range(repetitions)]
        return cls([pair[0] for pair in measured], [pair[1] for pair in measured])

    def times_as_fast(self) -> float:
        """Return how many times as fast as the yardstick ours is."""
        return median(theirs.wall / ours.wall for theirs, ours in zip(self.yardstick, self.ours, strict=True))

    def times_the_cost(self) -> float:
        """Return how many times the processor time of the yardstick ours spends."""
        return median(ours.processor / theirs.processor for theirs, ours in zip(self.yardstick, self.ours, strict=True))
