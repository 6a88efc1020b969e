"""The answer to a write is lost after the store has applied it: the write is sent again, and applied once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from shodohflo.store.connection import SocketStore
from shodohflo.store.sinks.single import Single
from shodohflo.store.writer import Writer
from support.lying import HALF, Lies, LyingWire
from support.offering import LIFETIME, expected, held, offering
from support.serving import PATIENCE, Server, programs, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOST: Final = {
    "no answer": "silence",
    "half an answer": HALF,
    "an answer that no store gives": "another protocol",
}
"""What arrives of the answer, by the name of the fault; then the connection ends."""


@pytest.fixture(params=programs())
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Return a store that belongs to the test."""
    server = Server(programs()[request.param](), tmp_path).start()
    yield server
    server.kill()


@pytest.mark.parametrize("lost", LOST)
def test_a_write_whose_answer_is_lost_is_applied_once(server: Server, tmp_path: Path, lost: str) -> None:
    """Each write is counted as repeated, and each loss of an answer as one outage."""
    offered = [offering(seed) for seed in range(6)]
    lies = Lies("EVAL writer", [])

    with (
        LyingWire(tmp_path / "wire", server.path, lies, applies=True),
        Writer(Single(SocketStore(tmp_path / "wire")), agent="bert", lifetime=LIFETIME) as writer,
    ):
        for number, observations in enumerate(offered, start=1):
            lies.answers = [LOST[lost]]
            writer.offer(observations)
            wait_until(lambda number=number: writer.stats.repeated == number, "it is sent again")  # type: ignore[misc] # mypy/15459
            assert writer.flush(PATIENCE)
        stats = writer.stats

    with server.client() as client:
        assert held(client) == expected(offered)
    assert (stats.outages, stats.attempts, stats.repeated) == (len(offered), len(offered), len(offered))
    assert not any((stats.losses, stats.rewritten, stats.unsure, *stats.given_up.values()))
