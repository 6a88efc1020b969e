"""Two real stores for readers: one Valkey and one Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.serving import Server, programs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def shared_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """Yield a running Valkey and the running versions of Redis."""
    servers = [Server(program(), tmp_path_factory.mktemp(make)).start() for make, program in programs().items()]
    yield servers
    for server in servers:
        server.kill()


@pytest.fixture
def servers(shared_servers: list[Server]) -> list[Server]:
    """Return the stores without any data."""
    for server in shared_servers:
        with server.client() as client:
            client.flushall()
    return shared_servers
