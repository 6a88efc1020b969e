"""The named networks of a configuration in an agent's hash: `to_fields` writes them, `from_fields` reads them.

Readers of a store never execute a configuration. So the agent publishes its networks, and a reader can be asked for
the clients in `ernie`. Each entry is a field, numbered in the order in which an address is looked up:

    networks.0   192.168.0.0/16 our_nets
    networks.1   10.0.0.1/32 bert
    networks.2   0.0.0.0/0,::/0 external

A heartbeat is written every few seconds, so only the first `MOST_PREFIXES` prefixes are published. What is published
is exact nevertheless, because an address belongs to the first entry that holds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shodohflo.model import Network

NETWORKS: Final = "networks."
"""Prefix of the fields."""

MOST_PREFIXES: Final = 500
"""At most about 20 kB for each heartbeat."""

LONGEST_NAME: Final = 100
"""Characters; the entry of a longer name is published without its name."""


@dataclass(frozen=True, slots=True)
class PublishedNetwork:
    """An entry of a NETWORK_ENUMERATION, with our networks in place of OUR_4NETS and OUR_6NETS."""

    name: str
    """Empty if it cannot be published: too long, or with characters that are not printed."""
    prefixes: tuple[Network, ...]


def to_fields(entries: Iterable[PublishedNetwork]) -> dict[str, str]:
    """Return the fields for `entries`, up to the first that would exceed `MOST_PREFIXES`."""
    fields: dict[str, str] = {}
    room = MOST_PREFIXES
    for number, entry in enumerate(entries):
        room -= max(len(entry.prefixes), 1)
        if room < 0:
            break
        name = entry.name if is_publishable(entry.name) else ""
        fields[f"{NETWORKS}{number}"] = f"{','.join(map(str, entry.prefixes))} {name}"
    return fields


def from_fields(fields: Mapping[str, str]) -> tuple[PublishedNetwork, ...]:
    """Parse the fields of a hash, up to the first that is missing or malformed, because any program may write to it."""
    entries: list[PublishedNetwork] = []
    room = MOST_PREFIXES
    for number in count():
        entry = _parse(fields.get(f"{NETWORKS}{number}", ""), room)
        if entry is None:
            break
        room -= max(len(entry.prefixes), 1)
        entries.append(entry)
    return tuple(entries)


def is_publishable(name: str) -> bool:
    """Return whether `name` is short and can be printed."""
    return len(name) <= LONGEST_NAME and name.isprintable()


def _parse(text: str, room: int) -> PublishedNetwork | None:
    prefixes, blank, name = text.partition(" ")
    written = prefixes.split(",", room + 1) if prefixes else []
    if not blank or max(len(written), 1) > room or not is_publishable(name):
        return None
    try:
        return PublishedNetwork(name, tuple(map(ip_network, written)))
    except ValueError:
        return None
