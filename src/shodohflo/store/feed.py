"""The feed: a thread that reads the services of a store, so that an agent knows those that it did not see itself.

First come all services, then once a minute those that were written since. Reading takes seconds where a store has a
million keys, so the agent, which must not miss packets, only takes what has come. A store that fails is asked again at
the next time, also for what was missed. One that has not answered yet is asked as often as the writer tries (see
`store.retry`): an embedded store starts only just after its agent.
"""

from __future__ import annotations

import logging
import time
from random import SystemRandom
from threading import Condition, Thread
from typing import TYPE_CHECKING, Final, Self

from shodohflo.errors import StoreError
from shodohflo.store.dialogue import Limits
from shodohflo.store.embedded import EmbeddedStore
from shodohflo.store.failures import any_errors
from shodohflo.store.kinds import dialogue_with
from shodohflo.store.retry import next_delay
from shodohflo.store.services import MOST, PATIENCE, read_services

if TYPE_CHECKING:
    from shodohflo.model import End, ServiceSeen
    from shodohflo.store.connection import Store

INTERVAL: Final = 60.0
"""Seconds between two times that the store is asked."""

_OVERLAP: Final = 10.0
"""Seconds that are asked for twice, since the store looks at its keys one after the other."""

_LAST_WAIT: Final = 0.2
"""Seconds that `close` waits for the thread to end; a thread that is blocked by a silent store is abandoned."""

_RANDOM: Final = SystemRandom()

_LOG = logging.getLogger(__name__)


class ServiceFeed:
    """Reads services in a thread of its own; every public method may be called from any other thread."""

    def __init__(self, store: Store, interval: float = INTERVAL) -> None:
        """Read from `store` every `interval` seconds; nothing is asked before `start`."""
        # An embedded store is started by the thread of the writer only.
        self._starts_later = isinstance(store, EmbeddedStore)
        self._store = store.reading if isinstance(store, EmbeddedStore) else store
        self._interval = interval
        self._changed = Condition()
        # Shared with other threads, under the condition's lock:
        self._come: dict[End, ServiceSeen] = {}
        self._reads = 0
        self._failures = 0
        self._closing = False
        # Used by the thread only:
        self._known_at: float | None = None
        self._thread = Thread(target=self._run, name="service-feed", daemon=True)

    def start(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __enter__(self) -> Self:
        """Start the thread."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Close the feed."""
        self.close()

    def take(self) -> list[ServiceSeen]:
        """Return what came since the last call, at most `services.MOST`; never waits for the store."""
        with self._changed:
            come, self._come = self._come, {}
        return list(come.values())

    def wait(self, timeout: float) -> bool:
        """Wait until the store was asked for the first time, and return whether it has answered."""
        with self._changed:
            self._changed.wait_for(lambda: self._reads or self._failures or self._closing, timeout)
            return self._reads > 0

    @property
    def is_pending(self) -> bool:
        """Whether the first answer is about to come: nothing was asked yet, or the store is just being started."""
        with self._changed:
            return not self._reads and (self._starts_later or not self._failures)

    @property
    def failures(self) -> int:
        """Return how often the store could not be asked or gave an odd answer."""
        with self._changed:
            return self._failures

    def close(self) -> None:
        """Stop the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=_LAST_WAIT)

    # The methods below run in the thread.

    def _run(self) -> None:
        while True:
            self._read()
            with self._changed:
                self._changed.notify_all()
                pause = self._interval
                if self._known_at is None:
                    pause = min(pause, next_delay(self._failures, _RANDOM.random()))
                if self._changed.wait_for(lambda: self._closing, pause):
                    return

    def _read(self) -> None:
        """Ask once; a failure is counted, and said in the log of the writer, which knows the same store."""
        begun = time.monotonic()
        within = None if self._known_at is None else begun - self._known_at + _OVERLAP
        try:
            found = self._ask(within)
        except StoreError as error:
            _LOG.debug("services were not read: %s", error)
            with self._changed:
                self._failures += 1
            return
        self._known_at = begun
        with self._changed:
            self._reads += 1
            self._come.update((service.end, service) for service in found)
            for end in list(self._come)[MOST:]:
                del self._come[end]

    def _ask(self, within: float | None) -> list[ServiceSeen]:
        with any_errors(self._store.name), dialogue_with(self._store, Limits(total=2 * PATIENCE)) as dialogue:
            return read_services(dialogue, within)
