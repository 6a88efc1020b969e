"""What the log hears about that should not be: at most one line a minute for each reason."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shodohflo.agent.timers import Quiet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.agent.status import Status

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something that is counted and should not happen."""

    reason: str
    count: int
    about: str
    level: int = logging.WARNING


class Complaints:
    """Compares a status with what was said before."""

    def __init__(self) -> None:
        """Have said nothing yet."""
        self._quiet = Quiet()
        self._said: dict[str, int] = {}

    def hear(self, status: Status, now: float) -> None:
        """Log what has grown; `now` is in seconds of a clock that only goes forward."""
        for complaint in _complaints(status):
            said = self._said.get(complaint.reason, 0)
            if complaint.count < said:  # a store that was started again counts anew
                said = 0
            if complaint.count > said and self._quiet.allows(complaint.reason, now):
                _log.log(complaint.level, "%d %s", complaint.count - said, complaint.about)
                said = complaint.count
            self._said[complaint.reason] = said


def _complaints(status: Status) -> Iterator[Complaint]:
    ledger, rules = status.ledger, status.rules
    yield Complaint("kernel_dropped", ledger.kernel_dropped, "packets dropped by the kernel: the ring was full")
    evicted = "keys given up by the store before their time: its memory is full (STORE_MEMORY, if it is embedded)"
    yield Complaint("evicted", status.writer.evicted, evicted)
    for rule, count in rules.failures.items():
        place = f"FLOW_MAPPING[{rule}]"
        yield Complaint(place, count, f"times {place} gave no answer, the last: {rules.last_failure.get(rule, '')}")
    for outcome, count in ledger.outcomes.items():
        if outcome.startswith("refused."):
            yield Complaint(outcome, count, f"packets {outcome}", logging.DEBUG)
