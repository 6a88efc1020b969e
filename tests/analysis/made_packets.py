"""Packets for tests: any that can be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hypothesis import strategies as st

from observing import ADDRESSES, PORTS
from shodohflo.analysis.packet import FLAGS, Packet
from shodohflo.model import ICMP, TCP, UDP

if TYPE_CHECKING:
    from shodohflo.model import Address

ANY_ADDRESS = cast("st.SearchStrategy[Address]", ADDRESSES)


@st.composite
def packets(draw: st.DrawFn, addresses: st.SearchStrategy[Address] = ANY_ADDRESS) -> Packet:
    """Make packets between `addresses` of one family, by every protocol that can be written."""
    src = draw(addresses)
    dst = draw(addresses.filter(lambda address: address.version == src.version))
    protocol = draw(st.sampled_from([UDP, TCP, ICMP]))
    flags = sum(draw(st.sets(st.sampled_from(sorted(FLAGS.values()))))) if protocol == TCP else 0
    return Packet(src, draw(PORTS), dst, draw(PORTS), protocol, flags)
