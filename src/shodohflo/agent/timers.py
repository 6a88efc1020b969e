"""Things to be done now and then; time is an argument, in seconds of any clock that only goes forward."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Every:
    """Due once an interval; what was missed is not made up for."""

    interval: float
    next: float
    """When it is due again."""

    def due(self, now: float) -> bool:
        """Say whether it is time, and if so count the next interval from now."""
        if now < self.next:
            return False
        self.next = now + self.interval
        return True


@dataclass(slots=True)
class Quiet:
    """Lets each reason through once an interval: one line in the log, however often there is cause for it."""

    interval: float = 60.0
    _until: dict[str, float] = field(default_factory=dict)

    def allows(self, reason: str, now: float) -> bool:
        """Say whether `reason` may speak now."""
        if now < self._until.get(reason, now):
            return False
        self._until[reason] = now + self.interval
        return True
