"""The outcomes of packets in an agent's hash: `outcomes_to_fields` writes them, `outcomes_from_fields` reads them.

outcomes.recorded.flow              1506
outcomes.dropped.FLOW_MAPPING[0]    30
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shodohflo.keys.values import parse_count

if TYPE_CHECKING:
    from collections.abc import Mapping

_OUTCOMES: Final = "outcomes."
"""Prefix of the fields."""


def outcomes_to_fields(outcomes: Mapping[str, int]) -> dict[str, int]:
    """Return the fields for packets by outcome, without the outcomes that no packet has."""
    return {f"{_OUTCOMES}{name}": count for name, count in sorted(outcomes.items()) if count}


def outcomes_from_fields(fields: Mapping[str, str]) -> dict[str, int]:
    """Return packets by outcome from the fields of a hash, without malformed counts: any program may write to it."""
    counts = {name.removeprefix(_OUTCOMES): parse_count(text) for name, text in fields.items() if _is_outcome(name)}
    return {name: count for name, count in counts.items() if count is not None}


def _is_outcome(field: str) -> bool:
    return field.startswith(_OUTCOMES)
