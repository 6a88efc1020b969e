"""Problems in the log, each at most once per minute or hour.

Counters that should stay at 0, packets that no rule matches, rules that evidence contradicts, and a full disk.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shodohflo.model import rule_place
from shodohflo.process.timers import Interval, RateLimit
from shodohflo.report.grades import grade_sentence, is_doubtful, rule_codes
from shodohflo.report.numbers import counted
from shodohflo.report.unmatched import Judged, why_unmatched
from shodohflo.store.embedded import EmbeddedStore
from shodohflo.store.portion import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.agent.status import Status
    from shodohflo.store.connection import Store

LEAST_GRADED: Final = 100
"""The number of graded flows below which the grade of a rule means nothing."""

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


class UnmatchedLog:
    """Warns when nearly all packets of a minute are unmatched: once an hour, and again for other networks of ours."""

    def __init__(self, now: float) -> None:
        """Begin the first minute at `now`, in seconds of a monotonic clock."""
        self._minute = Interval(60.0, now + 60.0)
        self._limit = RateLimit(3600.0)
        self._before = Judged()
        self._pairs_before: Counter[tuple[str, str]] = Counter()

    def log_new(self, status: Status, now: float) -> None:
        """At the end of each minute, look at its packets; `now` is in seconds of the same clock."""
        if not self._minute.due(now):
            return
        judged, our_nets = Judged.of(status.ledger.outcomes), status.identity.our_nets
        pairs = status.unmatched - self._pairs_before
        hint = judged.since(self._before).hint(our_nets, status.identity.origin, why_unmatched(pairs))
        self._before, self._pairs_before = judged, status.unmatched
        if hint and self._limit.allows(str(our_nets), now):
            _log.warning("in the last minute, %s", hint)


class GradeLog:
    """Warns when evidence contradicts a rule about ports too often: once an hour, and again when the rules change."""

    def __init__(self) -> None:
        """Start with no rule warned of."""
        self._limit = RateLimit(3600.0)

    def log_new(self, status: Status, now: float) -> None:
        """Look at the grades of the rules in force; `now` is in seconds of a monotonic clock."""
        doubtful = [each for each in status.grades if each.graded >= LEAST_GRADED and is_doubtful(each)]
        for grade in doubtful:
            if self._limit.allows(f"{grade.rule} {status.configuration.digest}", now):
                codes = rule_codes(status.rules.mapping)
                _log.warning("%s (`shodohflo rules --grade` has all rules)", grade_sentence(grade, codes))


class DiskLog:
    """Warns as soon as an embedded store could not be saved for want of room, and says when it could again."""

    def __init__(self, store: Store) -> None:
        """Look at the disk of `store`; nothing is said about one that is not embedded."""
        self._store = store
        self._limit = RateLimit()
        self._is_cramped = False

    def log_new(self, _status: Status, now: float) -> None:
        """Look at the disk; `now` is in seconds of a monotonic clock."""
        cramped = self._store.cramped() if isinstance(self._store, EmbeddedStore) else ""
        if cramped and self._limit.allows("cramped", now):
            _log.warning("%s: what it has would be lost at its end: make room", cramped)
            self._is_cramped = True
        elif self._is_cramped and not cramped:
            _log.info("embedded store: there is room to save its data again")
            self._is_cramped = False


def _problems(status: Status) -> Iterator[Problem]:
    ledger, rules = status.ledger, status.rules
    yield Problem("kernel_dropped", ledger.kernel_dropped, "packet", "dropped by the kernel: the ring was full")
    evicted = "evicted by the store before they expired: its memory is full (STORE_MEMORY, if it is embedded)"
    yield Problem("evicted", status.writer.evicted, "key", evicted)
    refused = "refused by the store: a value of another program, or no permission; the counts are not in it"
    yield Problem("store_refused", status.writer.refused, "key", refused)
    yield from _losses(status)
    for rule, count in rules.failures.items():
        place = rule_place(rule)
        yield Problem(
            place, count, "time", f"{place} gave no answer, most recently: {rules.last_failure.get(rule, '')}"
        )
    for outcome, count in ledger.outcomes.items():
        if outcome.startswith("refused."):
            yield Problem(outcome, count, "packet", outcome, logging.DEBUG)


def _losses(status: Status) -> Iterator[Problem]:
    """Yield what became of counts that are not in the store."""
    for kind in KINDS:
        no_room = f"of new {kind} keys not kept: more keys are alive than OUTBOX_MEMORY has room for"
        yield Problem(f"no_room.{kind}", status.writer.no_room.get(kind, 0), "count", no_room)
        expired = f"of {kind} keys expired while they waited for the store, as they would have in it"
        yield Problem(f"expired.{kind}", status.writer.expired.get(kind, 0), "count", expired)
        lost = f"of {kind} keys lost by the store, which had confirmed them, and not known any more"
        yield Problem(f"lost.{kind}", status.writer.lost.get(kind, 0), "count", lost)
    rewritten = "written again, because the store had lost them"
    yield Problem("rewritten", status.writer.rewritten, "count", rewritten)
    unsure = "perhaps lost by the store: other agents have written the same keys since"
    yield Problem("unsure", status.writer.unsure, "count", unsure)
