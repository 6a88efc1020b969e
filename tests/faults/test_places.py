"""Somebody else is at the place of the store for a while: it is named, and the store has everything in the end."""

from __future__ import annotations

import logging
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from shodohflo.store import connection
from shodohflo.store.connection import RemoteStore
from shodohflo.store.sinks.single import Single
from shodohflo.store.urls import StoreUrl
from shodohflo.store.writer import Writer
from support.answering import answering
from support.encrypting import certify, tls_only
from support.offering import LIFETIME, expected, held, offering
from support.serving import Server, free_port, programs, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

PATIENCE: Final = 60.0
"""Seconds until everything is in the store again."""

DATABASE: Final = 5
PASSWORD: Final = "open sesame"


@dataclass(frozen=True, slots=True)
class Place:
    """A port of this host, where a store listens, and others for a while."""

    port: int
    directory: Path

    def server(self, name: str, *words: str, certificate: Path | None = None, password: str = "") -> Server:
        """Return a server for the port, with its data in a directory of its own; with TLS if it has a certificate."""
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        program = programs()["redis"]()  # it is built with TLS
        if certificate is None:
            return Server(program, directory, words, self.port, password)
        return Server(program, directory, (*tls_only(certificate, self.port), *words), 0, password)


@contextmanager
def running(server: Server) -> Iterator[None]:
    """Run `server`."""
    server.start()
    try:
        yield
    finally:
        server.kill()


@dataclass(frozen=True, slots=True)
class Stranger:
    """Who takes the place of the store."""

    begin: Callable[[Place], AbstractContextManager[object]]
    said: str
    """What is said about it."""
    is_lasting: bool = True
    has_tls: bool = False
    """Whether the store itself has TLS."""


STRANGERS: Final = {
    "nobody": Stranger(lambda _: nullcontext(), "Connection refused", is_lasting=False),
    "a web server": Stranger(
        lambda place: answering(b"HTTP/1.1 400 Bad Request\r\n\r\n", place.port), "no Valkey or Redis listens there"
    ),
    "a store with TLS": Stranger(
        lambda place: running(place.server("other", certificate=certify(place.directory / "its"))),
        "the port speaks TLS only: write valkeys://",
    ),
    "a store without TLS": Stranger(
        lambda place: running(place.server("other")), "the port does not speak TLS: write valkey://", has_tls=True
    ),
    "a store with another certificate": Stranger(
        lambda place: running(place.server("other", certificate=certify(place.directory / "its"))),
        "name its authority with ?ssl_ca_certs=FILE",
        has_tls=True,
    ),
    "a store that asks for a certificate": Stranger(
        lambda place: running(
            place.server("other", "--tls-auth-clients", "yes", certificate=place.directory / "own", password=PASSWORD)
        ),
        "the store asks for a certificate: name it with ?ssl_certfile=FILE&ssl_keyfile=FILE",
        has_tls=True,
    ),
    "a store with fewer databases": Stranger(
        lambda place: running(place.server("other", "--databases", "1", password=PASSWORD)),
        "the store has no database of that number",
    ),
    "a store without a password": Stranger(lambda place: running(place.server("other")), "the store has no password"),
    "a store with another password": Stranger(
        lambda place: running(place.server("other", password="other")), "correct user and password in the URL"
    ),
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a free port, and a directory for what listens there."""
    return Place(free_port(), tmp_path)


@pytest.mark.parametrize("who", STRANGERS)
def test_who_takes_the_place_of_the_store_is_named_and_nothing_is_lost(
    place: Place, who: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is one outage; where only somebody can end it, the log says so."""
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", 1.0)  # a server without TLS says nothing for so long
    caplog.set_level(logging.WARNING, "shodohflo")
    stranger = STRANGERS[who]
    certificate = certify(place.directory / "own") if stranger.has_tls else None
    store = place.server("store", certificate=certificate, password=PASSWORD).start()
    url = StoreUrl(
        host="127.0.0.1",
        port=place.port,
        database=DATABASE,
        password=PASSWORD,
        tls=stranger.has_tls,
        ca_certs=str(certificate / "cert.pem") if certificate else None,
    )
    offered = [offering(seed) for seed in range(3)]

    with Writer(Single(RemoteStore(url)), agent="bert", lifetime=LIFETIME) as writer:
        writer.offer(offered[0])
        assert writer.flush(PATIENCE)
        store.save_and_end()
        with stranger.begin(place):
            writer.offer(offered[1])
            wait_until(lambda: stranger.said in writer.stats.last_error, f"{stranger.said!r} is said")
        store.start()
        writer.offer(offered[2])
        assert writer.flush(PATIENCE)
        stats = writer.stats

    with store.client() as client:
        client.select(DATABASE)
        assert held(client) == expected(offered)
    store.kill()
    assert (stats.outages, stats.losses, stats.rewritten, stats.waiting) == (1, 0, 0, 0)
    assert ("nothing is written until somebody corrects this" in caplog.text) == stranger.is_lasting
    assert PASSWORD not in caplog.text
