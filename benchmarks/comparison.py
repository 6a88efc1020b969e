"""The result of a benchmark: two figures measured alternately in one run, and their ratio."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours against a yardstick; `ratio` is the median of the ratios of consecutive pairs."""

    name: str
    yardstick: str
    yardstick_seconds: float
    our_seconds: float
    ratio: float
    target: str
    """The required ratio as text."""
    met: bool
    beside: dict[str, float | int | str] = field(default_factory=dict)
    """Further figures of the same measurement."""

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
        """Return the skipped benchmark as `--json` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of wall-clock time and of processor time."""

    wall: float
    processor: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """The times of the yardstick and of ours, pair by pair."""

    yardstick: list[Spent]
    ours: list[Spent]

    @classmethod
    def interleaved(cls, yardstick: Callable[[], Spent], ours: Callable[[], Spent], repetitions: int) -> Pairs:
        """Measure both alternately, so that other load on the machine affects both."""
        measured = [(yardstick(), ours()) for _ in range(repetitions)]
        return cls([pair[0] for pair in measured], [pair[1] for pair in measured])

    def times_as_fast(self) -> float:
        """Return how many times as fast as the yardstick ours is (wall-clock time)."""
        return median(theirs.wall / ours.wall for theirs, ours in zip(self.yardstick, self.ours, strict=True))

    def times_the_cost(self) -> float:
        """Return how many times the yardstick's processor time ours needs."""
        return median(ours.processor / theirs.processor for theirs, ours in zip(self.yardstick, self.ours, strict=True))
