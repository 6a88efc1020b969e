"""Grades and contradictions of rules are read from an agent's hash as they were written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys.grades import (
    MOST_RULES,
    contradictions_from_fields,
    contradictions_to_fields,
    grades_from_fields,
    grades_to_fields,
)
from shodohflo.keys.values import MOST
from shodohflo.model import RuleGrade

LOWER = RuleGrade(0, graded=1244, disagreed=51, worst_port=20000, worst_graded=51, worst_disagreed=38)


@st.composite
def possible(draw: st.DrawFn) -> RuleGrade:
    """Draw a grade whose parts do not exceed the wholes they are parts of."""
    graded = draw(st.integers(1, MOST))
    disagreed, at_port = draw(st.integers(0, graded)), draw(st.integers(0, graded))
    wrong = draw(st.integers(0, min(disagreed, at_port)))
    return RuleGrade(draw(st.integers(0, 65_535)), graded, disagreed, draw(st.integers(0, 65_535)), at_port, wrong)


def test_a_grade_is_one_field_of_five_numbers() -> None:
    """The field is spelled as other programs read it; a rule that was asked about no flow has none."""
    assert grades_to_fields([LOWER, RuleGrade(3, 0, 0)]) == {"grade.FLOW_MAPPING[0]": "1244 51 20000 51 38"}


@given(st.lists(possible(), unique_by=lambda grade: grade.rule, max_size=8))
def test_grades_are_read_as_they_were_written(grades: list[RuleGrade]) -> None:
    """Reading is the inverse of writing, in the order of the rules."""
    fields = {**grades_to_fields(grades), "received": "7", "grade.": "1 1 1 1 1"}

    assert list(grades_from_fields(fields)) == sorted(grades, key=lambda grade: grade.rule)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1244 51 20000 51",
        "1244 51 20000 51 38 1",
        "1244  51 20000 51 38",
        "1244 51 20000 51 -1",
        "1244 51 20000 51 3.8",
        "1244 51 65536 51 38",
        "50 51 20000 51 38",
        "1244 51 20000 37 38",
        "1244 37 20000 51 38",
        "40 39 20000 51 38",
        "0 0 0 0 0",
        f"{MOST + 1} 51 20000 51 38",
        "9" * 5_000 + " 51 20000 51 38",
        "1244 51 20000 51 38" + " " * 1_000_000,
        "\u0661 1 1 1 1",
        "1\x1b[m 1 1 1 1",
    ],
)
def test_what_cannot_be_a_grade_is_left_out(text: str) -> None:
    """A value of other numbers, of too many, or of impossible ones is none of ours; the rules beside it are read."""
    fields = {"grade.FLOW_MAPPING[1]": text} | grades_to_fields([LOWER])

    assert grades_from_fields(fields) == (LOWER,)


@pytest.mark.parametrize("place", ["FLOW_MAPPING[00]", "FLOW_MAPPING[]", "FLOW_MAPPING[123456]", "0", "", "FLOW[0]"])
def test_only_the_place_of_a_rule_is_a_rule(place: str) -> None:
    """A field whose name is not spelled as ours is none of ours."""
    assert grades_from_fields({f"grade.{place}": "1244 51 20000 51 38"}) == ()
    assert contradictions_from_fields({f"contradicted.{place}": "7"}) == {}


def test_contradictions_are_one_field_a_rule() -> None:
    """A rule that never contradicted evidence has no field, and a malformed count is left out."""
    fields = contradictions_to_fields({2: 7, 0: 0, 1: 3})

    assert fields == {"contradicted.FLOW_MAPPING[1]": 3, "contradicted.FLOW_MAPPING[2]": 7}
    texts = {name: str(flows) for name, flows in fields.items()}
    assert contradictions_from_fields(texts | {"contradicted.FLOW_MAPPING[3]": "-1"}) == {1: 3, 2: 7}
    assert contradictions_from_fields({"contradicted.FLOW_MAPPING[3]": "0"}) == {}


def test_a_hash_of_very_many_rules_is_bounded_both_ways() -> None:
    """Only the first rules are written, and only so many are read."""
    many = [RuleGrade(rule, 1, 0) for rule in range(MOST_RULES + 5)]
    fields = {f"grade.FLOW_MAPPING[{rule}]": "1 0 0 0 0" for rule in range(MOST_RULES + 5)}

    assert len(grades_to_fields(many)) == MOST_RULES
    assert [grade.rule for grade in grades_from_fields(fields)] == list(range(MOST_RULES))
