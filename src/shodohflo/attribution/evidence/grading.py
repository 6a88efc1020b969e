"""Grading: how often the rules about ports disagree with proof, by rule and port.

A flow is graded once, where proof of its service is there; the port is that of the service. (The port that a rule names
where it is wrong is a client's, which is another one for each connection.)
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from shodohflo.model import RuleGrade

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_PORTS: Final = 20_000
"""So many pairs of rule and port are told apart; what comes after is summed up by rule."""

_OTHERS: Final = 0
"""The port under which the others are summed up."""


class Grades:
    """The score of each rule since it was loaded."""

    def __init__(self) -> None:
        """Start without a score."""
        self._graded: Counter[tuple[int, int]] = Counter()
        self._disagreed: Counter[tuple[int, int]] = Counter()
        self.contradicted: Counter[int] = Counter()
        """Flows that were recorded against proof, because a rule of the operator's stands above it; by rule."""

    def add(self, rule: int, ports: NDArray[np.uint16], disagrees: NDArray[np.bool_]) -> None:
        """Add flows: the port of the proven service of each, and whether `rule` says otherwise."""
        for port, against in zip(ports.tolist(), disagrees.tolist(), strict=True):
            named = rule, port
            if named not in self._graded and len(self._graded) >= MOST_PORTS:
                named = rule, _OTHERS
            self._graded[named] += 1
            self._disagreed[named] += against

    def contradict(self, rules: NDArray[np.uint16]) -> None:
        """Count flows that these rules decided against proof."""
        self.contradicted.update(rules.tolist())

    def grades(self) -> tuple[RuleGrade, ...]:
        """Return the score of each rule that was graded."""
        return tuple(self._grade(rule) for rule in sorted({rule for rule, _ in self._graded}))

    def _grade(self, rule: int) -> RuleGrade:
        graded = {port: count for (number, port), count in self._graded.items() if number == rule}
        disagreed = {port: self._disagreed[rule, port] for port in graded}
        worst = min(disagreed, key=lambda port: (-disagreed[port], port))
        return RuleGrade(rule, sum(graded.values()), sum(disagreed.values()), worst, graded[worst], disagreed[worst])
