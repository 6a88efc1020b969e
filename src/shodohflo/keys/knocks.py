"""The hash of an origin of knocks: `knock_fields` writes it, `StoredKnock` is what a reader gets from it.

203.0.113.9 tried two ports of one host in our networks. The agent `bert` saw one attempt refused, and nothing follow
the other 15; these are the fields of `knock;203.0.113.9`:

    first                1700000000.250000      hosts                     1
    last                 1700000012.250000      ports                     2
    refused.bert;4f1c9a  1                      target.10.0.0.5;tcp;22    1700000012.250000
    silent.bert;4f1c9a   15                     target.10.0.0.5;tcp;23    1700000012.250000
    agent.bert           1700000012.250000

Each run of each agent writes its own totals, under the agent's name and the session of its writer, and a reader adds
them up. So an agent that starts again, or another one of the same name, goes on counting. A further write keeps the
earliest `first`, the latest `last`, the largest number in each field of numbers and the targets that are there, so a
write that is repeated changes nothing. The origin is an address, or a network where there were too many addresses to
tell them apart: `knock;203.0.113.0/24`, `knock;2001:db8::/64`.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from operator import itemgetter
from typing import TYPE_CHECKING, Final, Self

from shodohflo.keys.detail import seconds_text
from shodohflo.keys.ends import end_text, parse_end
from shodohflo.keys.grammar import KNOCK, parse_address
from shodohflo.keys.naming import is_agent_name
from shodohflo.keys.sightings import MOST_AGENTS, Sightings, sighting_fields
from shodohflo.keys.values import MOST, parse_count, parse_time
from shodohflo.model import End, Network, address_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shodohflo.model import Knock

REFUSED: Final = "refused."
"""Prefix of the attempts that were refused, by agent and run."""

SILENT: Final = "silent."
"""Prefix of the attempts that nothing followed, by agent and run."""

HOSTS: Final = "hosts"
"""Distinct addresses that were tried; the largest number that any agent counted."""

PORTS: Final = "ports"
"""Distinct ends that were tried; the largest number that any agent counted."""

TARGET: Final = "target."
"""Prefix of the time by which an end had been tried, such as `target.10.0.0.5;tcp;22`."""

MOST_TARGETS: Final = 32
"""Targets in one hash."""

_WIDE: Final = {4: 24, 6: 64}
"""The length of the prefix of an origin that is no single address, by version."""


def knock_key(origin: Network) -> str:
    """Return the name of the hash of `origin`, a single address or a /24 or /64."""
    address = address_text(origin.network_address)
    return f"{KNOCK}{address}" if origin.prefixlen == origin.max_prefixlen else f"{KNOCK}{address}/{origin.prefixlen}"


def knock_origin(name: str) -> Network | None:
    """Return the origin whose hash `knock_key` names `name`, or `None` for a name that is not a key of ours."""
    if not name.startswith(KNOCK):
        return None
    address, slash, length = name.removeprefix(KNOCK).partition("/")
    try:
        network = ip_network(parse_address(address))
        if slash:
            network = ip_network((network.network_address, _WIDE[network.version]))
    except ValueError:
        return None
    return network if not slash or length == str(network.prefixlen) else None


def knock_fields(knock: Knock, agent: str, run: str) -> dict[str, str]:
    """Return what one `run` of `agent` writes about an origin."""
    numbers = {
        f"{REFUSED}{agent};{run}": str(knock.refused),
        f"{SILENT}{agent};{run}": str(knock.silent),
        HOSTS: str(knock.hosts),
        PORTS: str(knock.ports),
    }
    last = seconds_text(knock.last)
    targets = {TARGET + end_text(end): last for end in knock.targets[:MOST_TARGETS]}
    return sighting_fields(knock.first, knock.last, agent) | numbers | targets


@dataclass(frozen=True, slots=True)
class StoredKnock:
    """The content of a hash of an origin of knocks."""

    origin: Network
    seen: Sightings
    refused: int
    """Attempts answered by a reset or an unreachable, of all agents together, as is `silent`."""
    silent: int
    hosts: int
    """Distinct addresses that were tried, counted up to a bound; 0 if the hash does not say."""
    ports: int
    """Distinct ends that were tried, counted up to a bound; 0 if the hash does not say."""
    targets: Mapping[End, float]
    """Some of the ends that were tried, the first first, with the time by which each had been, in s since 1970."""

    @classmethod
    def from_fields(cls, name: str, fields: Mapping[str, str]) -> Self | None:
        """Parse the hash `name`; `None` if it is not a key of ours, or without times, for any program may write."""
        origin, seen = knock_origin(name), Sightings.from_fields(fields)
        if origin is None or seen is None:
            return None
        refused, silent = _total(fields, REFUSED), _total(fields, SILENT)
        hosts, ports = (parse_count(fields.get(name, "")) or 0 for name in (HOSTS, PORTS))
        return cls(origin, seen, refused, silent, hosts, ports, _targets(fields))


def _total(fields: Mapping[str, str], prefix: str) -> int:
    """Return the sum of the counts of all runs of all agents; malformed ones are left out."""
    names = [name for name in fields if name.startswith(prefix) and _is_run(name.removeprefix(prefix))]
    return min(sum(parse_count(fields[name]) or 0 for name in names[:MOST_AGENTS]), MOST)


def _is_run(text: str) -> bool:
    """Return whether `text` names a run of an agent, as `bert;4f1c9a`."""
    agent, semicolon, run = text.partition(";")
    return bool(semicolon and run.isalnum() and run.isascii()) and is_agent_name(agent)


def _targets(fields: Mapping[str, str]) -> dict[End, float]:
    """Return the targets, the first first, at most `MOST_TARGETS`; malformed ones are left out."""
    targets: list[tuple[float, End]] = []
    for name, value in fields.items():
        end = parse_end(name.removeprefix(TARGET)) if name.startswith(TARGET) else None
        tried = parse_time(value)
        if end is not None and tried is not None:
            targets.append((tried, end))
    return {end: tried for tried, end in sorted(targets, key=itemgetter(0))[:MOST_TARGETS]}
