"""A real store and its model side by side: whatever happens to both, they answer the same and have the same."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from valkey import Valkey
from valkey.exceptions import OutOfMemoryError

from shodohflo.keys import DETAIL, WRITER
from shodohflo.store.write import Applied, send
from support.history import PlainStore
from support.observing import SECOND

if TYPE_CHECKING:
    from collections.abc import Collection

    from shodohflo.store.write import Write, Written
    from support.serving import Server

SLACK: Final = 30
"""Seconds that a real clock may run on during a history: less than any key has left that still lives in it."""

_UNTIL: Final = 4
"""The place of that time among the arguments of a write."""

_AGE: Final = """
for _, key in ipairs(redis.call('KEYS', '*')) do
    local left = redis.call('PTTL', key) - ARGV[1]
    if left > 0 then redis.call('PEXPIRE', key, left) else redis.call('DEL', key) end
end
"""


class RealStore:
    """A server in which time passes when it is told so, and which loses what it is told to lose."""

    def __init__(self, server: Server, now: int) -> None:
        """Begin with nothing in `server`, at `now` in ns."""
        self._client: Any = Valkey(unix_socket_path=str(server.path))
        self._now = now
        self._saved: dict[bytes, tuple[bytes, int]] = {}
        self._client.flushall()
        self._client.config_resetstat()

    def apply(self, write: Write, now: int, model_time: int) -> Written:
        """Apply `write` at `now`, when its model has the time `model_time`."""
        self.wait_until(now)
        seconds, _ = self._client.time()
        arguments = list(write.arguments)
        arguments[_UNTIL] = write.place.until - model_time + seconds
        return send(self._client, replace(write, arguments=arguments))

    def wait_until(self, now: int) -> None:
        """Let keys expire that end before `now`, and the others come nearer to their end."""
        self._client.eval(_AGE, 0, (now - self._now) * 1_000 // SECOND)
        self._now = now

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return what the keys count, and when they expire, in ns."""
        names = [name for name in self._client.scan_iter() if not name.decode().startswith((DETAIL, WRITER))]
        return {name.decode(): (int(self._client.get(name)), self._end(name)) for name in names}

    def save(self) -> None:
        """Save a snapshot."""
        self._saved = {name: (self._client.dump(name), self._end(name)) for name in self._client.scan_iter()}

    def restore(self) -> None:
        """Go back to the snapshot, without what has expired since."""
        self._client.flushall()
        for name, (value, end) in self._saved.items():
            if end > self._now:
                self._client.restore(name, (end - self._now) * 1_000 // SECOND, value)

    def flush(self) -> None:
        """Lose everything."""
        self._client.flushall()

    def lose(self, names: Collection[str]) -> None:
        """Lose some keys."""
        self._client.delete(*names, "")

    def evict(self, names: Collection[str]) -> None:
        """Evict some keys: those that can expire, for all others cannot while it lasts."""
        kept = {name: self._end(name) for name in self._client.scan_iter() if name.decode() not in names}
        for name in kept:
            self._client.persist(name)
        self._client.config_set("maxmemory-policy", "volatile-random")
        self._client.config_set("maxmemory", 1)
        with suppress(OutOfMemoryError):
            self._client.set("", "")
        self._client.config_set("maxmemory", 0)
        self._client.config_set("maxmemory-policy", "noeviction")
        for name, end in kept.items():
            self._client.pexpire(name, (end - self._now) * 1_000 // SECOND)

    def forget_evictions(self) -> None:
        """Begin again to count evicted keys, as after a restart."""
        self._client.config_resetstat()

    def _end(self, name: bytes) -> int:
        return self._now + int(self._client.pttl(name)) * SECOND // 1_000


class Twins(PlainStore):
    """A model beside the real store that it stands for."""

    def __init__(self, real: RealStore) -> None:
        """Begin empty, both."""
        super().__init__()
        self._real = real

    def apply(self, write: Write, now: int) -> Written:
        """Apply `write` to both; their answers are the same."""
        ours, theirs = super().apply(write, now), self._real.apply(write, now, self.time(now))
        answers = [(each.outcome, each.held, each.refused, each.rewritten, each.unsure) for each in (ours, theirs)]
        assert answers[0] == answers[1]
        assert bool(ours.evicted) == bool(theirs.evicted) or ours.outcome is not Applied.LOST
        self.check(now)
        return ours

    def check(self, now: int) -> None:
        """Both have the same counts until the same time."""
        self._real.wait_until(now)
        real, model = self._real.counts(), {name: each for name, each in self.data.counts.items() if each[1] > now}
        assert {name: count for name, (count, _) in real.items()} == {name: count for name, (count, _) in model.items()}
        assert all(abs(end - model[name][1]) < SLACK * SECOND for name, (_, end) in real.items())

    def save(self) -> None:
        """Save a snapshot of both."""
        super().save()
        self._real.save()

    def restore(self) -> None:
        """Restart both from their snapshots."""
        super().restore()
        self._real.restore()
        if not self.data.evicted:
            self._real.forget_evictions()

    def flush(self) -> None:
        """Empty both."""
        super().flush()
        self._real.flush()

    def evict(self, every: int) -> None:
        """Evict the same keys from both."""
        before = {*self.data.counts, *self.data.numbers}
        super().evict(every)
        self._real.evict(before - {*self.data.counts, *self.data.numbers})

    def jump(self) -> None:
        """Let all counts of both expire."""
        names = list(self.data.counts)
        super().jump()
        self._real.lose(names)
