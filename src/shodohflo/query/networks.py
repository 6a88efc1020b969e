"""The addresses of a network that a reader is asked for by its name, as the agents publish it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, collapse_addresses, summarize_address_range
from typing import TYPE_CHECKING

from shodohflo.keys.networks import PublishedNetwork, from_fields
from shodohflo.rules.networks import segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shodohflo.model import Network
    from shodohflo.query.rows import AgentRow


@dataclass(frozen=True, slots=True)
class NetworkDirectory:
    """The networks of all agents; each agent has its own order of entries."""

    by_agent: tuple[tuple[PublishedNetwork, ...], ...]

    @classmethod
    def of(cls, agents: Iterable[AgentRow]) -> NetworkDirectory:
        """Return the networks in the last heartbeats of `agents`."""
        return cls(tuple(entries for agent in agents if (entries := from_fields(agent.fields))))

    @property
    def names(self) -> list[str]:
        """All names, each once, in their order."""
        every = (entry.name for entries in self.by_agent for entry in entries if entry.name)
        return list(dict.fromkeys(every))

    def prefixes(self, name: str) -> tuple[Network, ...]:
        """Return the addresses that belong to the network `name` of at least one agent, as few prefixes.

        An address belongs to the first entry that holds it, as for the rules. None belong to an unknown name, nor to a
        network of which earlier entries take everything.
        """
        belonging = [prefix for entries in self.by_agent for prefix in _belonging(name, entries)]
        return (
            *collapse_addresses(prefix for prefix in belonging if prefix.version == 4),
            *collapse_addresses(prefix for prefix in belonging if prefix.version == 6),
        )


def _belonging(name: str, entries: Sequence[PublishedNetwork]) -> Iterator[Network]:
    """Yield the prefixes that together hold the addresses whose first entry is called `name`."""
    wanted, other = 1, 2
    claims = [(prefix, wanted if entry.name == name else other) for entry in entries for prefix in entry.prefixes]
    for family, version in ((IPv4Address, 4), (IPv6Address, 6)):
        starts, ids = segments([claim for claim in claims if claim[0].version == version])
        ends = [*(start - 1 for start in starts[1:]), (1 << family(0).max_prefixlen) - 1]
        for start, end, number in zip(starts, ends, ids, strict=True):
            if number == wanted:
                yield from summarize_address_range(family(start), family(end))
