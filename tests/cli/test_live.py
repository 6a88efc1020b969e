"""The live table: the busiest flows and the counters, on terminals of any size."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from shodohflo.agent.status import Identity, LoadedConfiguration, Status
from shodohflo.attribution.ledger import Ledger, Outcome
from shodohflo.cli.live import MOST, Busiest, LiveView
from shodohflo.columns.observations import Observations
from shodohflo.report.flows import flow_rows
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.defaults import default_enumeration, default_mapping
from shodohflo.store.stats import WriterStats
from support.observing import Seen, observed

if TYPE_CHECKING:
    from shodohflo.query.rows import FlowRow

NOW = 1_800_000_000


def seen(client: str, port: int, packets: int, *, last: float = NOW, protocol: int = 6, rule: int = 0) -> Observations:
    """Return one observation."""
    row = Seen(
        ip_address(client),
        ip_address("198.51.100.1"),
        port,
        protocol=protocol,
        rule=rule,
        packets=packets,
        octets=packets * 100,
        first=int(last * 1e9),
        last=int(last * 1e9),
    )
    return observed(row)


def row(client: str = "192.0.2.1", *, port: int = 443, packets: int = 1) -> FlowRow:
    """Return one row."""
    (flow,) = flow_rows(seen(client, port, packets))
    return flow


def status(recent: Observations) -> Status:
    """Return the status of an agent that has just recorded `recent`."""
    return Status(
        identity=Identity("bert", 1, NOW - 60, "unix:///x", (ip_network("192.0.2.0/24"),)),
        configuration=LoadedConfiguration(None, "", NOW - 60),
        time=NOW,
        interfaces=("eth0", "eth1"),
        ledger=Ledger(10, 2, Counter({Outcome.FLOW: 10})),
        rules=CompiledRules(default_enumeration(), default_mapping()),
        writer=WriterStats(connected=True),
        unmatched=Counter(),
        recent=recent,
    )


def screen(view: LiveView, now: Status, width: int, height: int = 20) -> list[str]:
    """Return the lines that a terminal of this size shows."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, height=height)
    view._console = console
    console.print(view.render(now))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_a_flow_that_is_seen_again_adds_up() -> None:
    """The packets of a flow add up over the run."""
    busiest = Busiest()

    busiest.add(flow_rows(seen("192.0.2.1", 443, 3, last=NOW - 10)))
    busiest.add(flow_rows(seen("192.0.2.1", 443, 4, last=NOW - 2)))

    assert busiest.rows(10, NOW) == [
        ("192.0.2.1", "198.51.100.1", "443", "https", "7", "700 B", "2s", "tcp", "FLOW_MAPPING[0]")
    ]


def test_the_flow_with_most_packets_comes_first_as_far_as_there_is_room() -> None:
    """The rows are the busiest flows, as many as asked for."""
    busiest = Busiest()
    for port in range(1, 30):
        busiest.add([row(port=port, packets=port)])

    assert [row[2] for row in busiest.rows(3, NOW)] == ["29", "28", "27"]


def test_what_is_remembered_is_bounded() -> None:
    """At most `MOST` flows are kept; the least recently seen is removed first."""
    busiest = Busiest()
    old, kept, new = (row(f"192.0.2.{host}", packets=10**6) for host in (1, 2, 3))
    busiest.add([old])
    busiest.add([kept])
    busiest.add([row("192.0.2.9", port=port) for port in range(MOST - 2)])
    busiest.add([kept])

    busiest.add([new])

    assert len(busiest.flows) == MOST
    assert old.client not in {client for client, _, _ in busiest.flows}
    assert {kept.client, new.client} <= {client for client, _, _ in busiest.flows}


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_screen_holds_flows_counters_and_the_way_out(width: int) -> None:
    """Terminals of all widths show flows, counters and Ctrl-C, even with long addresses."""
    view = LiveView(Console(file=io.StringIO(), width=width))
    view._busiest.add(flow_rows(seen("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", 443, 3)))

    lines = screen(view, status(Observations.empty()), width)

    assert max(map(len, lines)) <= width
    text = " ".join(lines)
    assert "10 packets received (10 recorded), 2 dropped by the kernel" in text
    assert "bert listens to eth0, eth1; Ctrl-C ends it" in text
    assert "443" in text


def test_the_table_leaves_room_for_the_counters() -> None:
    """A terminal with few lines shows fewer flows, so that the counters fit."""
    view = LiveView(Console(file=io.StringIO()))
    view._busiest.add([row(port=port, packets=port) for port in range(1, 100)])

    lines = screen(view, status(Observations.empty()), 80, height=12)

    assert len(lines) <= 12


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 24), (50, 16), (120, 40)])
def test_folded_addresses_leave_room_for_the_counters_too(width: int, height: int) -> None:
    """The counters stay visible when long addresses are folded; the least busy flows are left out."""
    address = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"
    view = LiveView(Console(file=io.StringIO()))
    view._busiest.add([row(address, port=port, packets=port) for port in range(1, 100)])

    lines = screen(view, status(Observations.empty()), width, height)

    assert len(lines) < height
    assert len(lines) > height * 2 // 3
    assert lines[-1].endswith("Ctrl-C ends it")
    assert "99" in " ".join(lines).split()


def test_the_configuration_is_shown_with_what_was_refused_last() -> None:
    """The configuration is shown with the reason of the last refusal."""
    view = LiveView(Console(file=io.StringIO()))
    now = status(seen("10.0.0.1", 443, 5))
    refused = replace(now, configuration=replace(now.configuration, error="notes.py:3:1: no"))

    before, after = screen(view, now, 120), screen(view, refused, 120)

    assert "configuration: defaults, loaded 2027-01-15T07:59:00+00:00" in before
    assert (
        "configuration: defaults, loaded 2027-01-15T07:59:00+00:00; a newer one was refused: notes.py:3:1: no" in after
    )


def test_entering_and_showing_draws_on_the_console() -> None:
    """The last flows stay on the screen when the context is left, without the counters."""
    stream = io.StringIO()
    with LiveView(Console(file=stream, width=80, height=20, force_terminal=True)) as view:
        view.show(status(seen("192.0.2.1", 443, 3)))
        view.show(status(seen("192.0.2.1", 443, 4)))

    last = stream.getvalue().rsplit("CLIENT", maxsplit=1)[-1]
    assert "192.0.2.1" in last
    assert "7" in last
    assert "Ctrl-C" not in last
