"""An unreliable network: a TCP proxy that delays, cuts, drops or swallows what a client and a store say."""

from __future__ import annotations

import select
import socket
import time
from collections import Counter
from contextlib import nullcontext, suppress
from enum import Enum
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from support.networks import Namespace


class Fate(Enum):
    """What becomes of some bytes on their way."""

    PASS = "passed on"
    LATE = "passed on late"
    CUT = "passed on in part, then the connection is closed"
    DROP = "not passed on, and the connection is closed"
    SWALLOW = "not passed on, nor anything after it, and the connection stays open"


DELAY: Final = 0.3
"""Seconds that late bytes are late."""

LOOK: Final = 0.1
"""Seconds between two looks at whether the proxy ends."""


def always_pass(_: str) -> Fate:
    """Pass everything on."""
    return Fate.PASS


def often(chance: Random, *fates: Fate, one_in: int = 4) -> Callable[[str], Fate]:
    """Return a choice that gives one of `fates` to one part in so many, and passes the others on."""
    lock = Lock()

    def choose(_: str) -> Fate:
        with lock:
            return chance.choice(fates) if chance.randrange(one_in) == 0 else Fate.PASS

    return choose


class Meddling:
    """Passes bytes between clients of a TCP port on 127.0.0.1 and the store behind the unix socket `store`.

    `choose` is called with `request` or `answer` for all bytes that one end has sent at once. Both it and `store` may
    be changed at any time; connections that are open stay with the store that they were made to.
    """

    def __init__(self, store: Path, space: Namespace | None = None) -> None:
        """Listen on a free port in `space`, or in the namespace of the test."""
        self.store = store
        self.choose: Callable[[str], Fate] = always_pass
        self.fates: Counter[tuple[str, Fate]] = Counter()
        """How often each fate befell requests and answers."""
        with space.entered() if space else nullcontext():
            self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(LOOK)
        self.port = int(self._listening.getsockname()[1])
        self._ends = False
        self._chance_lock = Lock()
        self._threads = [Thread(target=self._accept)]

    def __enter__(self) -> Self:
        """Start to accept connections."""
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections and stop listening."""
        self._ends = True
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _accept(self) -> None:
        while not self._ends:
            with suppress(OSError):  # a timeout is one, too
                near, _ = self._listening.accept()
                self._threads.append(Thread(target=self._serve, args=(near,)))
                self._threads[-1].start()

    def _serve(self, near: socket.socket) -> None:
        """Pass bytes on as they are fated, until either end closes the connection or a fate does."""
        with near, socket.socket(socket.AF_UNIX) as far, suppress(OSError):
            far.connect(str(self.store))
            near.setblocking(True)
            swallowed = set[socket.socket]()
            while not self._ends:
                readable, _, _ = select.select([near, far], [], [], LOOK)
                for end in readable:
                    if not self._pass(end, far if end is near else near, swallowed, is_request=end is near):
                        return

    def _pass(
        self, source: socket.socket, to: socket.socket, swallowed: set[socket.socket], *, is_request: bool
    ) -> bool:
        """Pass on what `source` has sent; return whether the connection stays open."""
        said = source.recv(1 << 16)
        if not said:
            return False
        if source in swallowed:
            return True
        what = "request" if is_request else "answer"
        fate = self.choose(what)
        with self._chance_lock:
            self.fates[what, fate] += 1
        match fate:
            case Fate.LATE:
                time.sleep(DELAY)
            case Fate.CUT:
                to.sendall(said[: len(said) // 2])
                return False
            case Fate.DROP:
                return False
            case Fate.SWALLOW:
                swallowed.add(source)
                return True
            case Fate.PASS:
                pass
        to.sendall(said)
        return True
