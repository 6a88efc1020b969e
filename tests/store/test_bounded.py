"""Answers that do not end: the client gives up on them, in size and in time."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from shodohflo.errors import StoreError
from shodohflo.store import bounded
from shodohflo.store.connection import SocketStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.serving import Server


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[SocketStore]:
    """Return a store that answers everything with a text of 2 GB, as fast as it is read."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()

        def answer() -> None:
            accepted, _ = listening.accept()
            with accepted, suppress(OSError):
                accepted.sendall(b"$2000000000\r\n")
                while True:
                    accepted.sendall(bytes(1 << 20))

        answering = Thread(target=answer)
        answering.start()
        yield SocketStore(tmp_path / "s")
        answering.join()


def test_an_answer_that_is_too_large_is_given_up(endless: SocketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that exceeds the limit is an error of one line; no more than the limit was received."""
    monkeypatch.setattr(bounded, "LARGEST", 3_000_000)

    with pytest.raises(StoreError, match=r"more than 3,000,000 bytes$"):
        endless.connect()


def test_an_answer_that_takes_too_long_is_given_up(endless: SocketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that has not ended within the limit is an error of one line, however many pieces come."""
    monkeypatch.setattr(bounded, "LONGEST", 0.0)

    with pytest.raises(StoreError, match=r"does not end within 0 seconds$"):
        endless.connect()


def test_a_connection_that_was_quiet_for_longer_is_used_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is on an answer that is waited for, not on the time between an answer and the next request."""
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(bounded, "time", clock)
    client = SocketStore(server.path).connect()
    number = client.client_id()

    clock.now += 2 * bounded.LONGEST

    assert client.client_id() == number
