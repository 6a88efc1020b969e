"""Signals: SIGTERM and SIGINT end a run, SIGHUP reloads the configuration.

SIGHUP has two meanings. The kernel sends it when a terminal is closed, and an agent that was started there then ends.
In every other case it means reload. SIGHUP never ends an agent that was started by `nohup`.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import FrameType, TracebackType

ENDING: Final = (signal.SIGTERM, signal.SIGINT)
SIGNALS: Final = (*ENDING, signal.SIGHUP)

HURRIED: Final = 0.4
"""Seconds that a run may still take for its store after a second signal; the rest of a second is for the ledger."""

_STANDARD: Final = (0, 1, 2)


class Signals:
    """Records signals for the main loop to act on; a third SIGTERM or SIGINT has its default effect."""

    def __init__(self) -> None:
        """Remember the current handlers; they are replaced by `__enter__`."""
        self.end: signal.Signals | None = None
        """The signal that ends the run, if one was received."""
        self.hurried = False
        """Whether a second one was received, so that the run ends without waiting for the store."""
        self._ending: float | None = None
        self._hurrying: float | None = None
        self._reload_requested = False
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        ignored = self._before[signal.SIGHUP] == signal.SIG_IGN
        self._on_terminal = [number for number in _STANDARD if os.isatty(number)]
        self._ends_with_terminal = has_terminal() and not ignored

    def __enter__(self) -> Self:
        """Install the handlers."""
        for number in ENDING:
            signal.signal(number, self._on_end)
        signal.signal(signal.SIGHUP, self._on_hangup)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore the previous handlers."""
        for number in SIGNALS:
            self._restore(number)

    def take_reload(self) -> bool:
        """Return whether a reload was requested since the last call."""
        requested, self._reload_requested = self._reload_requested, False
        return requested

    def begin_end(self) -> None:
        """Let the run end from now on, if no signal has ended it already: its duration is over."""
        if self._ending is None:
            self._ending = time.monotonic()

    def left(self, longest: float, hurried: float = HURRIED) -> float:
        """Return how many seconds of `longest` are left, which begin with the end of the run; never less than 0.

        From a second signal on, no more than `hurried` seconds are left.
        """
        now = time.monotonic()
        until = (now if self._ending is None else self._ending) + longest
        if self._hurrying is not None:
            until = min(until, self._hurrying + hurried)
        return max(until - now, 0.0)

    def _on_end(self, number: int, _frame: FrameType | None) -> None:
        if self.end is None:
            self.end = signal.Signals(number)
            self.begin_end()
            return
        self.hurried = True
        self._hurrying = time.monotonic()
        for ending in ENDING:
            self._restore(ending)

    def _on_hangup(self, number: int, _frame: FrameType | None) -> None:
        if not self._ends_with_terminal or has_terminal():
            self._reload_requested = True
            return
        self.end = self.end or signal.Signals(number)
        self.begin_end()
        self._detach_from_terminal()

    def _detach_from_terminal(self) -> None:
        """Redirect the standard streams to /dev/null: writing to a closed terminal is an error."""
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for number in self._on_terminal:
            os.dup2(null, number)
        os.close(null)

    def _restore(self, number: signal.Signals) -> None:
        signal.signal(number, self._before[number])


def has_terminal() -> bool:
    """Return whether this process has a controlling terminal, whose closing sends SIGHUP."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
