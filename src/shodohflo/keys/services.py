"""The hash of a service that answered: `service_fields` writes it, `StoredService` is what a reader gets from it.

A service on TCP port 54321 of 10.0.0.9, which a handshake showed to the agent `bert`, with 3 clients, has these fields
in `service;10.0.0.9;tcp;54321`:

    first       1700000000.250000      evidence   handshake
    last        1700000009.500000      clients    3
    agent.bert  1700000009.500000

Where one direction of the handshake was seen, which anybody can forge, the evidence is `handshake, one way`.

A further write keeps the earliest `first`, the latest `last`, the strongest `evidence` and the largest `clients`; so
the agents of one store can write to the same hash, and a write that is repeated changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from shodohflo.keys.detail import EVIDENCE
from shodohflo.keys.ends import end_text, parse_end
from shodohflo.keys.grammar import SERVICE
from shodohflo.keys.sightings import Sightings, sighting_fields
from shodohflo.keys.values import parse_count
from shodohflo.model import MOST_CLIENTS, RUNGS, End, Rung

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shodohflo.model import ServiceSeen

CLIENTS: Final = "clients"
"""Distinct addresses of clients, at most `MOST_CLIENTS`; the largest number that any agent counted."""


ONE_WAY: Final = ", one way"
"""Follows the word of evidence of which one direction was seen."""

_WORDS: Final = {
    each.word + (ONE_WAY if claimed else ""): (each, claimed) for claimed in (False, True) for each in RUNGS.values()
}

EVIDENCE_RANKS: Final = {word: rank for rank, word in enumerate(_WORDS)}
"""Every text of evidence, strongest first: all that both directions showed are before those that one did."""


def service_key(end: End) -> str:
    """Return the name of the hash of the service at `end`."""
    return SERVICE + end_text(end)


def service_end(name: str) -> End | None:
    """Return the end whose hash `service_key` names `name`, or `None` for a name that is not a key of ours."""
    return parse_end(name.removeprefix(SERVICE)) if name.startswith(SERVICE) else None


def service_fields(seen: ServiceSeen, agent: str) -> dict[str, str]:
    """Return what `agent` writes about a service."""
    evidence = {EVIDENCE: evidence_text(seen.rung, claimed=seen.claimed), CLIENTS: str(min(seen.clients, MOST_CLIENTS))}
    return sighting_fields(seen.first, seen.last, agent) | evidence


def evidence_text(rung: Rung, *, claimed: bool) -> str:
    """Return what says that an end is a service, as the hash has it; empty for `Rung.NONE`."""
    return rung.word + (ONE_WAY if claimed else "")


@dataclass(frozen=True, slots=True)
class StoredService:
    """The content of a hash of a service."""

    end: End
    seen: Sightings
    rung: Rung
    """The strongest evidence that any agent had for it; `NONE` if the hash does not say, or not in a word of ours."""
    clients: int
    """Distinct addresses of clients, counted up to `MOST_CLIENTS`; 0 if the hash does not say."""
    claimed: bool = False
    """Whether one direction of the evidence was seen."""

    @property
    def evidence(self) -> str:
        """What says that it is a service, for people."""
        return evidence_text(self.rung, claimed=self.claimed) if self.rung else ""

    @classmethod
    def from_fields(cls, name: str, fields: Mapping[str, str]) -> Self | None:
        """Parse the hash `name`; `None` if it is not a key of ours, or without times, for any program may write."""
        end, seen = service_end(name), Sightings.from_fields(fields)
        if end is None or seen is None:
            return None
        rung, claimed = _WORDS.get(fields.get(EVIDENCE, ""), (Rung.NONE, False))
        clients = min(parse_count(fields.get(CLIENTS, "")) or 0, MOST_CLIENTS)
        return cls(end, seen, rung, clients, claimed)
