"""The proxy meddles as it should: what it passes on arrives whole, what it cuts does not."""

from __future__ import annotations

import socket
from contextlib import closing, suppress
from random import Random
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from support.meddling import Fate, Meddling, often

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAID = b"x" * 1000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """Return a unix socket that returns everything that it is told."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s"))
    listening.listen()

    def echo() -> None:
        with closing(listening.accept()[0]) as near, suppress(OSError):
            while said := near.recv(1 << 16):
                near.sendall(said)

    thread = Thread(target=echo)
    thread.start()
    yield tmp_path / "s"
    thread.join()
    listening.close()


def answered(store: Path, request: Fate, answer: Fate) -> bytes:
    """Return what comes back through a proxy that meddles so; empty if nothing within a second."""
    with Meddling(store) as wire, socket.create_connection(("127.0.0.1", wire.port), timeout=1) as client:
        wire.choose = {"request": request, "answer": answer}.__getitem__
        client.sendall(SAID)
        came = b""
        try:
            while len(came) < len(SAID) and (more := client.recv(1 << 16)):
                came += more
        except TimeoutError:
            assert Fate.SWALLOW in {request, answer}
        except ConnectionError:
            assert {Fate.CUT, Fate.DROP} & {request, answer}
        return came


@pytest.mark.parametrize(
    ("request_", "answer", "came"),
    [
        (Fate.PASS, Fate.PASS, 1000),
        (Fate.LATE, Fate.LATE, 1000),
        (Fate.PASS, Fate.CUT, 500),
        (Fate.PASS, Fate.DROP, 0),
        (Fate.DROP, Fate.PASS, 0),
        (Fate.SWALLOW, Fate.PASS, 0),
        (Fate.PASS, Fate.SWALLOW, 0),
    ],
)
def test_bytes_have_their_fate(store: Path, request_: Fate, answer: Fate, came: int) -> None:
    """Requests and answers are passed on, late, in part or not at all."""
    assert len(answered(store, request_, answer)) == came


def test_a_cut_request_arrives_in_part(store: Path) -> None:
    """Half of a request that is cut reaches the store, whose answer may or may not arrive before the end."""
    assert len(answered(store, Fate.CUT, Fate.PASS)) in {0, 500}


def test_often_meddles_with_some_and_passes_the_others_on() -> None:
    """One part in four has a fate, the others are passed on."""
    choose = often(Random(1), Fate.CUT)

    fates = [choose("request") for _ in range(1000)]

    assert 150 < fates.count(Fate.CUT) < 350
    assert fates.count(Fate.PASS) == 1000 - fates.count(Fate.CUT)
