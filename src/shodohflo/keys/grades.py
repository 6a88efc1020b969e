"""Grades and contradictions of rules in an agent's hash: `..._to_fields` write them, `..._from_fields` read them.

Rule 0 was wrong about 51 of 1,244 flows that had evidence, and most often at port 20000: about 38 of 51. Rule 2, which
the operator has placed above evidence, decided 7 flows against it.

    grade.FLOW_MAPPING[0]           1244 51 20000 51 38
    contradicted.FLOW_MAPPING[2]    7
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shodohflo.keys.values import LONGEST_COUNT, parse_count
from shodohflo.model import RuleGrade, rule_number, rule_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_GRADE: Final = "grade."
_CONTRADICTED: Final = "contradicted."
"""Prefixes of the fields."""

_NUMBERS: Final = 5
_LARGEST_PORT: Final = 0xFFFF
_LONGEST: Final = _NUMBERS * (LONGEST_COUNT + 1)
"""Characters of a value; what is longer is not parsed."""

MOST_RULES: Final = 1_000
"""Rules of which an agent writes grades and contradictions, and a reader takes them: the first ones."""


def grades_to_fields(grades: Iterable[RuleGrade]) -> dict[str, str]:
    """Return the fields for grades, without those of rules that were asked about no flow."""
    told = sorted((grade for grade in grades if grade.graded), key=lambda grade: grade.rule)
    return {f"{_GRADE}{rule_place(grade.rule)}": _written(grade) for grade in told[:MOST_RULES]}


def grades_from_fields(fields: Mapping[str, str]) -> tuple[RuleGrade, ...]:
    """Return the grades in a hash by rule, without malformed and impossible ones: any program may write to it."""
    parsed = (_parsed(rule, text) for rule, text in _by_rule(fields, _GRADE).items())
    return tuple(grade for grade in parsed if grade is not None)


def contradictions_to_fields(contradicted: Mapping[int, int]) -> dict[str, int]:
    """Return the fields for flows by the rule that decided them against evidence, without rules that never did."""
    told = sorted((rule, flows) for rule, flows in contradicted.items() if flows)
    return {f"{_CONTRADICTED}{rule_place(rule)}": flows for rule, flows in told[:MOST_RULES]}


def contradictions_from_fields(fields: Mapping[str, str]) -> dict[int, int]:
    """Return the flows that each rule decided against evidence, without malformed counts."""
    counts = {rule: parse_count(text) for rule, text in _by_rule(fields, _CONTRADICTED).items()}
    return {rule: flows for rule, flows in counts.items() if flows}


def _written(grade: RuleGrade) -> str:
    numbers = (grade.graded, grade.disagreed, grade.worst_port, grade.worst_graded, grade.worst_disagreed)
    return " ".join(map(str, numbers))


def _parsed(rule: int, text: str) -> RuleGrade | None:
    parts = text.split(" ") if len(text) <= _LONGEST else []
    numbers = [number for part in parts if (number := parse_count(part)) is not None]
    if len(parts) != _NUMBERS or len(numbers) != _NUMBERS:
        return None
    grade = RuleGrade(rule, *numbers)
    is_possible = (
        grade.graded > 0
        and grade.worst_port <= _LARGEST_PORT
        and grade.worst_disagreed <= min(grade.disagreed, grade.worst_graded)
        and max(grade.disagreed, grade.worst_graded) <= grade.graded
    )
    return grade if is_possible else None


def _by_rule(fields: Mapping[str, str], prefix: str) -> dict[int, str]:
    """Return the values of the fields with a prefix and the place of a rule, by its number, of the first rules."""
    places = {name.removeprefix(prefix): text for name, text in fields.items() if name.startswith(prefix)}
    numbered = ((rule_number(place), place, text) for place, text in places.items())
    # Another spelling of a number, such as 007, would be a second field for the same rule.
    told = {rule: text for rule, place, text in numbered if rule is not None and rule_place(rule) == place}
    return dict(sorted(told.items())[:MOST_RULES])
