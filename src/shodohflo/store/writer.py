"""The writer: a thread that delivers observations to a sink, and the condition variable it shares with its callers.

`offer`, `correct`, `offer_services`, `offer_knocks` and `heartbeat` queue data and return at once. The thread sends one
thing at a time: a waiting heartbeat first, then the next write, and hashes of services and knocks when no writes wait,
or once a second. After a failure it backs off (`store.retry`), reconnects and sends the same write again. But a
heartbeat that failed waits until all writes are sent or a newer one arrives, and so do hashes, so that they never block
counts.

Invariants:

1. All shared state changes under the lock of one condition, and the sink is never called under that lock: a store
   that hangs blocks the thread, never a caller.
2. What failed stays queued: a write remains in flight (`store.delivery`), and a heartbeat or a hash is queued again
   unless a newer one has arrived meanwhile.
3. `flush` returns true only when the outbox is empty and nothing is in flight.
4. No exception ends the thread, whatever the store answers: it is counted and logged as a failed attempt.
5. After each reconnection, and with each heartbeat, the store is asked for the number of the last write, so that what
   it has lost is noticed although nothing is new.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from random import SystemRandom
from threading import TIMEOUT_MAX, Condition, Thread
from typing import TYPE_CHECKING, Final, Self

from shodohflo.errors import LastingStoreError, StoreError
from shodohflo.store.books import SECOND
from shodohflo.store.delivery import Delivery
from shodohflo.store.failures import one_line
from shodohflo.store.hashes import HashQueue, to_hash
from shodohflo.store.outage_log import OutageLog
from shodohflo.store.outbox import Outbox, RuleTexts
from shodohflo.store.portion import packets_in
from shodohflo.store.retry import FIRST_DELAY, LONGEST_DELAY, LONGEST_PARTLY, next_delay
from shodohflo.store.sinks import HashesRefusedError, HeartbeatRefusedError, PartlyAwayError
from shodohflo.store.stats import WriterStats
from shodohflo.store.write import Applied, Writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shodohflo.columns.corrections import Corrections
    from shodohflo.columns.observations import Observations
    from shodohflo.model import Knock, ServiceSeen
    from shodohflo.store.announced import TcpEnds
    from shodohflo.store.sinks import Sink
    from shodohflo.store.write import Write, Written

OCTETS: Final = 256_000_000
"""The memory for keys that wait, and for what is known of those that were written, in bytes."""

_TAIL: Final = 4
"""The part of that for the latest writes (`store.tail`)."""

LONGEST_FLUSH: Final = 60.0
"""Seconds that a `flush` may take while the store is still writing; service managers wait 90 for the end."""

_LAST_WAIT: Final = 0.2
"""Seconds that `close` waits for the thread to end; a thread that is blocked by a silent store is abandoned."""

_BETWEEN_HASHES: Final = 1.0
"""Seconds between hashes while counts wait."""

_RANDOM: Final = SystemRandom()

_LOG = logging.getLogger(__name__)


class Writer:
    """Writes to one sink in a thread of its own; every public method may be called from any other thread."""

    def __init__(self, sink: Sink, *, agent: str, lifetime: int, octets: int = OCTETS) -> None:
        """Write to `sink` as `agent`; keys live for `lifetime` seconds. What is kept of them has `octets` bytes."""
        self._sink = sink
        self._agent = agent
        self._changed = Condition()
        # Shared with other threads, under the condition's lock:
        self._outbox = Outbox(octets - octets // _TAIL, lifetime, sink.lanes.number)
        writing = Writing(secrets.token_hex(8), agent, lifetime)
        ahead = int(time.time()) - _now() // SECOND
        self._delivery = Delivery(self._outbox, writing, sink.lanes, octets // _TAIL, ahead)
        self._heartbeat: dict[str, str | int] | None = None
        self._heartbeat_failed = False
        self._hashes = HashQueue()
        self._hashes_failed = False
        self._stats = WriterStats()
        self._hurry = False
        self._closing = False
        self._idle = True
        # Used by the thread only:
        self._failures = 0
        self._hashes_due = 0.0  # a monotonic time
        self._log = OutageLog(sink.name)
        self._thread = Thread(target=self._run, name="store-writer", daemon=True)

    def start(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __enter__(self) -> Self:
        """Start the thread."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Close the writer."""
        self.close()

    def offer(self, observations: Observations, rule_texts: RuleTexts = ()) -> None:
        """Queue `observations`; `rule_texts` are the sentences of the rules that decided them."""
        with self._changed:
            self._outbox.add(observations, rule_texts, _now())
            if self._closing:
                self._outbox.give_up()
            self._wake()

    def correct(self, corrections: Corrections, rule_texts: RuleTexts = ()) -> None:
        """Move what was offered before, and is counted by wrong keys, to the right ones; each exactly once."""
        with self._changed:
            self._outbox.correct(corrections, rule_texts, _now(), time.time_ns())
            if self._closing:
                self._outbox.give_up()
            self._wake()

    def offer_services(self, services: Iterable[ServiceSeen]) -> None:
        """Queue what is known of `services`; what still waits about the same is discarded."""
        self._offer_hashes(services)

    def offer_knocks(self, knocks: Iterable[Knock]) -> None:
        """Queue what is known of `knocks`; what still waits about the same origins is discarded."""
        self._offer_hashes(knocks)

    def _offer_hashes(self, news: Iterable[ServiceSeen | Knock]) -> None:
        with self._changed:
            self._hashes.offer(news)
            if self._closing:
                self._hashes.give_up()
            self._wake()

    def heartbeat(self, fields: Mapping[str, str | int]) -> None:
        """Queue `fields` to replace the hash of the agent; a heartbeat that still waits is discarded."""
        with self._changed:
            self._heartbeat = {"lifetime": self._delivery.writing.lifetime, **fields}
            self._heartbeat_failed = False
            self._wake()

    def _wake(self) -> None:
        self._idle = False
        self._changed.notify_all()

    def flush(self, timeout: float, longest: float = LONGEST_FLUSH) -> bool:
        """Wait until everything that was queued is written, and return whether all counts are.

        The wait ends when nothing was written for `timeout` seconds, or after `longest` seconds.
        """
        last = time.monotonic() + longest
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            ended, written = False, -1
            while not ended and self._delivery.writes > written and (left := last - time.monotonic()) > 0:
                written = self._delivery.writes
                ended = self._changed.wait_for(
                    lambda: self._idle or not self._thread.is_alive(), min(timeout, left, TIMEOUT_MAX)
                )
            self._hurry = False
            return self._idle or self._delivery.is_idle

    def close(self, timeout: float = 10.0) -> bool:
        """Flush for at most `timeout` seconds, give up the rest and stop the thread; return whether all was written."""
        with self._changed:
            if self._closing:
                return self._idle
        flushed = self.flush(timeout)
        with self._changed:
            self._closing = True
            self._delivery.give_up()
            self._hashes.give_up()
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=_LAST_WAIT)
        return flushed

    @property
    def stats(self) -> WriterStats:
        """Return the counters as they are now."""
        with self._changed:
            delivery, outbox = self._delivery, self._outbox
            return replace(
                self._stats,
                waiting=delivery.waiting_keys,
                waiting_packets=packets_in(outbox.books.waiting + delivery.in_flight),
                packets=delivery.written["client"],
                writes=delivery.writes,
                repeated=delivery.repeated,
                refused=delivery.refused,
                offered=Counter(outbox.offered),
                written=Counter(delivery.written),
                expired=Counter(outbox.books.expired),
                no_room=Counter(outbox.books.no_room),
                given_up=Counter(outbox.given_up),
                lost=Counter(delivery.lost),
                losses=delivery.losses,
                rewritten=delivery.rewritten,
                unsure=delivery.unsure,
                keys=outbox.books.keys,
                octets=outbox.books.octets,
                corrections=outbox.corrections,
                corrected=outbox.moved,
                corrections_vanished=outbox.vanished,
                hashes_given_up=self._hashes.given_up,
            )

    def change_lifetime(self, lifetime: int) -> None:
        """Change the lifetime of keys to `lifetime` seconds, from the next new write on."""
        with self._changed:
            self._delivery.writing = replace(self._delivery.writing, lifetime=lifetime)
            self._outbox.books.lifetime = lifetime

    def connections(self) -> frozenset[TcpEnds]:
        """Return our TCP connections to the store, which the agent excludes from what it records."""
        return self._sink.connections()

    # The methods below run in the thread.

    def _run(self) -> None:
        while self._wait_for_work():
            try:
                self._work()
            except StoreError as error:
                self._fail(error)
            except Exception as error:  # noqa: BLE001 - a mistake of ours must not end the thread
                _LOG.debug("the writer failed", exc_info=True)
                self._sink.disconnect()
                self._fail(StoreError(f"unexpected {type(error).__name__}: {one_line(error)} (please report it)"))
        with self._changed:
            self._stats = replace(self._stats, connected=False)
        self._sink.disconnect()

    def _wait_for_work(self) -> bool:
        """Wait until there is something to send and return true; return false when the writer is closing."""
        with self._changed:
            while not self._closing:
                waits = self._heartbeat is not None or len(self._hashes) or not self._delivery.is_idle
                if waits or self._delivery.is_probing:
                    return True
                self._idle = True
                self._changed.notify_all()
                self._changed.wait()
            return False

    def _work(self) -> None:
        """Take one step: connect, send a heartbeat, send hashes or send a write."""
        if not self._stats.connected:
            self._connect()
            return
        with self._changed:
            heartbeat = self._next_heartbeat()
            hashes = self._next_hashes() if heartbeat is None else []
            writes = self._delivery.next_writes(_now()) if heartbeat is None and not hashes else []
        if heartbeat is not None:
            self._send_heartbeat(heartbeat)
        elif hashes:
            self._send_hashes(hashes)
        elif writes:
            self._send(writes)

    def _next_heartbeat(self) -> dict[str, str | int] | None:
        """Remove and return the heartbeat that waits, unless it failed before and there are counts to write."""
        if self._heartbeat_failed and not self._delivery.is_idle:
            return None
        heartbeat, self._heartbeat = self._heartbeat, None
        return heartbeat

    def _next_hashes(self) -> list[ServiceSeen | Knock]:
        """Remove and return hashes that wait; while counts wait, only once a second, and not what failed before."""
        if not self._delivery.is_idle and (self._hashes_failed or time.monotonic() < self._hashes_due):
            return []
        self._hashes_due = time.monotonic() + _BETWEEN_HASHES
        return self._hashes.take()

    def _connect(self) -> None:
        self._sink.connect()
        with self._changed:
            self._stats = replace(self._stats, connected=True)
            self._delivery.probe()

    def _send(self, writes: list[Write]) -> None:
        self._sink.write(writes, self._confirm, self._prepare)
        self._succeed()

    def _confirm(self, write: Write, written: Written) -> None:
        if written.outcome is Applied.LOST:
            self._log.found_losses(write.number - 1, written.held, time.monotonic())
        self._failures = -1  # that of another part of the store, if any, is none to back off for
        with self._changed:
            self._delivery.confirm(write, written)
            self._changed.notify_all()

    def _prepare(self) -> None:
        with self._changed:
            if not self._closing:
                self._delivery.prepare(_now())

    def _send_heartbeat(self, fields: dict[str, str | int]) -> None:
        try:
            condition = self._sink.write_heartbeat(self._agent, fields)
        except HeartbeatRefusedError as error:
            with self._changed:
                self._stats = replace(self._stats, heartbeats_refused=self._stats.heartbeats_refused + 1)
            self._log.heartbeat_refused(str(error), time.monotonic())
            return
        except StoreError:
            with self._changed:
                self._heartbeat = self._heartbeat or fields
                self._heartbeat_failed = True
            raise
        with self._changed:
            evicted = self._stats.evicted if condition.evicted is None else condition.evicted
            self._delivery.look_around(is_full=evicted > self._stats.evicted)
            self._stats = replace(self._stats, evicted=evicted, unsaved=condition.unsaved)
            is_idle = self._delivery.is_idle
        self._log.saving(condition.unsaved, time.monotonic())
        # While counts wait, only a write shows that the store takes them.
        if is_idle:
            self._succeed()

    def _send_hashes(self, taken: list[ServiceSeen | Knock]) -> None:
        writing = self._delivery.writing
        try:
            hashes = [to_hash(each, writing) for each in taken]
            refused = self._sink.write_hashes(hashes)
        except HashesRefusedError as error:
            with self._changed:
                self._hashes.given_up += len(taken)
            self._log.hashes_refused(str(error), time.monotonic())
            return
        except StoreError as error:
            with self._changed:
                if isinstance(error, PartlyAwayError):
                    self._hashes.postpone(taken[place] for place in error.unanswered)
                else:
                    self._hashes.put_back(taken)
                    self._hashes_failed = True
                if self._closing:
                    self._hashes.give_up()
            raise
        except Exception:  # a mistake of ours: the others can still be written
            with self._changed:
                self._hashes.given_up += len(taken)
            raise
        with self._changed:
            self._hashes_failed = False
            self._hashes.given_up += refused
            self._stats = replace(self._stats, hashes=self._stats.hashes + len(hashes) - refused)
            if self._delivery.is_idle:
                self._succeed()

    def _succeed(self) -> None:
        # Connecting does not count as success: a store may accept connections and refuse every write.
        self._failures = 0
        if self._stats.failing:
            with self._changed:
                self._stats = replace(self._stats, failing=False)
        self._log.recovered()

    def _fail(self, error: StoreError) -> None:
        self._failures += 1
        with self._changed:
            self._stats = replace(
                self._stats,
                connected=self._stats.connected and isinstance(error, PartlyAwayError),
                failing=True,
                outages=self._stats.outages + (not self._stats.failing),
                attempts=self._stats.attempts + 1,
                last_error=str(error),
            )
        lasting, waiting = isinstance(error, LastingStoreError), self.stats.waiting_packets
        self._log.lost(str(error), time.monotonic(), lasting=lasting, waiting=waiting)
        if self._failures:
            longest = LONGEST_PARTLY if self._stats.connected else LONGEST_DELAY
            self._back_off(min(next_delay(self._failures, _RANDOM.random()), longest))

    def _back_off(self, delay: float) -> None:
        """Wait before the next attempt; while a caller waits in `flush`, only for the shortest delay."""
        with self._changed:
            self._changed.wait_for(lambda: self._hurry or self._closing, delay)
            if self._hurry:
                self._changed.wait_for(lambda: self._closing, FIRST_DELAY)


_now: Final = partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)
"""The time in ns of a clock that goes on while the machine is suspended, as that of the store does."""
