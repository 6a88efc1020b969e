"""The live table: the busiest flows and the counters, on terminals of any size."""

from __future__ import annotations

import io
import os
import signal
import time
from collections import Counter
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from rich.console import Console

from shodohflo.agent.status import Identity, LoadedConfiguration, Status
from shodohflo.attribution.ledger import Ledger, Outcome
from shodohflo.cli.controls import HELP
from shodohflo.cli.live import LiveView, find_keyboard
from shodohflo.columns.observations import Observations
from shodohflo.keys.networks import PublishedNetwork
from shodohflo.model import RuleGrade
from shodohflo.report.busiest import MOST, Busiest
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.defaults import default_enumeration, default_mapping
from shodohflo.store.outlet import RECENT
from shodohflo.store.stats import WriterStats
from support.observing import Seen, observed

NOW = 1_800_000_000


def seen(client: str, port: int, packets: int, *, last: float = NOW) -> Observations:
    """Return one observation."""
    return observed(*seen_rows(client, port, packets, last=last))


def seen_rows(client: str, port: int, packets: int, *, last: float = NOW) -> list[Seen]:
    """Return the same as a row."""
    row = Seen(
        ip_address(client),
        ip_address("198.51.100.1"),
        port,
        packets=packets,
        octets=packets * 100,
        first=int(last * 1e9),
        last=int(last * 1e9),
    )
    return [row]


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
    """Return the lines that a terminal of this size shows of what was seen before `now`."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, height=height)
    view._console = console
    view.show(now)
    stream.truncate(0)
    stream.seek(0)
    console.print(view.render(now))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def many(number: int, client: str = "192.0.2.1") -> Observations:
    """Return flows on as many ports, with as many packets as the number of the port."""
    return observed(*(one for port in range(1, number) for one in seen_rows(client, port, port)))


def words(lines: list[str]) -> list[str]:
    """Return the words of a screen."""
    return " ".join(lines).split()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_screen_holds_flows_counters_and_the_way_out(width: int) -> None:
    """Terminals of all widths show flows, counters and Ctrl-C, even with long addresses."""
    view = LiveView(Console(file=io.StringIO(), width=width))

    lines = screen(view, status(seen("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", 443, 3)), width)

    assert max(map(len, lines)) <= width
    text = " ".join(lines)
    assert "10 packets received (10 recorded), 2 dropped by the kernel" in text
    assert "bert listens to eth0, eth1; Ctrl-C ends it" in text
    assert "443" in text


def test_the_table_leaves_room_for_the_counters() -> None:
    """A terminal with few lines shows fewer flows, so that the counters fit, and says how many there are besides."""
    lines = screen(LiveView(Console(file=io.StringIO())), status(many(100)), 80, height=12)

    assert len(lines) <= 12
    shown = sum("198.51.100.1" in line for line in lines)
    assert any(line.startswith(f"and {99 - shown} more; by bit/s") for line in lines)


def test_a_full_table_does_not_claim_to_know_how_many_flows_there_are() -> None:
    """With as many flows as are kept, there may be more. What the agent hands over at a time fits."""
    view = LiveView(Console(file=io.StringIO()))

    assert "and at least 1,9" in " ".join(screen(view, status(many(MOST + 1)), 80))
    assert RECENT <= MOST


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 24), (50, 16), (120, 40)])
def test_folded_addresses_leave_room_for_the_counters_too(width: int, height: int) -> None:
    """The counters stay visible when long addresses are folded; the least busy flows are left out."""
    view = LiveView(Console(file=io.StringIO()))

    lines = screen(view, status(many(100, "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff")), width, height)

    assert len(lines) < height
    assert len(lines) > height * 2 // 3
    assert lines[-1].endswith("Ctrl-C ends it")
    assert "99" in words(lines)


def test_columns_without_room_are_told() -> None:
    """A narrow terminal has fewer columns, and a line that names those that are missing."""
    narrow = screen(LiveView(Console(file=io.StringIO())), status(many(3)), 75)
    wide = screen(LiveView(Console(file=io.StringIO())), status(many(3)), 140)

    assert any(line.endswith("no room for BYTES, FIRST, PROTOCOL, EVIDENCE, RULE") for line in narrow)
    assert "room" not in words(wide)
    assert "RULE" in words(wide)


def test_rules_that_evidence_contradicts_are_told() -> None:
    """A rule that is often wrong has a line, as has one that overrules evidence; one that is seldom wrong has none."""
    view = LiveView(Console(file=io.StringIO()))
    grades = (RuleGrade(0, 1244, 51, 20000, 51, 38), RuleGrade(1, 1000, 1, 80, 1, 1))

    lines = screen(view, replace(status(seen("10.0.0.1", 443, 5)), grades=grades, contradicted={1: 7}), 140)

    told = [line for line in lines if line.startswith("FLOW_MAPPING")]
    assert [line.partition(": ")[2].partition(";")[0] for line in told] == [
        "4.1 % disagree with evidence",
        "7 flows recorded against evidence",
    ]


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


def test_what_the_agent_waits_for_is_shown() -> None:
    """The notice of a status is the last line."""
    lines = screen(LiveView(Console(file=io.StringIO())), replace(status(many(3)), notice="waiting up to 10 s"), 80)

    assert lines[-1] == "waiting up to 10 s"


def test_the_rate_of_all_packets_is_shown() -> None:
    """The packets received per second are those of the last seconds."""
    view = LiveView(Console(file=io.StringIO()))
    first = status(many(3))
    later = replace(first, time=NOW + 2, ledger=Ledger(50, 2, Counter({Outcome.FLOW: 50})))

    assert any(line.startswith("0 packets/s; 10 packets received") for line in screen(view, first, 100))
    assert any(line.startswith("20 packets/s; 50 packets received") for line in screen(view, later, 100))


def test_keys_sort_filter_and_pause() -> None:
    """The table follows the keys, and a paused table stays as it is while packets are counted."""
    view = LiveView(Console(file=io.StringIO()))
    now = status(many(9))
    screen(view, now, 100)

    for key in "sr":
        view.press(key)
    sorted_lines = screen(view, replace(now, recent=Observations.empty()), 100)
    for key in "/port=7\r":
        view.press(key)
    filtered = screen(view, replace(now, recent=Observations.empty()), 100)
    view.press("p")
    paused = screen(view, replace(now, recent=seen("192.0.2.1", 7, 1000)), 100)
    view.press("p")
    going_on = screen(view, replace(now, recent=Observations.empty()), 100)

    assert any("by pkt/s, reversed" in line for line in sorted_lines)
    assert sum("198.51.100.1" in line for line in filtered) == 1
    assert any(line.startswith("/port=7 leaves out 7 flows; by pkt/s, reversed") for line in filtered)
    assert any(line.startswith("PAUSED; ") for line in paused)
    assert "1,007" not in words(paused)
    assert "1,007" in words(going_on)


def test_a_network_of_the_agent_can_be_looked_for() -> None:
    """The names are those of the agent's own configuration."""
    view = LiveView(Console(file=io.StringIO()))
    now = status(many(3))
    named = replace(
        now, identity=replace(now.identity, networks=(PublishedNetwork("desks", (ip_network("192.0.2.0/24"),)),))
    )
    screen(view, named, 100)

    for key in "/not-client=desks\r":
        view.press(key)

    assert any("leaves out 2 flows" in line for line in screen(view, named, 100))


def test_a_filter_is_seen_while_it_is_typed_and_corrected() -> None:
    """The line is at the bottom, with what is wrong with it below."""
    view = LiveView(Console(file=io.StringIO()))
    screen(view, status(many(3)), 100)

    for key in "/port=sssh\r":
        view.press(key)

    assert screen(view, status(many(3)), 100)[-2:] == [
        "/port=sssh_",
        "port: there is no port called 'sssh'; did you mean ssh?",
    ]


def test_the_help_has_all_keys_and_leaves_the_counters() -> None:
    """`?` shows the keys in place of the flows."""
    view = LiveView(Console(file=io.StringIO()))
    screen(view, status(many(3)), 100)

    view.press("?")

    lines = screen(view, status(many(3)), 100)
    assert all(any(line.startswith(keys) for line in lines) for keys, _ in HELP)
    assert not any("198.51.100.1" in line for line in lines)
    assert any("10 packets received" in line for line in lines)


def test_q_ends_the_run_as_an_interrupt_does() -> None:
    """SIGINT is sent to this process, and a second `q` sends a second one."""
    view = LiveView(Console(file=io.StringIO()))
    interrupts: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))

    try:
        view.press("q")
        view.press("q")
    finally:
        signal.signal(signal.SIGINT, before)

    assert interrupts == [signal.SIGINT, signal.SIGINT]


def test_entering_and_showing_draws_on_the_console() -> None:
    """The last flows stay on the screen when the context is left, without the counters."""
    stream = io.StringIO()
    with LiveView(Console(file=stream, width=80, height=20, force_terminal=True)) as view:
        view._busiest = Busiest(time.time())
        now = time.time()
        view.show(replace(status(seen("192.0.2.1", 443, 3, last=now)), time=now))
        view.show(replace(status(seen("192.0.2.1", 443, 4, last=now)), time=now))

    last = stream.getvalue().rsplit("CLIENT", maxsplit=1)[-1]
    assert "192.0.2.1" in last
    assert "7" in last
    assert "Ctrl-C" not in last


def test_standard_input_that_is_no_terminal_has_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, a closed stream and none at all give no keyboard."""
    with open(os.devnull) as null:  # noqa: PTH123 - a path for `Path` is no shorter
        monkeypatch.setattr("sys.stdin", null)
        assert find_keyboard() is None
    assert find_keyboard() is None
    monkeypatch.setattr("sys.stdin", None)
    assert find_keyboard() is None
