"""The writer: a thread that brings observations to the store, whatever the store does meanwhile.

`offer` and `heartbeat` only put something down and return. The thread takes it up in writes, one at a time; a
write that was not answered is sent again as it was, until it is, and the store knows it by its number. While
the store is away everything else waits in a bounded buffer.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from threading import Condition, Thread
from typing import TYPE_CHECKING, Final, Self

from valkey.exceptions import ValkeyError

from shodohflo.errors import StoreError
from shodohflo.store.buffer import Buffer, RuleTexts, packets_by_kind
from shodohflo.store.connection import one_line
from shodohflo.store.heartbeat import count_evicted, write_heartbeat
from shodohflo.store.write import ROWS, Write, Writing, send, to_write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valkey import Valkey

    from shodohflo.columns.observations import Observations
    from shodohflo.store.connection import Store, TcpEnds

CAPACITY: Final = 200_000
"""Rows kept while the store is away: some 20 MB."""

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
"""Seconds between attempts to reach the store; doubled each time."""

_LAST_WAIT: Final = 1.0
"""Seconds that closing waits for a thread that waits for a silent store; after that it is left behind."""

_QUIET: Final = 60.0
"""Seconds between two lines in the log about the same trouble."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WriterStats:
    """What the writer has done so far."""

    connected: bool = False
    waiting: int = 0
    """Rows in the buffer."""
    packets: int = 0
    writes: int = 0
    repeated: int = 0
    """Writes that were sent again and turned out to have been written the first time."""
    refused: int = 0
    """Keys that hold something else than they should, and were left as they are."""
    evicted: int = 0
    """Keys that the store has given up before their time, for want of memory, as it counts them."""
    outages: int = 0
    """How often the store was lost or not found."""
    last_error: str = ""
    given_up: Mapping[str, int] = field(default_factory=Counter)
    """Packets that were not written, by kind: the buffer was full, or time was up at the end."""


class Writer:
    """Writes to one store in a thread of its own; every public method may be called from any other thread."""

    def __init__(self, store: Store, *, agent: str, lifetime: int, capacity: int = CAPACITY) -> None:
        """Say where to write, as whom, and for how many seconds; nothing happens before `start`."""
        self._store = store
        self._writing = Writing(session=secrets.token_hex(8), agent=agent, lifetime=lifetime)
        self._changed = Condition()
        # Shared with other threads, under the condition's lock:
        self._buffer = Buffer(capacity)
        self._heartbeat: dict[str, str | int] | None = None
        self._stats = WriterStats()
        self._hurry = False
        self._closing = False
        self._idle = True
        self._in_flight: Write | None = None
        # The thread's own:
        self._client: Valkey | None = None
        self._number = 0
        self._pause = _FIRST_PAUSE
        self._said_at = -_QUIET
        self._said_away = False
        self._thread = Thread(target=self._run, name="store-writer", daemon=True)

    def start(self) -> Self:
        """Begin to write."""
        self._thread.start()
        return self

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def offer(self, observations: Observations, rule_texts: RuleTexts = ()) -> None:
        """Have `observations` written soon; `rule_texts` are the rules in words that decided them."""
        with self._changed:
            if not self._closing:
                self._buffer.add(observations, rule_texts)
            else:
                self._buffer.given_up.update(packets_by_kind(observations))
            self._idle = False
            self._changed.notify_all()

    def heartbeat(self, fields: Mapping[str, str | int]) -> None:
        """Have the agent's hash say `fields` and nothing else; the last of several that wait is written."""
        with self._changed:
            self._heartbeat = {"lifetime": self._writing.lifetime, **fields}
            self._idle = False
            self._changed.notify_all()

    def flush(self, timeout: float) -> bool:
        """Wait until all that was offered is written, at most `timeout` seconds; say whether it is."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._idle or not self._thread.is_alive(), timeout)
            self._hurry = False
            return self._idle

    def close(self, timeout: float = 10.0) -> bool:
        """Write what can be written within `timeout` seconds, give up the rest and end the thread."""
        with self._changed:
            if self._closing:
                return self._idle
        flushed = self.flush(timeout)
        with self._changed:
            self._closing = True
            self._buffer.give_up()
            if self._in_flight is not None:
                self._buffer.given_up.update(packets_by_kind(self._in_flight.decided.observations))
                self._in_flight = None
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=_LAST_WAIT)
        return flushed

    @property
    def stats(self) -> WriterStats:
        """Return the counters as they are now."""
        with self._changed:
            return replace(self._stats, waiting=len(self._buffer), given_up=Counter(self._buffer.given_up))

    def change_lifetime(self, lifetime: int) -> None:
        """Let what is written from now on live for `lifetime` seconds after its last refresh."""
        with self._changed:
            self._writing = replace(self._writing, lifetime=lifetime)

    def connections(self) -> frozenset[TcpEnds]:
        """Return our TCP connections to the store, so that they can be left out of what is recorded."""
        return self._store.connections()

    # From here on, all is the thread's.

    def _run(self) -> None:
        while self._wait_for_work():
            try:
                self._work()
            except (ValkeyError, StoreError, OSError) as error:
                self._lose(error)
                self._rest()
        self._end()

    def _wait_for_work(self) -> bool:
        with self._changed:
            while not self._closing:
                if self._in_flight is not None or self._heartbeat is not None or len(self._buffer):
                    return True
                self._idle = True
                self._changed.notify_all()
                self._changed.wait()
            return False

    def _work(self) -> None:
        """Do one thing; what fails is still there to be done again."""
        if self._client is None:
            self._find()
            return
        with self._changed:
            heartbeat, self._heartbeat = self._heartbeat, None
        if heartbeat is not None:
            self._write_heartbeat(self._client, heartbeat)
            return
        write = self._next_write()
        if write is not None:
            self._send_write(self._client, write)

    def _find(self) -> None:
        self._client = self._store.connect()
        with self._changed:
            self._stats = replace(self._stats, connected=True)

    def _next_write(self) -> Write | None:
        with self._changed:
            if self._in_flight is None and (decided := self._buffer.take(ROWS)) is not None:
                self._number += 1
                self._in_flight = to_write(decided, self._number, self._writing)
            return self._in_flight

    def _send_write(self, client: Valkey, write: Write) -> None:
        written = send(client, write)
        self._recover()
        with self._changed:
            if self._in_flight is None:  # given up while the store took its time
                return
            self._in_flight = None
            self._stats = replace(
                self._stats,
                writes=self._stats.writes + 1,
                packets=self._stats.packets + int(write.decided.observations.packets.sum()),
                repeated=self._stats.repeated + (not written.now),
                refused=self._stats.refused + written.refused,
            )

    def _write_heartbeat(self, client: Valkey, fields: dict[str, str | int]) -> None:
        try:
            write_heartbeat(client, self._writing.agent, fields)
            evicted = count_evicted(client)
        except (ValkeyError, OSError):
            with self._changed:
                self._heartbeat = self._heartbeat or fields
            raise
        with self._changed:
            self._stats = replace(self._stats, evicted=evicted)
        self._recover()

    def _recover(self) -> None:
        """Note that the store does what it is told."""
        self._pause = _FIRST_PAUSE
        if self._said_away:
            self._said_away = False
            _LOG.info("store %s: writing again", self._store.name)

    def _lose(self, error: Exception) -> None:
        """Let go of the connection: after an error nobody knows what is still to come from it."""
        if self._client is not None:
            self._client.connection_pool.disconnect()
            self._client = None
        name, reason = self._store.name, one_line(error)
        reason = reason if isinstance(error, StoreError) else f"store {name}: {reason}"
        with self._changed:
            self._stats = replace(self._stats, connected=False, outages=self._stats.outages + 1, last_error=reason)
        if time.monotonic() - self._said_at >= _QUIET:
            self._said_at, self._said_away = time.monotonic(), True
            _LOG.warning("%s; counting on, trying again", reason)

    def _rest(self) -> None:
        """Pause before the next attempt; the shortest pause when somebody waits for the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._hurry or self._closing, self._pause)
            if self._hurry:
                self._changed.wait_for(lambda: self._closing, _FIRST_PAUSE)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def _end(self) -> None:
        with self._changed:
            self._stats = replace(self._stats, connected=False)
        if self._client is not None:
            self._client.connection_pool.disconnect()
