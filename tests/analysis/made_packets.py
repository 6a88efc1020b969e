"""Packets for tests: any that can be written."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, cast

from hypothesis import strategies as st

from observing import ADDRESSES, PORTS
from shodohflo.analysis.packet import FLAGS, Packet
from shodohflo.model import ICMP, TCP, UDP
from shodohflo.policy import IgnoredFlow, Policy

if TYPE_CHECKING:
    from rules.rule_sets import RuleSet
    from shodohflo.batch import Family
    from shodohflo.model import Address

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
