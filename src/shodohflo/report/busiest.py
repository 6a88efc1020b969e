"""The busiest flows of a running agent, as they are now: with rates, and without flows that have gone quiet.

`Busiest` collects what was recorded and gives a `Snapshot` of one moment. `Snapshot.arrange` sorts, filters and cuts
it; the live table only draws the result. Times are seconds since 1970, and `now` is an argument.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from shodohflo.query.filters import Filter
from shodohflo.query.sums import join_flows
from shodohflo.report.listings import FLOWS, Order
from shodohflo.report.numbers import rate_text
from shodohflo.report.table import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.model import Address
    from shodohflo.query.rows import FlowRow
    from shodohflo.report.table import Row

    FlowEnds = tuple[Address, Address, int]
    SortKey = tuple[Any, ...]

MOST: Final = 2_000
"""How many flows are kept; beyond that, those seen longest ago are removed."""

QUIET: Final = 60.0
"""Seconds after its last packet at which a flow leaves."""

WINDOW: Final = 5.0
"""Seconds over which rates are measured; in a shorter window they would jump."""


@dataclass(frozen=True, slots=True)
class LiveFlow:
    """A flow with its rates over the last `WINDOW` seconds."""

    flow: FlowRow
    """Its sums since it appeared."""
    packet_rate: float
    """Packets per second."""
    bit_rate: float
    """Bits of the network layer per second."""
    place: SortKey
    """Sorts flows by their ends."""
    now: float
    """When that was so."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for in a live table."""

    wanted: Filter = field(default_factory=Filter)
    texts: tuple[str, ...] = ()
    """Each must be part of a cell."""

    def takes(self, live: LiveFlow) -> bool:
        """Return whether a flow is looked for."""
        if not self.wanted.takes_flow(live.flow):
            return False
        cells = [cell.lower() for cell in cells_of(live)] if self.texts else []
        return all(any(text.lower() in cell for cell in cells) for text in self.texts)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The flows at one moment, in no particular order."""

    time: float
    flows: tuple[LiveFlow, ...] = ()

    def arrange(self, search: Search, sort: str, *, reverse: bool = False) -> list[LiveFlow]:
        """Return the flows that are looked for, sorted by one of `ORDERS` or against it; equal ones by their ends."""
        found = sorted(filter(search.takes, self.flows), key=attrgetter("place"))
        return ORDERS[sort].sorted(found, reverse=reverse)


@dataclass(slots=True)
class _Tracked:
    """A flow that is in the table, and what of it was recorded in the window."""

    flow: FlowRow
    place: SortKey
    packets: int = 0
    octets: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """What one call of `Busiest.add` adds to one flow."""

    tracked: _Tracked
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class _Interval:
    """What was recorded between two calls of `Busiest.add`."""

    begin: float
    parts: list[_Part]


_PLACE: Final = FLOWS.orders["client"].key


class Busiest:
    """The flows seen lately, at most `MOST`."""

    def __init__(self, now: float) -> None:
        """Begin at `now`."""
        # Hashing addresses is what costs most here, so a flow is looked up once for each time that it is added.
        self._flows: dict[FlowEnds, _Tracked] = {}
        self._intervals: deque[_Interval] = deque()
        self._until = now

    def add(self, seen: Sequence[FlowRow], now: float) -> None:
        """Add the flows recorded since the last call; forget those that are quiet, and the oldest beyond `MOST`."""
        self._intervals.append(_Interval(self._until, [self._add(flow) for flow in seen]))
        self._until = max(now, self._until)
        while len(self._intervals) > 1 and self._intervals[1].begin <= now - WINDOW:
            for part in self._intervals.popleft().parts:
                part.tracked.packets -= part.packets
                part.tracked.octets -= part.octets
        quiet = [ends for ends, tracked in self._flows.items() if now - (tracked.flow.last or now) > QUIET]
        beyond = islice(self._flows, max(len(self._flows) - MOST, 0))
        for ends in {*quiet, *beyond}:
            del self._flows[ends]

    def _add(self, flow: FlowRow) -> _Part:
        """Add what was recorded of one flow, which becomes the latest."""
        ends = (flow.client, flow.service, flow.port)
        tracked = self._flows.pop(ends, None)
        if tracked is None:
            tracked = _Tracked(flow, _PLACE(flow))
        else:
            tracked.flow = join_flows([tracked.flow, flow])
        self._flows[ends] = tracked
        part = _Part(tracked, flow.packets, flow.octets or 0)
        tracked.packets += part.packets
        tracked.octets += part.octets
        return part

    def snapshot(self, now: float) -> Snapshot:
        """Return the flows with their rates at `now`."""
        seconds = now - self._intervals[0].begin if self._intervals else 0.0
        per_second = 1 / seconds if seconds > 0 else 0.0
        live = (
            LiveFlow(tracked.flow, tracked.packets * per_second, tracked.octets * 8 * per_second, tracked.place, now)
            for tracked in self._flows.values()
        )
        return Snapshot(now, tuple(live))


COLUMNS: Final = (
    Column("CLIENT"),
    Column("SERVICE"),
    Column("PORT", right=True),
    Column("", from_width=80, style="dim"),
    Column("BIT/S", right=True),
    Column("PKT/S", right=True, from_width=70),
    Column("PACKETS", right=True, from_width=60),
    Column("BYTES", right=True, from_width=90),
    Column("FIRST", right=True, from_width=110),
    Column("AGE", right=True),
    Column("PROTOCOL", from_width=120),
    Column("EVIDENCE", from_width=100),
    Column("RULE", from_width=140),
)


def cells_of(live: LiveFlow) -> Row:
    """Return the cells of a flow under `COLUMNS`."""
    aged = replace(live.flow, age=max(live.now - (live.flow.last or live.now), 0.0))
    client, service, port, name, *others = FLOWS.cells(aged)
    return (client, service, port, name, rate_text(live.bit_rate), rate_text(live.packet_rate), *others)


def _of_rows(order: Order[FlowRow]) -> Order[LiveFlow]:
    return Order(lambda live: order.key(live.flow), descending=order.descending)


_BY_RATE: Final[dict[str, Order[LiveFlow]]] = {
    "bit/s": Order(lambda live: (live.bit_rate, live.flow.packets), descending=True),
    "pkt/s": Order(lambda live: (live.packet_rate, live.flow.packets), descending=True),
}
ORDERS: Final = _BY_RATE | {
    name: _of_rows(FLOWS.orders[name]) for name in ("packets", "bytes", "age", "first", "client", "service", "port")
}
"""The orders of a live table, by name, in the order in which a key goes through them."""
