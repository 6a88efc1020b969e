"""Why a table is empty: of rows in a store, and of flows in a replay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shodohflo.attribution.ledger import Outcome, meaning_of
from shodohflo.errors import foreign_text
from shodohflo.keys.outcomes import outcomes_from_fields
from shodohflo.keys.values import parse_count
from shodohflo.report.numbers import age_text, counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shodohflo.query.rows import AgentRow
    from shodohflo.store.contents import Contents

SILENT: Final = 35.0
"""Seconds; a running agent writes a heartbeat every 10 seconds, so it has missed three."""

FOREMOST: Final = 3
"""How many outcomes are named."""

HINTS: Final = {
    Outcome.OWN_NETWORK: "SUPPRESS_OWN_NETWORK leaves these out",
    Outcome.NO_NETWORK: "name your networks with --our-nets, or add networks and rules",
    Outcome.NO_RULE: "name your networks with --our-nets, or add rules",
    Outcome.HANDSHAKE: "connections without data make no flow",
}
"""The way out, by the most frequent outcome."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was looked for in stores, and not found."""

    nouns: str
    """The rows in words, such as `flows`."""
    outcomes: tuple[Outcome, ...]
    """The outcomes of packets that make such rows."""
    filtered: bool
    """Whether there was a filter."""
    needs_lifetime: bool = False
    """Whether it was about the age of keys, which is only known from the lifetime in a heartbeat."""


def why_no_rows(looked: Looked, contents: Iterable[Contents], agents: Sequence[AgentRow]) -> Iterator[str]:
    """Yield a sentence for each store or agent that says why there are no rows."""
    for store in contents:
        if store.matching and looked.filtered:
            more = "more than " if store.has_more else ""
            yield f"the filters leave out all {more}{counted(store.matching, 'key')} of {looked.nouns} in {store.store}"
            if looked.needs_lifetime and not any(agent.store == store.store for agent in agents):
                yield f"nobody knows when {looked.nouns} were written there: that takes an agent's heartbeat"
        elif not store.matching:
            told = [_of_agent(agent, looked) for agent in agents if agent.store == store.store]
            yield from told or [f"no agent writes to {store.store}: it has no heartbeat of the last 24 hours"]
            yield from _elsewhere(store)


def why_no_flows(outcomes: Mapping[str, int]) -> str:
    """Return a sentence that says why a replay with `outcomes` has no flows."""
    packets = sum(outcomes.values())
    if packets == 0:
        return "no flows: the captures have no packets"
    return f"no flows: of {counted(packets, 'packet')}, {_foremost(outcomes)}"


def why_no_disagreement(agents: Sequence[AgentRow], *, filtered: bool) -> str:
    """Return a sentence that says why no flows contradict each other."""
    heard = counted(len(agents), "agent")
    if len(agents) < 2:
        return f"it takes two agents to disagree, and these stores have heard of {heard} in the last 24 hours"
    about = "what the filters take" if filtered else "which ends are services"
    return f"no disagreement: {heard} agree about {about}"


def _elsewhere(store: Contents) -> Iterator[str]:
    if store.others:
        named = ", ".join(
            f"database {number} has {counted(keys, 'key')}" for number, keys in sorted(store.others.items())
        )
        yield f"in the same store, {named}; --store 'URL?db=N' reads database N, this was {store.database}"


def _of_agent(agent: AgentRow, looked: Looked) -> str:
    """Say whether an agent is running, and what it has received instead."""
    name = foreign_text(agent.agent)
    said = age_text(agent.age)
    if agent.has_ended:
        return f"the agent {name} ended {said} ago, and what it had written has expired"
    if agent.age > SILENT:
        return f"nothing has been heard of the agent {name} for {said}; what it had written has expired"
    outcomes = outcomes_from_fields(agent.fields)
    received = parse_count(agent.fields.get("received", "")) or 0
    if received == 0:
        interfaces = foreign_text(agent.fields.get("interfaces", "")) or "no interface"
        return f"the agent {name} is running, but has received no packets; it listens to {interfaces}"
    if recorded := sum(outcomes.get(outcome, 0) for outcome in looked.outcomes):
        packets = counted(recorded, "packet")
        return f"the agent {name} is running and has recorded {packets} of {looked.nouns}, which have expired"
    return (
        f"the agent {name} is running, but has recorded no {looked.nouns}: of {counted(received, 'packet')}, "
        f"{_foremost(outcomes)}"
    )


def _foremost(outcomes: Mapping[str, int]) -> str:
    """Return the most frequent outcomes in words, with the way out of the first."""
    ordered = sorted(outcomes.items(), key=lambda each: (-each[1], each[0]))
    named = ", ".join(f"{count:,} are {foreign_text(name)} ({meaning_of(name)})" for name, count in ordered[:FOREMOST])
    hint = next((hint for outcome, hint in HINTS.items() if ordered and outcome == ordered[0][0]), "")
    return (named or "none is counted") + (f"; {hint}" if hint else "")
