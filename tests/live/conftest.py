"""Fixtures of the live tests: a store, and a link between two namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.networks import Namespace, join, namespace
from support.serving import Server, programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Return a new store for one test."""
    server = Server(programs()["valkey"](), tmp_path).start()
    yield server
    server.kill()


@pytest.fixture
def ends() -> Iterator[tuple[Namespace, Namespace]]:
    """Join two namespaces: packets sent on `far0` are received on `near0`."""
    with namespace() as far, namespace() as near:
        join(far, "far0", near, "near0")
        yield far, near
