"""Fixtures of the tests of faults: a link between two namespaces, where a store can be too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.networks import Namespace, join, namespace

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[Namespace, Namespace]]:
    """Join two namespaces: packets sent on `far0` are received on `near0`."""
    with namespace() as far, namespace() as near:
        join(far, "far0", near, "near0")
        yield far, near
