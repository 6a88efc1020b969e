"""What sensors disagree about: flows that one records as `A;B;p`, and another as `B;A;q`.

A sensor is an agent with its store. A flow has the port of its service only, so two rows do not say that they are about
the same packets; but the rows that cannot be are told apart. Two rows contradict each other if

* their ends are exchanged, whatever the ports;
* they have a protocol in common, and their packets were seen at the same time, give or take `SLACK`;
* more than one sensor recorded them: a single one that has both has seen two hosts that use each other;
* one of the services at least may be none. Two proven ones are both real: the hosts serve each other. So are two
  different ports of which both are in the list of ports that clients do not use, or proven: no conversation has both.

What is proven, by a flow or by the inventory of services, is so for all rows. If it is one side only, the other is
`contradicted`. Pure, apart from `find_disagreements`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from shodohflo.model import PORT_PROTOCOLS, RUNGS, Rung
from shodohflo.query.filters import Filter
from shodohflo.query.reader import Found
from shodohflo.query.rows import DisagreeingRow, FlowRow, order
from shodohflo.query.services import Lately

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shodohflo.model import Address
    from shodohflo.query.reader import Reader
    from shodohflo.query.rows import ServiceRow

SLACK: Final = 60.0
"""Seconds between the packets of one direction and those of the other, and between the clocks of two hosts."""

MOST_OPPOSING: Final = 256
"""Rows of the other direction that a row is compared with, those with most packets: two hosts may have 65,536 ports."""

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


def _contrary(forth: Sequence[FlowRow], back: Sequence[FlowRow], inventory: Inventory) -> list[tuple[FlowRow, bool]]:
    """Return the rows of either direction that one of the other contradicts, and whether they are probably wrong."""
    found = []
    for rows, others in ((forth, back), (back, forth)):
        for row in rows:
            opposing = [other for other in others[:MOST_OPPOSING] if _contradict(row, other, inventory)]
            if opposing:
                found.append((row, not inventory.proves(row) and any(map(inventory.proves, opposing))))
    return found


def _contradict(one: FlowRow, other: FlowRow, inventory: Inventory) -> bool:
    """Return whether two rows with their ends exchanged may be about the same packets, and not both be right."""
    if not (_have_common_protocol(one, other) and _at_the_same_time(one, other) and _by_two_sensors(one, other)):
        return False
    is_real = inventory.proves if one.port == other.port else inventory.is_service
    return not (is_real(one) and is_real(other))


def _have_common_protocol(one: FlowRow, other: FlowRow) -> bool:
    ours, theirs = _protocols(one), _protocols(other)
    return not ours or not theirs or not ours.isdisjoint(theirs)


def _at_the_same_time(one: FlowRow, other: FlowRow) -> bool:
    if one.first is None or one.last is None or other.first is None or other.last is None:
        return True
    return one.first <= other.last + SLACK and other.first <= one.last + SLACK


def _by_two_sensors(one: FlowRow, other: FlowRow) -> bool:
    """Return whether more than one sensor recorded the rows; in one store, agents that are not known are one."""
    if one.stores != other.stores:
        return True
    return bool(one.agents and other.agents) and len({*one.agents, *other.agents}) > 1


def _marked(row: FlowRow, pair: int, *, contradicted: bool) -> DisagreeingRow:
    known = {field.name: getattr(row, field.name) for field in fields(FlowRow)}
    return DisagreeingRow(**known, pair=pair, contradicted=contradicted)


def _ends(row: FlowRow) -> list[ServiceEnd]:
    return [(row.service, each.protocol, row.port) for each in row.protocols]


def _protocols(row: FlowRow) -> set[str]:
    return {each.protocol for each in row.protocols}


def _is_proof(evidence: str) -> bool:
    """Return whether a word of evidence is proof; of one direction, it is not."""
    return RUNGS.get(evidence, Rung.NONE).is_proof


def _listed() -> frozenset[tuple[str, int]]:
    from shodohflo.attribution.evidence.listed import listed_ports  # noqa: PLC0415 - only this query needs them

    listed = listed_ports()
    return frozenset(
        (name, port) for name, number in PORT_PROTOCOLS.items() for port in listed[number].nonzero()[0].tolist()
    )
