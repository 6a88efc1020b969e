"""Timers: intervals and rate limits. `now` is an argument, in seconds of any monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Interval:
    """A task that is due once per interval; missed intervals are skipped."""

    interval: float
    next: float
    """When it is due next."""

    def due(self, now: float) -> bool:
        """Return whether the task is due; if so, the next interval starts at `now`."""
        if now < self.next:
            return False
        self.next = now + self.interval
        return True


@dataclass(slots=True)
class RateLimit:
    """Allows one log record per reason and interval."""

    interval: float = 60.0
    _until: dict[str, float] = field(default_factory=dict)

    def allows(self, reason: str, now: float) -> bool:
        """Return whether `reason` may be logged at `now`; if so, it is blocked for one interval."""
        if now < self._until.get(reason, now):
            return False
        self._until[reason] = now + self.interval
        return True
