"""The observations of a replay are written to a real store completely, or an error is raised."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from shodohflo.config import load
from shodohflo.errors import StoreError
from shodohflo.keys import counts
from shodohflo.offline import writing
from shodohflo.offline.writing import as_of, reachable, write_all, writer_to
from support.observing import SECOND, Seen, Swapped, corrected, observed
from support.serving import Server, programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BERT, OUTSIDE = ip_address("10.0.0.1"), ip_address("8.8.8.8")
SEEN = observed(*(Seen(BERT, OUTSIDE, port, packets=port, last=port * SECOND) for port in range(1, 8)))


@pytest.fixture(name="server")
def _server(tmp_path: Path) -> Iterator[Server]:
    server = Server(programs()["valkey"](), tmp_path).start()
    yield server
    server.kill()


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_everything_is_written_whatever_the_size_of_a_slice(
    server: Server, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys and counts in the store are those of the observations, whatever the size of a slice."""
    monkeypatch.setattr(writing, "_SLICE", rows)

    write_all(SEEN, reachable(f"unix://{server.path}"), load(None, {}).mapping, 900)

    with server.client() as client:
        assert {key: int(str(client.get(key))) for key in counts(SEEN)} == counts(SEEN)


def test_a_writer_to_a_store_writes_everything(server: Server) -> None:
    """The function that `writer_to` returns writes with the given rules and lifetime."""
    writer_to(f"unix://{server.path}", load(None, {}).mapping, 900)(SEEN)

    with server.client() as client:
        assert {key: int(str(client.get(key))) for key in counts(SEEN)} == counts(SEEN)
        assert all(0 < int(str(client.ttl(key))) <= 900 for key in counts(SEEN))


def test_a_store_that_cannot_be_reached_is_an_error_before_the_captures_are_read(tmp_path: Path) -> None:
    """A store that cannot be reached is a `StoreError` before any capture is read."""
    with pytest.raises(StoreError, match="missing"):
        reachable(f"unix://{tmp_path / 'missing.sock'}")


def test_a_store_that_does_not_take_everything_is_an_error(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `StoreError` is raised if not everything is written within the timeout."""
    store = reachable(f"unix://{server.path}")
    monkeypatch.setattr(writing, "PATIENCE", 0.2)
    server.kill()

    with pytest.raises(StoreError, match=r"^only 0 of 28 recorded packets are known to be written: store unix://"):
        write_all(SEEN, store, load(None, {}).mapping, 900)


def test_times_are_shifted_together() -> None:
    """All times are shifted alike, so that the last packet was received now."""
    now = 1_000_000 * SECOND

    shifted = as_of(SEEN, now)

    assert int(shifted.last.max()) == now
    assert (shifted.last - shifted.first).tolist() == (SEEN.last - SEEN.first).tolist()


@pytest.mark.parametrize("rows", [1, 1000])
def test_corrections_are_written_after_the_rows(server: Server, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a replay counted wrong at first is in the store as it is right."""
    monkeypatch.setattr(writing, "_SLICE", rows)
    swapped = [
        Swapped(BERT, OUTSIDE, port=50000 + port, wrong_port=port, packets=port, last=port * SECOND)
        for port in range(1, 8)
    ]
    seen = observed(*(each.as_written() for each in swapped))

    writer_to(f"unix://{server.path}", load(None, {}).mapping, 900)(seen, corrected(*swapped))

    right = counts(observed(*(each.as_it_is() for each in swapped)))
    with server.client() as client:
        assert {key: int(str(client.get(key))) for key in right} == right
        assert list(client.scan_iter("8.8.8.8;10.0.0.1;*;flow")) == []
