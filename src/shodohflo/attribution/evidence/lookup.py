"""Looking up facts: `Lookup` answers for some flows of a batch from everything that is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shodohflo.attribution.evidence.hints import short
from shodohflo.attribution.evidence.known import SERVICE
from shodohflo.model import TCP, UDP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.evidence import Evidence
    from shodohflo.attribution.evidence.flows import Shown
    from shodohflo.attribution.evidence.known import FlowEnds, Marks
    from shodohflo.attribution.evidence.services import Services

    Mask = NDArray[np.bool_]
    Bits = NDArray[np.uint8]


class Lookup:
    """The `facts.Facts` of some flows; each is looked up when it is asked for."""

    def __init__(self, evidence: Evidence, flows: FlowEnds, shown: Shown) -> None:
        """Answer about `flows` from `evidence` and from what they have `shown` themselves."""
        self._evidence, self._flows, self._shown = evidence, flows, shown
        self.is_tcp: Mask = flows.is_tcp
        self.is_two_way: Mask = shown.is_two_way[flows.which]
        self.own: Bits = shown.latest[flows.which]

    @property
    def same_port(self) -> Mask:
        """Which flows have the same port at both ends."""
        same: Mask = self._flows.at(0).ports == self._flows.at(1).ports
        return same

    def about(self, fact: str, side: int) -> Bits:
        """Return the fact of that name about the ends of a side; see `facts.FlowFacts`."""
        return FACTS[fact](self._evidence, self._flows, side)

    def keep(self, mask: Mask) -> Lookup:
        """Return the facts about the flows where `mask` is true."""
        return Lookup(self._evidence, self._flows.keep(mask), self._shown)


def _sockets(evidence: Evidence, flows: FlowEnds, side: int) -> Bits:
    return evidence.sockets(flows, side)


def _groups(evidence: Evidence, flows: FlowEnds, side: int) -> Bits:
    grouped = ~flows.is_tcp
    if grouped.any():
        grouped[grouped] = evidence.groups.holds(flows.at(side).addresses[grouped])
    return grouped.view(np.uint8)


def _known(evidence: Evidence, flows: FlowEnds, side: int) -> Bits:
    ends = flows.at(side)
    marks = np.zeros(len(ends), np.uint8)
    hinted = evidence.hints.find(short(ends.keys))
    if hinted.any():
        marks[hinted] = _marks(evidence.services, evidence.clients, ends.keep(hinted))
    return marks


def _claims(evidence: Evidence, flows: FlowEnds, side: int) -> Bits:
    return _marks(evidence.claims, evidence.claimed_clients, flows.at(side))


def _marks(services: Services, clients: Marks, ends: FlowEnds) -> Bits:
    """Return what `services` and `clients` say of `ends`."""
    return services.marked(ends) * np.uint8(SERVICE) | clients.bits(ends.keys, ends.times)


def _churned(evidence: Evidence, flows: FlowEnds, side: int) -> Bits:
    return evidence.churn.marked(flows.at(side)).view(np.uint8)


def _churned_one_way(evidence: Evidence, flows: FlowEnds, side: int) -> Bits:
    return evidence.one_way_churn.marked(flows.at(side)).view(np.uint8)


def _listed(evidence: Evidence, flows: FlowEnds, side: int) -> Bits:
    ports = flows.at(side).ports
    return np.where(flows.is_tcp, evidence.listed[TCP][ports], evidence.listed[UDP][ports]).view(np.uint8)


def _roles(evidence: Evidence, flows: FlowEnds, side: int) -> Bits:
    return evidence.roles.bits(flows.at(side).address_keys, flows.times)


FACTS: Mapping[str, Callable[[Evidence, FlowEnds, int], Bits]] = {
    "sockets": _sockets,
    "groups": _groups,
    "known": _known,
    "claims": _claims,
    "churned": _churned,
    "listed": _listed,
    "roles": _roles,
    "churned_one_way": _churned_one_way,
}
