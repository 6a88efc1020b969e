"""Presumed networks: the private networks, used as ours where neither the operator nor the interfaces name them.

Commands that examine a configuration (`presumed`) leave out the private networks that it has another use for, so that
their findings are about the configuration and not about the guess. `replay` (`presumed_for_captures`) takes all
private networks, because a capture may contain any of them, and warns about those that the configuration has another
use for.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import collapse_addresses
from typing import TYPE_CHECKING

from shodohflo.model import Network, covers
from shodohflo.rules.networks import PRIVATE, OurNetworks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.rules.networks import NetworkEnumeration


@dataclass(frozen=True, slots=True)
class Presumed:
    """The networks taken for ours, and the messages about them for the user."""

    networks: tuple[Network, ...]
    notes: tuple[str, ...]


def presumed(*enumerations: NetworkEnumeration) -> Presumed:
    """Return the private networks that none of the configurations has another use for."""
    networks = presumed_networks(*enumerations)
    return Presumed(networks, (_taken(networks),))


def presumed_for_captures(enumeration: NetworkEnumeration) -> Presumed:
    """Return all private networks, with a warning for those that the configuration has another use for."""
    clashing = sorted(set(PRIVATE) - set(presumed_networks(enumeration)), key=str)
    named = ", ".join(map(str, clashing))
    warning = f"warning: the configuration has another use for addresses of {named}: set --our-nets"
    return Presumed(PRIVATE, (_taken(PRIVATE), *([warning] if clashing else [])))


def _taken(networks: tuple[Network, ...]) -> str:
    return f"no --our-nets: taking {', '.join(map(str, networks)) or 'none'} for our networks"


def presumed_networks(*enumerations: NetworkEnumeration) -> tuple[Network, ...]:
    """Return the private networks, without those that one of the configurations has another use for.

    Those are the networks that cover a prefix named after the first OUR_4NETS or OUR_6NETS of their family, and the
    networks that a prefix named before it covers. Presuming them would cause findings about the guess.
    """
    free = [part for part in _parts() if not any(_clashes(part, enumeration) for enumeration in enumerations)]
    ipv6 = collapse_addresses(part for part in free if part.version == 6)
    return (*(part for part in free if part.version == 4), *ipv6)


def _parts() -> Iterator[Network]:
    """Yield the private networks; fc00::/7 in halves, because only fd00::/8 is in use (RFC 4193 section 3.1)."""
    for network in PRIVATE:
        yield from network.subnets() if network.version == 6 else [network]


def _clashes(network: Network, enumeration: NetworkEnumeration) -> bool:
    given = [given for entry in enumeration.entries for given in entry.given if given.version == network.version]
    ours = next((place for place, one in enumerate(given) if isinstance(one, OurNetworks)), None)
    if ours is None:
        return False
    # A prefix of length 0 before our networks is a mistake in the configuration, which `check` must find.
    before = [one for one in given[:ours] if not isinstance(one, OurNetworks) and one.prefixlen > 0]
    after = [one for one in given[ours:] if not isinstance(one, OurNetworks)]
    return any(covers(one, network) for one in before) or any(covers(network, one) for one in after)
