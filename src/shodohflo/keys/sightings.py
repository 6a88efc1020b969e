"""Sightings: what the hashes of services and of knocks have in common, the times at which each agent saw something.

first   1700000000.250000      agent.bert    1700000009.500000
last    1700000009.500000      agent.ernie   1700000004.000000
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from shodohflo.keys.detail import FIRST, LAST, SEEN_BY, seconds_text
from shodohflo.keys.naming import is_agent_name
from shodohflo.keys.values import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_AGENTS: Final = 100
"""Agents that a reader takes from one hash; more are left out."""


@dataclass(frozen=True, slots=True)
class Sightings:
    """When something was seen, in seconds since 1970."""

    first: float
    last: float
    agents: Mapping[str, float]
    """The time at which each agent last saw it, by the name of the agent."""

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self | None:
        """Parse the fields of a hash; `None` if the first or the last time is missing or cannot be."""
        first, last = parse_time(fields.get(FIRST, "")), parse_time(fields.get(LAST, ""))
        if first is None or last is None or first > last:
            return None
        agents: dict[str, float] = {}
        for name, value in fields.items():
            agent = name.removeprefix(SEEN_BY)
            if agent == name or not is_agent_name(agent) or len(agents) == MOST_AGENTS:
                continue
            if (seen := parse_time(value)) is not None:
                agents[agent] = seen
        return cls(first, last, dict(sorted(agents.items())))


def sighting_fields(first: int, last: int, agent: str) -> dict[str, str]:
    """Return the fields for times in ns since 1970, seen by `agent`."""
    return {FIRST: seconds_text(first), LAST: seconds_text(last), f"{SEEN_BY}{agent}": seconds_text(last)}
