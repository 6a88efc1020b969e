"""Lists in sentences."""

from __future__ import annotations

import pytest

from shodohflo.analysis.check.words import listed, rules_named


@pytest.mark.parametrize(
    ("parts", "text"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"), (["x", "and"], "x and and")],
)
def test_parts_are_joined(parts: list[str], text: str) -> None:
    """Parts are joined by commas, and by a word before the last."""
    assert listed(parts) == text
    assert listed(iter(parts), "or") == text.replace(" and ", " or ", 1)


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ([0], "[0]"),
        ([12, 0], "[0] and [12]"),
        ([1, 2], "[1] and [2]"),
        ([3, 2, 1], "[1] to [3]"),
        ([0, 2, 3, 4, 7, 8], "[0], [2] to [4] and [7] and [8]"),
    ],
)
def test_rules_have_their_numbers(rules: list[int], text: str) -> None:
    """Rules are named `FLOW_MAPPING[n]`, and three or more in a row as a range."""
    assert rules_named(rules).replace("FLOW_MAPPING", "") == text
