"""The watch has the own ends from the start, and later ones when they have changed."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import numpy as np
import pytest

from shodohflo.capture.live.namespaces import NamespaceError
from shodohflo.capture.live.socket_watch import SocketWatch
from shodohflo.columns.own_ends import OwnEndsTable, Saying
from shodohflo.columns.socket_ends import AskedEnds
from support.networks import namespace, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="listener")
def _listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def says(own: OwnEndsTable | None, port: int) -> Saying:
    """Return what `own` says of a TCP port of 127.0.0.1."""
    assert own is not None
    address, protocol = np.array([0x7F000001], np.uint32), np.array([6], np.uint8)
    asked = AskedEnds(4, protocol, address, np.array([port], np.uint16), address, np.array([9], np.uint16))
    return Saying(int(own.find(asked)[0]))


def test_the_ends_are_known_from_the_start(listener: socket.socket) -> None:
    """The first `take`, before the thread runs, returns what was read; the next returns nothing."""
    watch = SocketWatch()
    first, second = watch.take(), watch.take()
    with watch:
        pass

    assert says(first, listener.getsockname()[1]) is Saying.SERVICE
    assert second is None
    assert (watch.failures, watch.problem) == (0, "")


def test_a_change_is_read_by_the_thread(listener: socket.socket) -> None:
    """A listener that is opened later is known without anybody asking for it."""
    found: list[OwnEndsTable] = []

    def is_known(port: int) -> bool:
        if (own := watch.take()) is not None:
            found.append(own)
        return says(found[-1], port) is Saying.SERVICE

    with SocketWatch() as watch:
        assert is_known(listener.getsockname()[1])
        with socket.create_server(("127.0.0.1", 0)) as later:
            port = later.getsockname()[1]
            assert not is_known(port)
            wait_until(lambda: is_known(port))


def test_only_the_newest_ends_wait() -> None:
    """What was not taken is replaced."""
    watch = SocketWatch()
    with socket.create_server(("127.0.0.1", 0)) as later:
        watch._sockets._next = 0.0
        watch._read()
        newest = watch.take()
        port = later.getsockname()[1]
    with watch:
        pass

    assert says(newest, port) is Saying.SERVICE
    assert watch.take() is None


def test_a_wrong_name_is_refused_at_once() -> None:
    """A namespace that does not exist is an error of the start, not of the thread."""
    with namespace(), pytest.raises(NamespaceError):
        SocketWatch(["absent"])
