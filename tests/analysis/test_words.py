"""Lists are written as people do."""

from __future__ import annotations

import pytest

from shodohflo.analysis.words import listed, rules_named


@pytest.mark.parametrize(
    ("parts", "text"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"), (["x", "and"], "x and and")],
)
def test_parts_are_joined(parts: list[str], text: str) -> None:
    """Commas, and a word before the last."""
    assert listed(parts) == text
    assert listed(iter(parts), "or") == text.replace(" and ", " or ", 1)


def test_rules_have_their_numbers() -> None:
    """As everywhere."""
    assert rules_named([0, 12]) == "FLOW_MAPPING[0] and FLOW_MAPPING[12]"
