"""The watchdog: a custom action that does not answer must not stop the main loop, which receives the packets.

Custom actions are an operator's code, and they are asked in the main thread. A timer looks at what this thread does,
and raises `ActionTimeoutError` inside a `match` that has taken too long; the rule is then left out. The exception can
be raised nowhere else: the handler of a signal runs in the main thread, between two steps of the code that it looks at.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Final, Self

from shodohflo.rules.mapping import ASKING, ActionTimeoutError

if TYPE_CHECKING:
    from types import FrameType

LIMIT: Final = 5.0
"""Seconds that `match` may take for one packet; microseconds are usual."""

_LOOKS: Final = 5
"""How often to look within the limit."""


class Watchdog:
    """Watches the actions that the main thread asks while the context is entered, which must be there as well.

    A long step in a library's own machine code can't be interrupted, nor can code that catches every exception.
    """

    def __init__(self, limit: float = LIMIT) -> None:
        """`limit` is in seconds."""
        self._limit = limit
        self._before = signal.getsignal(signal.SIGALRM)
        self._asking: FrameType | None = None
        self._since = 0.0

    def __enter__(self) -> Self:
        """Start the timer."""
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, self._limit / _LOOKS, self._limit / _LOOKS)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the timer."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)
        self._asking = None

    def _look(self, _number: int, frame: FrameType | None) -> None:
        """Interrupt an action that was already running `limit` seconds ago."""
        asking = _question(frame)
        now = time.monotonic()
        if asking is not self._asking:  # the reference keeps the frame's identity from being used again
            self._asking, self._since = asking, now
        elif asking is not None and now - self._since >= self._limit:
            self._asking = None
            raise ActionTimeoutError(self._limit)


def _question(frame: FrameType | None) -> FrameType | None:
    """Return the innermost frame that waits for an action, if `frame` is in the action's own code."""
    inner = None
    while frame is not None and frame.f_code is not ASKING:
        frame, inner = frame.f_back, frame
    return frame if inner else None
