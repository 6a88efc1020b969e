"""The networks of a configuration as an agent publishes them, for readers that never execute a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.keys.networks import PublishedNetwork

if TYPE_CHECKING:
    from shodohflo.rules.networks import NetworkEnumeration


def published(enumeration: NetworkEnumeration) -> tuple[PublishedNetwork, ...]:
    """Return the entries of a bound enumeration, with our networks in place of OUR_4NETS and OUR_6NETS."""
    return tuple(PublishedNetwork(entry.name, entry.prefixes) for entry in enumeration.entries)
