"""Gathering evidence beside packets: the sockets of this host, and the services that the store knows.

An agent that starts in the middle of long connections asks the store which services are known, and then again every
minute, since other agents may write there. A thread waits for the store, so that packets never do. What the evidence
of this agent shows is passed on to the writer.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from shodohflo.errors import StoreError
from shodohflo.process.timers import RateLimit
from shodohflo.store.dialogue import Dialogue
from shodohflo.store.failures import store_errors
from shodohflo.store.services import read_services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from shodohflo.attribution.evidence.evidence import Evidence
    from shodohflo.capture.live.socket_watch import SocketWatch
    from shodohflo.model import Network, ServiceSeen
    from shodohflo.store.connection import Store
    from shodohflo.store.writer import Writer

AGAIN: Final = 60.0
"""Seconds between two readings of the services in the store."""

_OVERLAP: Final = 30.0
"""Seconds by which a reading goes back further than to the one before."""

_log = logging.getLogger(__name__)


class ServiceWatch:
    """The services in a store, for a thread that never waits for them."""

    def __init__(self, store: Store, wait: Callable[[Event, float], bool] = Event.wait) -> None:
        """Read from `store` as a context manager; a store that fails is asked again later."""
        self._store = store
        self._wait = wait
        self._latest: deque[list[ServiceSeen]] = deque(maxlen=2)
        self._ending = Event()
        self._thread = Thread(target=self._read_on, name="services", daemon=True)

    def take(self) -> list[ServiceSeen]:
        """Return what was read since the last call."""
        taken: list[ServiceSeen] = []
        while self._latest:
            taken += self._latest.popleft()
        return taken

    def __enter__(self) -> Self:
        """Begin to read."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Read no more; a thread that waits for the store is abandoned."""
        self._ending.set()

    def _read_on(self) -> None:
        """Read all services, and then those written since, until the end."""
        read: float | None = None
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                self._latest.append(self._read(None if read is None else began - read + _OVERLAP))
                read = began
            except StoreError as error:  # the writer says so to people
                _log.debug("services are not read: %s", error)
            if self._wait(self._ending, AGAIN):
                return

    def _read(self, within: float | None) -> list[ServiceSeen]:
        with store_errors(self._store.name), self._store.connect() as client:
            return read_services(Dialogue(client), within)


class Gathering:
    """What is gathered beside packets, and passed on."""

    def __init__(self, evidence: Evidence, sockets: SocketWatch, services: ServiceWatch, writer: Writer) -> None:
        """Gather from `sockets` and `services` into `evidence`, and pass on to `writer`."""
        self._evidence, self._sockets, self._services, self._writer = evidence, sockets, services, writer
        self._limit = RateLimit(3600.0)

    def change_networks(self, our_nets: Iterable[Network]) -> None:
        """Expect the broadcast addresses of other networks of ours."""
        self._evidence.change_networks(our_nets)

    def gather(self, now: float) -> None:
        """Take up what was read; `now` is in seconds of a monotonic clock."""
        if (ends := self._sockets.take()) is not None:
            self._evidence.own_ends = ends
        if seen := self._services.take():
            self._evidence.recall(seen)
        if (problem := self._sockets.problem) and self._limit.allows(problem, now):
            _log.warning("%s", problem)

    def pass_on(self, now_ns: int) -> None:
        """Pass on the services and the knocks that are new at `now_ns`, in ns since 1970."""
        self._writer.offer_services(self._evidence.news(now_ns))
        self._writer.offer_knocks(self._evidence.knocks.take(now_ns))
