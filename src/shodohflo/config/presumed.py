"""What is taken for our networks where nobody names them and no machine can tell."""

from __future__ import annotations

from ipaddress import collapse_addresses, ip_network
from typing import TYPE_CHECKING, Final

from shodohflo.rules.networks import OurNetworks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.rules.networks import Network, NetworkEnumeration

PRIVATE: Final = tuple(
    ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""RFC 1918, RFC 6598, RFC 4193."""


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
    return any(_covers(one, network) for one in before) or any(_covers(network, one) for one in after)


def _covers(outer: Network, inner: Network) -> bool:
    return inner.subnet_of(outer)  # type: ignore[arg-type] # both of one family
