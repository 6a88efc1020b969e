"""What sensors disagree about: flows that one records as `A;B;p`, and another as `B;A;q`.

A sensor is an agent with its store. A flow has the port of its service only, so two rows do not say that they are about
the same packets; but the rows that cannot be are told apart. Two rows contradict each other if

* their ends are exchanged, whatever the ports;
* they have a protocol in common, and their packets were seen at the same time, give or take `SLACK`;
* more than one sensor recorded them: a single one that has both has seen two hosts that use each other;
* not all of these sensors recorded both: if they did, they agree that the hosts use each other;
* one of the services at least may be none. Two proven ones are both real: the hosts serve each other. So are two
  different ports of which both are in the list of ports that clients do not use, or proven: no conversation has both.

What is proven, by a flow or by the inventory of services, is so for all rows. If it is one side only, the other is
`contradicted`. Pure, apart from `find_disagreements`.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, fields
from functools import cache
from itertools import accumulate, islice, product
from math import inf
from typing import TYPE_CHECKING, Final

from shodohflo.model import PORT_PROTOCOLS, RUNGS, Rung
from shodohflo.query.filters import Filter
from shodohflo.query.reader import Found
from shodohflo.query.rows import DisagreeingRow, FlowRow, order
from shodohflo.query.services import Lately

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shodohflo.model import Address
    from shodohflo.query.reader import Reader
    from shodohflo.query.rows import ServiceRow

SLACK: Final = 60.0
"""Seconds between the packets of one direction and those of the other, and between the clocks of two hosts."""

MOST_CLAIMS: Final = 256
"""Claims of the other direction that a row is held against; there are more only if a store names agents at random."""

_Claimed = tuple["FlowRow", "_Claim"]

ServiceEnd = tuple["Address", str, int]
"""Address, protocol and port."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What is known of services besides what one row says."""

    proven: frozenset[ServiceEnd]
    """Services that proof shows, in any flow or in the inventory."""
    listed: frozenset[tuple[str, int]]
    """Ports that services use and clients do not, by protocol."""

    @classmethod
    def of(cls, flows: Iterable[FlowRow], services: Iterable[ServiceRow]) -> Inventory:
        """Return what `flows` and `services` prove."""
        shown = {end for row in flows if _is_proof(row.evidence) for end in _ends(row)}
        answered = {(row.address, row.protocol, row.port) for row in services if _is_proof(row.evidence)}
        return cls(frozenset(shown | answered), _listed())

    def proves(self, row: FlowRow) -> bool:
        """Return whether the service of a flow is proven."""
        return any(end in self.proven for end in _ends(row))

    def is_service(self, row: FlowRow) -> bool:
        """Return whether the service of a flow is proven, or on a port that clients do not use."""
        return self.proves(row) or any((protocol, port) in self.listed for _, protocol, port in _ends(row))


def find_disagreements(reader: Reader, wanted: Filter, now: float) -> Found[DisagreeingRow]:
    """Return what the sensors disagree about, all rows of each pair of hosts of which `wanted` takes one.

    `reader` reads by store; `now`, in seconds since 1970, gives the age of flows.
    """
    flows = reader.flows(Filter(), now)
    inventory = Inventory.of(flows.rows, reader.services(Filter(), Lately(), now).rows)
    rows = disagreements(flows.rows, inventory)
    chosen = {row.pair for row in rows if wanted.takes_flow(row)}
    return Found(tuple(row for row in rows if row.pair in chosen), flows.foreign, flows.damaged)


def disagreements(flows: Sequence[FlowRow], inventory: Inventory) -> list[DisagreeingRow]:
    """Return the rows that contradict each other; `flows` are not summed over stores, those with most packets first.

    Rows of the same pair of hosts follow each other, and so do those of one direction.
    """
    by_ends = _exchanged(flows)
    pairs = [
        contrary
        for (client, service), rows in by_ends.items()
        if order(client) < order(service)
        if (contrary := _contrary(rows, by_ends[service, client], inventory))
    ]
    pairs.sort(key=lambda rows: -sum(row.packets for row, _ in rows))
    return [
        _marked(row, pair, contradicted=contradicted)
        for pair, rows in enumerate(pairs, start=1)
        for row, contradicted in rows
    ]


def _exchanged(flows: Sequence[FlowRow]) -> dict[tuple[Address, Address], list[FlowRow]]:
    """Return the flows by client and service, of those ends only that are also there the other way round."""
    ends = {(row.client, row.service) for row in flows}
    by_ends: dict[tuple[Address, Address], list[FlowRow]] = {}
    for row in flows:
        if (row.service, row.client) in ends and row.client != row.service:
            by_ends.setdefault((row.client, row.service), []).append(row)
    return by_ends


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a row says besides its port and times: two hosts may have 65,536 ports, but hardly more than ten claims."""

    stores: tuple[str, ...]
    agents: tuple[str, ...]
    recorders: frozenset[tuple[str, str]]
    """The sensors that recorded the flow, in any row: store and agent, which is empty if unknown."""
    protocols: frozenset[str]
    proven: bool
    """Whether the service is proven."""
    real: bool
    """Whether it is proven, or on a port that clients do not use."""

    def contradicts(self, other: _Claim, *, same_port: bool = False) -> bool:
        """Return whether two rows with their ends exchanged may be about the same packets, and not both be right."""
        if self.protocols and other.protocols and self.protocols.isdisjoint(other.protocols):
            return False
        if self.recorders == other.recorders or not self._is_of_another_sensor(other):
            return False
        return not (self.proven and other.proven if same_port else self.real and other.real)

    def _is_of_another_sensor(self, other: _Claim) -> bool:
        """Return whether more than one sensor recorded the rows; in one store, agents that are not known are one."""
        if self.stores != other.stores:
            return True
        return bool(self.agents and other.agents) and len({*self.agents, *other.agents}) > 1


class _Times:
    """When the rows of a claim were seen."""

    def __init__(self, rows: Iterable[FlowRow]) -> None:
        """Prepare to be asked about `rows`."""
        spans = sorted(map(_span, rows))
        self._begins = [first for first, _ in spans]
        self._ends = list(accumulate((last for _, last in spans), max))

    def include(self, row: FlowRow) -> bool:
        """Return whether any of them was at the time of `row`, give or take `SLACK`."""
        first, last = _span(row)
        begun = bisect_right(self._begins, last + SLACK)
        return begun > 0 and first <= self._ends[begun - 1] + SLACK  # the latest end of those that had begun


def _span(row: FlowRow) -> tuple[float, float]:
    """Return the times of the first and the last packet; all times if one of them is unknown."""
    return (-inf, inf) if row.first is None or row.last is None else (row.first, row.last)


def _contrary(forth: Sequence[FlowRow], back: Sequence[FlowRow], inventory: Inventory) -> list[tuple[FlowRow, bool]]:
    """Return the rows of either direction that one of the other contradicts, and whether they are probably wrong."""
    claimed_forth, claimed_back = _claimed(forth, inventory), _claimed(back, inventory)
    return [*_contradicted(claimed_forth, claimed_back), *_contradicted(claimed_back, claimed_forth)]


def _contradicted(rows: Sequence[_Claimed], others: Sequence[_Claimed]) -> Iterator[tuple[FlowRow, bool]]:
    """Yield those of `rows` that one of `others` contradicts, and whether a proven one does and they are not."""
    by_claim: dict[_Claim, list[FlowRow]] = {}
    by_port: dict[int, list[_Claimed]] = {}
    for row, claim in others:
        by_claim.setdefault(claim, []).append(row)
        by_port.setdefault(row.port, []).append((row, claim))
    claims = [(claim, _Times(by_claim[claim])) for claim in islice(by_claim, MOST_CLAIMS)]

    @cache
    def contrary_to(claim: _Claim) -> list[tuple[bool, _Times]]:
        return [(other.proven, times) for other, times in claims if claim.contradicts(other)]

    for row, claim in rows:
        proven = {is_proven for is_proven, times in contrary_to(claim) if times.include(row)}
        proven |= {
            other_claim.proven
            for other, other_claim in by_port.get(row.port, ())
            if claim.contradicts(other_claim, same_port=True) and _Times([other]).include(row)
        }
        if proven:
            yield row, True in proven and not claim.proven


def _claimed(rows: Sequence[FlowRow], inventory: Inventory) -> list[_Claimed]:
    """Return the rows of one direction, each with what it claims."""
    recorders: dict[int, set[tuple[str, str]]] = {}
    for row in rows:
        recorders.setdefault(row.port, set()).update(product(row.stores, row.agents or ("",)))
    by_port = {port: frozenset(sensors) for port, sensors in recorders.items()}
    return [
        (
            row,
            _Claim(
                stores=row.stores,
                agents=row.agents,
                recorders=by_port[row.port],
                protocols=frozenset(each.protocol for each in row.protocols),
                proven=inventory.proves(row),
                real=inventory.is_service(row),
            ),
        )
        for row in rows
    ]


def _marked(row: FlowRow, pair: int, *, contradicted: bool) -> DisagreeingRow:
    known = {field.name: getattr(row, field.name) for field in fields(FlowRow)}
    return DisagreeingRow(**known, pair=pair, contradicted=contradicted)


def _ends(row: FlowRow) -> list[ServiceEnd]:
    return [(row.service, each.protocol, row.port) for each in row.protocols]


def _is_proof(evidence: str) -> bool:
    """Return whether a word of evidence is proof; of one direction, it is not."""
    return RUNGS.get(evidence, Rung.NONE).is_proof


def _listed() -> frozenset[tuple[str, int]]:
    from shodohflo.attribution.evidence.listed import listed_ports  # noqa: PLC0415 - only this query needs them

    listed = listed_ports()
    return frozenset(
        (name, port) for name, number in PORT_PROTOCOLS.items() for port in listed[number].nonzero()[0].tolist()
    )
