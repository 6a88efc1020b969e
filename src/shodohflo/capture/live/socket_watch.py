"""The socket watch: a thread that reads this host's sockets again and again, while packets are taken from the ring.

Reading 20,000 sockets takes some 50 ms, and arranging 100,000 connections some 120 ms: as long as the ring of a busy
agent must not wait. The thread also compiles what it read.
"""

from __future__ import annotations

import time
from collections import deque
from threading import Event, Thread
from typing import TYPE_CHECKING

from shodohflo.capture.live.sockets import PERIOD, Sockets
from shodohflo.columns.own_ends import OwnEndsTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self


class SocketWatch:
    """The latest own ends, for a thread that never waits for them."""

    def __init__(self, namespaces: Sequence[str] = ()) -> None:
        """Read the sockets of this network namespace and of those named, for the first time.

        Raises `NamespaceError` if a name can't be entered.
        """
        self._sockets = Sockets(namespaces)
        self._latest: deque[OwnEndsTable] = deque(maxlen=1)
        self._ending = Event()
        self._thread = Thread(target=self._read_on, name="sockets", daemon=True)
        self._read()

    @property
    def failures(self) -> int:
        """How often a network namespace could not be read."""
        return self._sockets.failures

    @property
    def problem(self) -> str:
        """Why the latest reading was incomplete, in one line; empty if it was not."""
        return self._sockets.problem

    def take(self) -> OwnEndsTable | None:
        """Return the own ends if they have changed since the last call; the first call returns those of the start."""
        try:
            return self._latest.popleft()
        except IndexError:
            return None

    def __enter__(self) -> Self:
        """Go on reading in a thread."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the thread, and close the sockets."""
        self._ending.set()
        self._thread.join()
        self._sockets.close()

    def _read_on(self) -> None:
        while not self._ending.wait(PERIOD):
            self._read()

    def _read(self) -> None:
        if (found := self._sockets.poll(time.monotonic())) is not None:
            self._latest.append(OwnEndsTable.compile(found))
