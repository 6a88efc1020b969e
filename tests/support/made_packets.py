"""Packets for tests: any that can be written."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, cast

from hypothesis import strategies as st

from shodohflo.attribution.policy import IgnoredFlow, Policy
from shodohflo.model import ICMP, TCP, UDP
from shodohflo.rules.packet import FLAGS, Packet
from support.observing import ADDRESSES, PORTS

if TYPE_CHECKING:
    from shodohflo.columns.batch import Family
    from shodohflo.model import Address
    from support.rule_sets import RuleSet

FAMILIES: tuple[Family, ...] = (4, 6)
ANY_ADDRESS = cast("st.SearchStrategy[Address]", ADDRESSES)


@st.composite
def packets(draw: st.DrawFn, addresses: st.SearchStrategy[Address] = ANY_ADDRESS) -> Packet:
    """Make packets between `addresses` of one family, by every protocol that can be written."""
    src = draw(addresses)
    dst = draw(addresses.filter(lambda address: address.version == src.version))
    protocol = draw(st.sampled_from([UDP, TCP, ICMP]))
    flags = sum(draw(st.sets(st.sampled_from(sorted(FLAGS.values()))))) if protocol == TCP else 0
    return Packet(src, draw(PORTS), dst, draw(PORTS), protocol, flags)


@st.composite
def policies(draw: st.DrawFn, rule_set: RuleSet) -> Policy:
    """Make policies whose networks and ignored flows have to do with a rule set."""
    prefixes = [ip_network(prefix) for _, prefixes in rule_set.entries for prefix in prefixes]
    some = st.lists(st.sampled_from(prefixes), max_size=2) if prefixes else st.just([])
    ignored = [IgnoredFlow(prefix, draw(PORTS)) for prefix in draw(some)]
    return Policy(tuple(draw(some)), suppress_own_network=draw(st.booleans()), ignored=tuple(ignored))
