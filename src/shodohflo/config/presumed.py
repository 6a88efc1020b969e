"""Our networks where neither the operator nor this machine's addresses name them: the private ones.

There is one policy with two uses. Commands that examine a configuration (`presumed`) leave out the private networks
that it has another use for, so that their findings are about the configuration and not about a guess. `replay`
(`presumed_for_captures`) takes all of them, because a capture may hold any, and warns of those.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import collapse_addresses, ip_network
from typing import TYPE_CHECKING, Final

from shodohflo.model import Network, covers
from shodohflo.rules.networks import OurNetworks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.rules.networks import NetworkEnumeration

PRIVATE: Final = tuple(
    ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""RFC 1918, RFC 6598, RFC 4193."""


@dataclass(frozen=True, slots=True)
class Presumed:
    """Networks taken for ours, and the lines that tell the user so."""

    networks: tuple[Network, ...]
    notes: tuple[str, ...]


def presumed(*enumerations: NetworkEnumeration) -> Presumed:
    """Return the private networks for which none of the configurations has another use."""
    networks = presumed_networks(*enumerations)
    return Presumed(networks, (_taken(networks),))


def presumed_for_captures(enumeration: NetworkEnumeration) -> Presumed:
    """Return all private networks, with a warning for those that the configuration has another use for."""
    clashing = sorted(set(PRIVATE) - set(presumed_networks(enumeration)), key=str)
    named = ", ".join(map(str, clashing))
    warning = f"warning: the configuration has another use for addresses of {named}: name --our-nets"
    return Presumed(PRIVATE, (_taken(PRIVATE), *([warning] if clashing else [])))


def _taken(networks: tuple[Network, ...]) -> str:
    return f"no --our-nets: taking {', '.join(map(str, networks)) or 'none'} for our networks"


def presumed_networks(*enumerations: NetworkEnumeration) -> tuple[Network, ...]:
    """Return the private networks, but for those that one of the configurations has another use for.

    That is, those that swallow what it names after OUR_4NETS or OUR_6NETS, and those that what it names before
    swallows. So what is found with them is about the configuration, and not about a guess.
    """
    free = [part for part in _parts() if not any(_clashes(part, enumeration) for enumeration in enumerations)]
    ipv6 = collapse_addresses(part for part in free if part.version == 6)
    return (*(part for part in free if part.version == 4), *ipv6)


def _parts() -> Iterator[Network]:
    """Yield the private networks; that of IPv6 in halves, of which people use only one (RFC 4193 section 3.1)."""
    for network in PRIVATE:
        yield from network.subnets() if network.version == 6 else [network]


def _clashes(network: Network, enumeration: NetworkEnumeration) -> bool:
    given = [given for entry in enumeration.entries for given in entry.given if given.version == network.version]
    ours = next((place for place, one in enumerate(given) if isinstance(one, OurNetworks)), None)
    if ours is None:
        return False
    # An entry for everything that stands before our networks is a mistake in the configuration, to be found.
    before = [one for one in given[:ours] if not isinstance(one, OurNetworks) and one.prefixlen > 0]
    after = [one for one in given[ours:] if not isinstance(one, OurNetworks)]
    return any(covers(one, network) for one in before) or any(covers(network, one) for one in after)
