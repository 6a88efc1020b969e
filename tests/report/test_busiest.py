"""The flows of a live table: what is now, with rates."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from shodohflo.keys.detail import ProtocolSum
from shodohflo.query.filters import Filter
from shodohflo.report.busiest import (
    COLUMNS,
    MOST,
    ORDERS,
    QUIET,
    WINDOW,
    Busiest,
    LiveFlow,
    Search,
    Snapshot,
    cells_of,
)
from shodohflo.report.listings import FLOWS
from support.rows import FLOW

if TYPE_CHECKING:
    from shodohflo.query.rows import FlowRow

NOW = 1_800_000_000.0


def row(client: str = "192.0.2.1", *, port: int = 443, packets: int = 1, last: float = NOW) -> FlowRow:
    """Return a flow as it is recorded: `packets` of 100 bytes."""
    octets = packets * 100
    return replace(
        FLOW,
        client=ip_address(client),
        port=port,
        packets=packets,
        octets=octets,
        protocols=(ProtocolSum("tcp", packets, octets),),
        first=last,
        last=last,
        age=None,
        expires_in=None,
        stores=(),
    )


def live(*, port: int = 443, bits: float = 0.0, packets: float = 0.0, client: str = "192.0.2.1") -> LiveFlow:
    """Return a flow with rates."""
    flow = row(client, port=port)
    return LiveFlow(flow, packets, bits, FLOWS.orders["client"].key(flow), NOW)


def test_a_flow_that_is_seen_again_adds_up() -> None:
    """The packets of a flow add up as long as it is there, and its age is that of the last one."""
    busiest = Busiest(NOW - 10)
    busiest.add([row(packets=3, last=NOW - 10)], NOW - 9)
    busiest.add([row(packets=4, last=NOW - 2)], NOW - 1)

    [flow] = [live.flow for live in busiest.snapshot(NOW).flows]

    assert (flow.packets, flow.octets, flow.last, flow.first) == (7, 700, NOW - 2, NOW - 10)
    assert cells_of(busiest.snapshot(NOW).flows[0])[8:10] == ("10s", "2s")


def test_a_rate_is_that_of_the_last_seconds() -> None:
    """10 packets a second are 10 packets a second, however often the table is drawn, and nothing once they end."""
    busiest = Busiest(NOW)
    for half_second in range(1, 41):
        busiest.add([row(packets=5, last=NOW + half_second / 2)], NOW + half_second / 2)
        [seen] = busiest.snapshot(NOW + half_second / 2).flows
        assert seen.packet_rate == pytest.approx(10)
        assert seen.bit_rate == pytest.approx(8000)

    for half_second in range(41, 41 + int(WINDOW * 2) + 2):
        busiest.add([], NOW + half_second / 2)
    [ended] = busiest.snapshot(NOW + 26).flows

    assert (ended.packet_rate, ended.bit_rate, ended.flow.packets) == (0.0, 0.0, 200)


def test_a_rate_needs_time() -> None:
    """At the very moment of the start nothing can be said, and a clock that is set back does no harm."""
    busiest = Busiest(NOW)

    assert busiest.snapshot(NOW).flows == ()
    busiest.add([row()], NOW)
    assert busiest.snapshot(NOW).flows[0].packet_rate == 0.0
    busiest.add([row()], NOW - 100)
    assert busiest.snapshot(NOW - 100).flows[0].packet_rate == 0.0
    busiest.add([row()], NOW + 1)
    assert busiest.snapshot(NOW + 1).flows[0].packet_rate == pytest.approx(3)


def test_what_is_quiet_leaves() -> None:
    """A flow without packets for a minute is no longer there; if it comes back, it begins anew."""
    busiest = Busiest(NOW)
    busiest.add([row(port=1, packets=100), row(port=2, last=NOW + 30)], NOW)

    busiest.add([], NOW + QUIET)
    assert {seen.flow.port for seen in busiest.snapshot(NOW + QUIET).flows} == {1, 2}
    busiest.add([], NOW + QUIET + 0.1)
    assert {seen.flow.port for seen in busiest.snapshot(NOW + QUIET + 0.1).flows} == {2}
    busiest.add([row(port=1, last=NOW + 70)], NOW + 70)
    assert {seen.flow.port: seen.flow.packets for seen in busiest.snapshot(NOW + 70).flows} == {1: 1, 2: 1}


def test_what_is_remembered_is_bounded() -> None:
    """At most `MOST` flows are kept; the least recently seen is removed first."""
    busiest = Busiest(NOW)
    old, kept, new = (row(f"192.0.2.{host}", packets=10**6) for host in (1, 2, 3))
    busiest.add([old, kept, *(row("192.0.2.9", port=port) for port in range(MOST - 2))], NOW)
    busiest.add([kept], NOW)

    busiest.add([new], NOW)

    clients = {seen.flow.client for seen in busiest.snapshot(NOW).flows}
    assert len(busiest.snapshot(NOW).flows) == MOST
    assert old.client not in clients
    assert {kept.client, new.client} <= clients


def test_flows_are_arranged_by_any_column_in_both_directions() -> None:
    """Rates and counts come largest first, the rest ascending; equal flows stay in the order of their ends."""
    flows = (live(port=3, bits=5, packets=1), live(port=1, bits=5, packets=9), live(port=2, bits=7, packets=1))
    snapshot = Snapshot(NOW, flows)

    def ports(sort: str, *, reverse: bool = False) -> list[int]:
        return [each.flow.port for each in snapshot.arrange(Search(), sort, reverse=reverse)]

    assert ports("bit/s") == [2, 1, 3]
    assert ports("pkt/s") == [1, 2, 3]
    assert ports("port") == [1, 2, 3]
    assert ports("port", reverse=True) == [3, 2, 1]
    assert all(sorted(ports(sort)) == [1, 2, 3] for sort in ORDERS)


def test_what_is_unknown_comes_last() -> None:
    """A flow without bytes is last in both directions."""
    unknown = replace(live(port=1), flow=replace(live(port=1).flow, octets=None))
    snapshot = Snapshot(NOW, (unknown, live(port=2)))

    for reverse in (False, True):
        assert [each.flow.port for each in snapshot.arrange(Search(), "bytes", reverse=reverse)] == [2, 1]


@pytest.mark.parametrize(
    ("search", "ports"),
    [
        (Search(), {22, 443}),
        (Search(Filter(ports=frozenset({22}))), {22}),
        (Search(texts=("SSH",)), {22}),
        (Search(texts=("192.0", "https")), {443}),
        (Search(Filter(ports=frozenset({22})), ("https",)), set()),
    ],
)
def test_flows_can_be_looked_for(search: Search, ports: set[int]) -> None:
    """A filter and every text must agree; case does not matter."""
    snapshot = Snapshot(NOW, (live(port=22), live(port=443)))

    assert {each.flow.port for each in snapshot.arrange(search, "port")} == ports


def test_a_flow_in_cells() -> None:
    """The rates stand between the ends and the sums."""
    cells = dict(zip([column.title for column in COLUMNS], cells_of(live(bits=1_234_567, packets=840)), strict=True))

    assert cells["BIT/S"] == "1.23 M"
    assert (cells["PKT/S"], cells["PACKETS"], cells["BYTES"], cells["AGE"]) == ("840", "1", "100 B", "0s")
    assert (cells["CLIENT"], cells["SERVICE"], cells["PORT"]) == ("192.0.2.1", "198.51.100.1", "443")
