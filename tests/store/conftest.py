"""Running stores, Valkey and Redis, for the tests of code that connects to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shodohflo.store.connection import SocketStore
from support.serving import Server, programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from valkey import Valkey


@pytest.fixture(scope="session", params=programs())
def shared_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a running store, Valkey or Redis, shared by all tests that do not stop or damage it."""
    server = Server(programs()[request.param](), tmp_path_factory.mktemp("store")).start()
    yield server
    server.kill()


@pytest.fixture
def server(shared_server: Server) -> Server:
    """Return a running store without keys."""
    with shared_server.client() as client:
        client.flushall()
    return shared_server


@pytest.fixture
def client(server: Server) -> Iterator[Valkey]:
    """Return a client with which a test looks into the store."""
    with server.client() as client:
        yield client


@pytest.fixture
def store(server: Server) -> SocketStore:
    """Return the store in the form that the code under test expects."""
    return SocketStore(server.path)


@pytest.fixture(params=programs())
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Return a running store, Valkey or Redis, that the test may kill."""
    server = Server(programs()[request.param](), tmp_path).start()
    yield server
    server.kill()
