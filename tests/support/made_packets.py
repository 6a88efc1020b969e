"""Random packets for tests, as packets that can be written as text and as columns."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, cast

import numpy as np
from hypothesis import strategies as st

from shodohflo.attribution.policy import IgnoredFlow, Policy
from shodohflo.columns.batch import Batch, Messages
from shodohflo.model import ICMP, TCP, UDP
from shodohflo.rules.packet import FLAGS, Packet
from support import rule_sets
from support.observing import ADDRESSES, PORTS
from support.tables import made

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.attribution.questions import Message
    from shodohflo.columns.batch import Family
    from shodohflo.model import Address

FAMILIES: tuple[Family, ...] = (4, 6)
ANY_ADDRESS = cast("st.SearchStrategy[Address]", ADDRESSES)


@st.composite
def packets(draw: st.DrawFn, addresses: st.SearchStrategy[Address] = ANY_ADDRESS) -> Packet:
    """Draw packets between `addresses` of one family, of every protocol that has a text form."""
    src = draw(addresses)
    dst = draw(addresses.filter(lambda address: address.version == src.version))
    protocol = draw(st.sampled_from([UDP, TCP, ICMP]))
    flags = sum(draw(st.sets(st.sampled_from(sorted(FLAGS.values()))))) if protocol == TCP else 0
    return Packet(src, draw(PORTS), dst, draw(PORTS), protocol, flags)


@st.composite
def policies(draw: st.DrawFn, rule_set: rule_sets.RuleSet) -> Policy:
    """Draw policies whose own networks and ignored flows use prefixes of `rule_set`."""
    prefixes = [ip_network(prefix) for _, prefixes in rule_set.entries for prefix in prefixes]
    some = st.lists(st.sampled_from(prefixes), max_size=2) if prefixes else st.just([])
    ignored = [IgnoredFlow(prefix, draw(PORTS)) for prefix in draw(some)]
    return Policy(tuple(draw(some)), suppress_own_network=draw(st.booleans()), ignored=tuple(ignored))


def batch_of(several: Sequence[Packet]) -> Batch:
    """Return TCP and UDP packets of one family (at least one) as a batch with one packet in each row."""
    family = several[0].src_addr.version
    return replace(
        rule_sets.batch_of(family, [packet.ends for packet in several]),
        protocol=np.array([packet.protocol for packet in several], np.uint8),
        tcp_flags=np.array([packet.tcp_flags for packet in several], np.uint8),
        packets=np.ones(len(several), np.int64),
    )


def messages_of(family: Family, several: Sequence[Message]) -> Messages:
    """Return ICMP messages as columns; their remote address is the destination, their quoted ports are 0."""
    ends = rule_sets.batch_of(family, [(each.src_addr, 0, each.dst_addr, 0) for each in several])
    return made(
        Messages,
        len(several),
        family,
        src_addr=ends.src_addr,
        dst_addr=ends.dst_addr,
        quote=[each.quote for each in several],
        remote_addr=ends.dst_addr,
    )
