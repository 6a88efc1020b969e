"""What is taken for our networks where nobody names them and no machine can tell."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

from shodohflo.rules.networks import OurNetworks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.rules.networks import Network, NetworkEnumeration

CANDIDATES: Final = tuple(
    ip_network(text)
    for text in ("192.168.0.0/16", "172.16.0.0/12", "10.0.0.0/8", "100.64.0.0/10", "fd00::/8", "fc00::/8")
)
"""RFC 1918, RFC 6598, RFC 4193."""


def presumed_networks(enumeration: NetworkEnumeration) -> tuple[Network, ...]:
    """Return private networks, one for each family that OUR_4NETS or OUR_6NETS stands for.

    The first of each that swallows nothing the configuration names further down, so that what is found with them is
    about the configuration, and not about a guess.
    """
    return tuple(_choose(enumeration, version) for version in sorted(_asked(enumeration)))


def _asked(enumeration: NetworkEnumeration) -> set[int]:
    return {given.version for entry in enumeration.entries for given in entry.given if isinstance(given, OurNetworks)}


def _choose(enumeration: NetworkEnumeration, version: int) -> Network:
    later = list(_named_later(enumeration, version))
    candidates = [candidate for candidate in CANDIDATES if candidate.version == version]
    return next(
        (candidate for candidate in candidates if not any(_covers(candidate, prefix) for prefix in later)),
        candidates[0],
    )


def _named_later(enumeration: NetworkEnumeration, version: int) -> Iterator[Network]:
    """Yield the prefixes of a family that stand after our networks of it."""
    is_later = False
    for given in (given for entry in enumeration.entries for given in entry.given):
        if isinstance(given, OurNetworks):
            is_later = is_later or given.version == version
        elif is_later and given.version == version:
            yield given


def _covers(outer: Network, inner: Network) -> bool:
    return inner.subnet_of(outer)  # type: ignore[arg-type] # both of one family
