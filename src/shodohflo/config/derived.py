"""A check for derived networks: none of them may swallow a host that a later entry names.

An address belongs to the first entry that holds it. `("our_nets", OUR_4NETS)` before `("bert", "10.0.0.1/32")` works
as intended while our networks are elsewhere. If the agent runs on bert and derives 10.0.0.0/24 from the interfaces,
the entry bert no longer holds any address. Networks that the operator named are not checked: the order is then the
operator's decision.
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
    """A prefix whose addresses all go to a derived network in an earlier entry."""

    entry: int
    name: str
    prefix: Network
    by: Network

    def __str__(self) -> str:
        """Return the beginning of an error message about it."""
        place = f"{entry_place(self.entry)} {self.name!r}"
        return f"{self.by}, derived from this machine's addresses, swallows {self.prefix} of {place}"


def refuse_swallowed(enumeration: NetworkEnumeration, derived: Sequence[Network]) -> None:
    """Raise `ConfigurationError` if a `derived` network covers a prefix of an entry after OUR_4NETS or OUR_6NETS."""
    found = list(swallowed(enumeration, derived))
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise ConfigurationError(
            f"{found[0]}{more}, so that no rule for it can match: name our networks with --our-nets PREFIX"
        )


def swallowed(enumeration: NetworkEnumeration, derived: Sequence[Network]) -> Iterator[Swallowed]:
    """Yield the prefixes that a `derived` network in an earlier entry covers."""
    for number, entry in enumerate(enumeration.entries):
        earlier = list(_bound(enumeration.entries[:number], derived))
        for prefix in entry.given:
            if not isinstance(prefix, OurNetworks):
                cover = next((network for network in earlier if covers(network, prefix)), None)
                if cover is not None:
                    yield Swallowed(number, entry.name, prefix, cover)


def _bound(entries: Iterable[Entry], derived: Sequence[Network]) -> Iterator[Network]:
    """Yield the derived networks that OUR_4NETS and OUR_6NETS stand for in `entries`."""
    for entry in entries:
        for ours in (part for part in entry.given if isinstance(part, OurNetworks)):
            yield from (network for network in derived if network.version == ours.version)
