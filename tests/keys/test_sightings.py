"""Sightings: the times in a hash, and the agents that saw something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys.sightings import MOST_AGENTS, Sightings, sighting_fields
from support.observing import SECOND

TIMES = {"first": "1.5", "last": "9.5"}


def test_what_an_agent_writes_is_read() -> None:
    """The times are those of the agent, in seconds."""
    fields = sighting_fields(3 * SECOND // 2, 9 * SECOND, "bert")

    assert fields == {"first": "1.500000", "last": "9.000000", "agent.bert": "9.000000"}
    assert Sightings.from_fields(fields) == Sightings(1.5, 9.0, {"bert": 9.0})


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"first": "1.5"},
        {"last": "9.5"},
        TIMES | {"first": "10"},
        TIMES | {"first": "soon"},
        TIMES | {"last": "nan"},
        TIMES | {"last": "9" * 13},
        TIMES | {"first": "-1"},
    ],
)
def test_without_two_times_there_are_none(fields: dict[str, str]) -> None:
    """Times that are missing, malformed or in the wrong order are not those of an agent."""
    assert Sightings.from_fields(fields) is None


@pytest.mark.parametrize(
    "name", ["agent.", "agent.BERT", "agent.a;b", "agent.\x1b[2J", "agent." + "x" * 100, "agentbert"]
)
def test_a_name_that_no_agent_has_is_left_out(name: str) -> None:
    """What cannot be the name of an agent is not shown as one; nor is an agent with a malformed time."""
    seen = Sightings.from_fields(TIMES | {name: "9.5", "agent.ernie": "soon", "agent.bert": "4.5"})

    assert seen == Sightings(1.5, 9.5, {"bert": 4.5})


def test_so_many_agents_are_read_and_no_more() -> None:
    """A hash with a million agents takes no more memory than one with the most that are believed."""
    seen = Sightings.from_fields(TIMES | {f"agent.a{number}": "9.5" for number in range(2 * MOST_AGENTS)})

    assert seen is not None
    assert len(seen.agents) == MOST_AGENTS


@given(
    st.dictionaries(st.sampled_from([*TIMES, "agent.bert"]) | st.text(), st.text() | st.sampled_from(["nan", "1e9"]))
)
def test_any_hash_can_be_read(fields: dict[str, str]) -> None:
    """Parsing a hash with any content raises nothing."""
    seen = Sightings.from_fields(fields)

    assert seen is None or 0 <= seen.first <= seen.last
