"""The trap of derived networks: a prefix of this machine's own swallows a host that a later entry names.

An address belongs to the first entry that holds it. `("our_nets", OUR_4NETS)` before `("bert", "10.0.0.1/32")` is as
meant while our networks are elsewhere; once bert's own subnet is derived from its addresses, the entry bert is dead.
Where the operator named our networks, that is the operator's decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shodohflo.errors import ConfigurationError
from shodohflo.model import Network, covers, entry_place
from shodohflo.rules.networks import OurNetworks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shodohflo.rules.networks import Entry, NetworkEnumeration


@dataclass(frozen=True, slots=True)
class Swallowed:
    """A prefix that its entry never gets to hold, and the derived network that takes its addresses."""

    entry: int
    name: str
    prefix: Network
    by: Network

    def __str__(self) -> str:
        """Say it in words."""
        place = f"{entry_place(self.entry)} {self.name!r}"
        return f"{self.by}, derived from this machine's addresses, swallows {self.prefix} of {place}"


def refuse_swallowed(enumeration: NetworkEnumeration, derived: Sequence[Network]) -> None:
    """Raise if one of the `derived` networks covers a prefix of an entry after OUR_4NETS or OUR_6NETS."""
    found = list(swallowed(enumeration, derived))
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise ConfigurationError(
            f"{found[0]}{more}, so that no rule for it can match: name our networks with --our-nets PREFIX"
        )


def swallowed(enumeration: NetworkEnumeration, derived: Sequence[Network]) -> Iterator[Swallowed]:
    """Find the prefixes that one of the `derived` networks covers from an earlier entry."""
    for number, entry in enumerate(enumeration.entries):
        earlier = list(_bound(enumeration.entries[:number], derived))
        for prefix in entry.given:
            if not isinstance(prefix, OurNetworks):
                cover = next((network for network in earlier if covers(network, prefix)), None)
                if cover is not None:
                    yield Swallowed(number, entry.name, prefix, cover)


def _bound(entries: Iterable[Entry], derived: Sequence[Network]) -> Iterator[Network]:
    """Yield the derived networks that stand in `entries` as OUR_4NETS or OUR_6NETS."""
    for entry in entries:
        for ours in (part for part in entry.given if isinstance(part, OurNetworks)):
            yield from (network for network in derived if network.version == ours.version)
