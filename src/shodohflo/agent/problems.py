"""Problems in the log: counters that should stay at 0, at most one record per reason and minute."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shodohflo.model import rule_place
from shodohflo.process.timers import RateLimit
from shodohflo.report.numbers import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.agent.status import Status

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """A counter that should stay at 0."""

    reason: str
    count: int
    noun: str
    """What was counted, in the singular."""
    text: str
    """The log record is the increase, the noun and this text."""
    level: int = logging.WARNING


class ProblemLog:
    """Logs the increase of each problem since its last record."""

    def __init__(self) -> None:
        """Start with no problem logged."""
        self._limit = RateLimit()
        self._logged: dict[str, int] = {}

    def log_new(self, status: Status, now: float) -> None:
        """Log what has increased; `now` is in seconds of a monotonic clock."""
        for problem in _problems(status):
            logged = self._logged.get(problem.reason, 0)
            if problem.count < logged:  # the counters of a store begin at 0 after its restart
                logged = 0
            if problem.count > logged and self._limit.allows(problem.reason, now):
                _log.log(problem.level, "%s %s", counted(problem.count - logged, problem.noun), problem.text)
                logged = problem.count
            self._logged[problem.reason] = logged


def _problems(status: Status) -> Iterator[Problem]:
    ledger, rules = status.ledger, status.rules
    yield Problem("kernel_dropped", ledger.kernel_dropped, "packet", "dropped by the kernel: the ring was full")
    evicted = "evicted by the store before they expired: its memory is full (STORE_MEMORY, if it is embedded)"
    yield Problem("evicted", status.writer.evicted, "key", evicted)
    for rule, count in rules.failures.items():
        place = rule_place(rule)
        yield Problem(
            place, count, "time", f"{place} gave no answer, most recently: {rules.last_failure.get(rule, '')}"
        )
    for outcome, count in ledger.outcomes.items():
        if outcome.startswith("refused."):
            yield Problem(outcome, count, "packet", outcome, logging.DEBUG)
