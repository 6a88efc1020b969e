"""The outlet passes new flows to the writer at once and known ones after an interval, with the texts of their rules."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from shodohflo.columns.corrections import Corrections
from shodohflo.model import Kind
from shodohflo.store.connection import SocketStore
from shodohflo.store.outlet import RECENT, Outlet
from shodohflo.store.sinks.single import Single
from shodohflo.store.writer import Writer
from support.observing import SECOND, Seen, Swapped, corrected, flow, observed
from support.serving import PATIENCE, Server, programs
from support.swapping import Conversations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shodohflo.columns.observations import Observations

NONE = Corrections.empty()

_LIFETIME = 900
_KEY = "192.168.0.1;198.51.100.1;443;flow"
_DETAIL = "detail;192.168.0.1;198.51.100.1;443"


@pytest.fixture(name="server")
def _server(tmp_path: Path) -> Iterator[Server]:
    server = Server(programs()["valkey"](), tmp_path).start()
    yield server
    server.kill()


@pytest.fixture(name="writer")
def _writer(server: Server) -> Iterator[Writer]:
    with Writer(Single(SocketStore(server.path)), agent="bert", lifetime=_LIFETIME) as writer:
        yield writer


def seen(packets: int) -> Observations:
    """Return observations of one flow."""
    return observed(flow("192.168.0.1", "198.51.100.1", 443, packets))


def an_outlet(writer: Writer, *, keep_recent: bool = False) -> Outlet:
    """Return an outlet whose observations are decided by one rule."""
    return Outlet(writer, ("the old rule",), _LIFETIME, keep_recent=keep_recent)


def stored(server: Server, writer: Writer) -> tuple[str | None, str | None]:
    """Return the packets of the flow in the store, and the text of its rule."""
    assert writer.flush(PATIENCE)
    with server.client() as client:
        return client.get(_KEY), client.hget(_DETAIL, "sentence")


def test_what_is_new_is_handed_on_at_once_and_what_is_known_later(server: Server, writer: Writer) -> None:
    """A new flow is written at once; further packets are merged and written after the interval."""
    outlet = an_outlet(writer)

    counts = []
    for second, packets in ((0, 1), (1, 10), (2, 100), (6, 1000)):
        outlet.add(seen(packets), NONE, second * SECOND)
        counts.append(stored(server, writer)[0])

    assert counts == ["1", "1", "1", "1111"]


def test_at_the_end_everything_is_handed_on(server: Server, writer: Writer) -> None:
    """`hand_on_rest` writes all rows that wait, due or not."""
    outlet = an_outlet(writer)
    outlet.add(seen(1), NONE, 0)
    outlet.add(seen(10), NONE, 1)

    outlet.hand_on_rest()

    assert stored(server, writer)[0] == "11"


def test_what_other_rules_decided_keeps_their_words(server: Server, writer: Writer) -> None:
    """After a reload, rows decided before have the old rule's text and later rows the new one's."""
    outlet = an_outlet(writer)
    outlet.add(seen(1), NONE, 0)
    outlet.add(seen(10), NONE, 1)

    outlet.adopt(("the new rule",), _LIFETIME)
    before = stored(server, writer)
    outlet.add(seen(100), NONE, 10 * SECOND)
    after = stored(server, writer)

    assert before == ("11", "the old rule")
    assert after == ("111", "the new rule")


def test_recent_rows_are_kept_for_showing_and_forgotten_when_taken(writer: Writer) -> None:
    """Recent rows are merged until they are taken, and then forgotten."""
    outlet = an_outlet(writer, keep_recent=True)
    outlet.add(seen(1), NONE, 0)
    outlet.add(seen(10), NONE, 1)

    first, second = outlet.take_recent(), outlet.take_recent()

    assert (first.packets.tolist(), len(second)) == ([11], 0)


def test_only_the_busiest_recent_rows_are_kept(writer: Writer) -> None:
    """Of the recent rows, only the `RECENT` with the most packets are kept."""
    outlet = an_outlet(writer, keep_recent=True)
    many = [flow("192.168.0.1", f"198.51.{n // 250}.{n % 250}", 443, n + 1) for n in range(3 * RECENT)]

    outlet.add(observed(*many), NONE, 0)

    assert sorted(outlet.take_recent().packets.tolist()) == list(range(2 * RECENT + 1, 3 * RECENT + 1))


def test_recent_flows_are_complete_however_the_packets_come(writer: Writer) -> None:
    """`RECENT` flows with a packet in each of ten batches have ten packets each, also beside many resets."""
    outlet = an_outlet(writer, keep_recent=True)
    flows = [flow("192.168.0.1", f"198.51.{n // 250}.{n % 250}", 443, 1) for n in range(RECENT)]
    resets = [
        Seen(ip_address("192.168.0.1"), ip_address(f"203.0.{n // 250}.{n % 250}"), 23, Kind.RESET, packets=99)
        for n in range(RECENT)
    ]

    for batch in range(10):
        outlet.add(observed(*flows, *resets), NONE, batch)

    recent = outlet.take_recent()
    assert (len(recent), set(recent.packets.tolist()), set(recent.kind.tolist())) == (RECENT, {10}, {Kind.FLOW})


def test_without_anybody_to_show_them_to_none_are_kept(writer: Writer) -> None:
    """Without `keep_recent`, no recent rows are kept."""
    outlet = an_outlet(writer)
    outlet.add(seen(1), NONE, 0)

    assert len(outlet.take_recent()) == 0


def test_a_correction_follows_the_rows_that_it_takes_back(server: Server, writer: Writer) -> None:
    """Packets that still wait for their interval are written before they are moved, and so are those of this moment."""
    wrong = Swapped(ip_address("10.0.0.5"), ip_address("10.0.0.9"), port=54321, wrong_port=40000, packets=111)
    outlet = an_outlet(writer)
    for second, packets in ((0, 1), (1, 10)):
        outlet.add(observed(replace(wrong.as_written(), packets=packets)), NONE, second * SECOND)
    outlet.add(observed(flow("10.0.0.1", "8.8.8.8", 53)), NONE, 0)

    outlet.add(
        observed(replace(wrong.as_written(), packets=100), flow("10.0.0.1", "8.8.8.8", 53)),
        corrected(wrong),
        2 * SECOND,
    )

    assert writer.flush(PATIENCE)
    with server.client() as client:
        assert client.get("10.0.0.5;10.0.0.9;54321;flow") == "111"
        assert client.hget("detail;10.0.0.5;10.0.0.9;54321", "sentence") == "the old rule"
        assert not client.exists("10.0.0.9;10.0.0.5;40000;flow")
        assert client.get("10.0.0.1;8.8.8.8;53;flow") == "1"  # what has nothing to do with it waits on
    assert (writer.stats.corrections, writer.stats.corrected, writer.stats.corrections_vanished) == (1, 111, 0)


@pytest.mark.parametrize("seed", range(8))
def test_any_story_through_the_outlet_ends_as_if_it_had_been_told_right(
    server: Server, writer: Writer, seed: int
) -> None:
    """Whatever waits for its interval, the store has in the end what the last attributions say."""
    for outlet in [an_outlet(writer)]:
        conversations = Conversations(random.Random(seed))
        for now in range(40):
            happening = conversations.happen()
            outlet.add(happening.observations, happening.corrections, now * SECOND)
        outlet.hand_on_rest()
        assert writer.flush(PATIENCE)

        expected = {key: str(count) for key, count in conversations.in_the_end().items() if " " not in key}
        with server.client() as client:
            names = [key for key in client.scan_iter(count=1000) if not key.startswith(("detail;", "writer;"))]
            assert {key: client.get(key) for key in names} == expected
    assert writer.stats.corrections_vanished == 0
