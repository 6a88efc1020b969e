"""Lists in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.analysis.model import RULE

if TYPE_CHECKING:
    from collections.abc import Iterable


def listed(parts: Iterable[str], joint: str = "and") -> str:
    """Join as people do: `a, b and c`."""
    *most, last = parts
    return f"{', '.join(most)} {joint} {last}" if most else last


def rules_named(rules: Iterable[int]) -> str:
    """Name rules by their numbers."""
    return listed(RULE.format(rule) for rule in rules)
