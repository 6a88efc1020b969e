"""Facts: what is known of some flows when the ladder is asked, as columns and for one flow.

Each fact is looked up when a rung asks for it, only for the flows that are still undecided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Bits = NDArray[np.uint8]


class OfEnds(NamedTuple):
    """A fact about both ends of one flow, by side."""

    side_0: int
    side_1: int


NEITHER: Final = OfEnds(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFacts:
    """What is known of one flow; the specification of `Facts`."""

    is_tcp: bool
    is_two_way: bool
    """Whether payload of both ends was seen."""
    own: int
    """A `handshakes.Own`: what the flow itself said."""
    same_port: bool = False
    """Whether both ends have the same port."""
    sockets: OfEnds = NEITHER
    """`known.SERVICE` or `known.CLIENT`, as the socket of this host is at the end; 0 where it is none of this host."""
    groups: OfEnds = NEITHER
    """Whether the address is a multicast group or a broadcast address."""
    known: OfEnds = NEITHER
    """`known.CLIENT` and `known.SERVICE` as bits: what the end was in verified flows."""
    claims: OfEnds = NEITHER
    """The same, in flows of which one direction was seen."""
    churned: OfEnds = NEITHER
    """Whether one address used several of its ports with the end, in two-way flows."""
    listed: OfEnds = NEITHER
    """Whether the port is in the list."""
    roles: OfEnds = NEITHER
    """`known.CLIENT` and `known.SERVICE` as bits: what the address was in verified flows."""
    churned_one_way: OfEnds = NEITHER
    """As `churned`, in one-way flows."""


class Facts(Protocol):
    """What is known of several flows: a column for each fact, and for facts about ends one by side."""

    is_tcp: Mask
    is_two_way: Mask
    own: Bits

    @property
    def same_port(self) -> Mask:
        """Which flows have the same port at both ends."""

    def about(self, fact: str, side: int) -> Bits:
        """Return the fact of `FlowFacts` about the ends of a side."""

    def keep(self, mask: Mask) -> Facts:
        """Return the facts about the flows where `mask` is true."""
