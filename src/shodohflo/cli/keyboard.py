"""Single keys from a terminal, in a thread of its own; the terminal is restored however the program ends or stops.

Canonical input and echo are off while the program is in the foreground ("cbreak"; Ctrl-C and Ctrl-Z keep their
meaning). The thread looks twice a second whether that is still so: after `bg` the terminal belongs to the shell, and
reading from it or changing it would stop the program; after `fg` it is ours again.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import select
import signal
import termios
import tty
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, TracebackType

LOOK: Final = 0.5
"""Seconds between two looks at who has the terminal."""

_CHUNK: Final = 1024
_LOCAL: Final = 3
"""The index of the local modes in what `tcgetattr` returns."""

_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.)", re.ASCII)
"""What arrow and function keys send (ECMA-48 section 5.4, and SS3)."""


class Keyboard:
    """Calls `on_key` with each character that is typed on a terminal while the context is entered."""

    def __init__(
        self,
        terminal: int,
        on_key: Callable[[str], None],
        *,
        on_stop: Callable[[], None],
        on_resume: Callable[[], None],
    ) -> None:
        """Read from the file descriptor `terminal`; `on_key` is called in another thread.

        `on_stop` is called before Ctrl-Z stops the program, and `on_resume` when it goes on, in the main thread.
        """
        self._terminal = terminal
        self._on_key = on_key
        self._on_stop = on_stop
        self._on_resume = on_resume
        self._before: list[Any] | None = None
        self._thread = Thread(target=self._run, name="keyboard", daemon=True)

    def __enter__(self) -> Self:
        """Start to read."""
        self._ends, self._end = os.pipe()
        self._stop_before = signal.signal(signal.SIGTSTP, self._stop)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop to read, and restore the terminal."""
        os.close(self._end)
        self._thread.join()
        os.close(self._ends)
        signal.signal(signal.SIGTSTP, self._stop_before)
        self._restore()

    def _run(self) -> None:
        # Otherwise a race for the terminal would stop the program: reading and writing fail instead.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN, signal.SIGTTOU})
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while True:
            ours = is_in_foreground(self._terminal)
            if ours:
                self._take()
            ready, _, _ = select.select([self._ends, *([self._terminal] if ours else [])], [], [], LOOK)
            if self._ends in ready:
                return
            if self._terminal in ready:
                try:
                    received = os.read(self._terminal, _CHUNK)
                except OSError:  # the terminal has just been given to another program, or was closed
                    received = b""
                if not received and not is_in_foreground(self._terminal):
                    continue
                if not received:
                    return
                for key in keys_in(decoder.decode(received)):
                    self._on_key(key)

    def _take(self) -> None:
        """Switch canonical input and echo off, unless they are."""
        with contextlib.suppress(termios.error):
            modes = termios.tcgetattr(self._terminal)
            if modes[_LOCAL] & termios.ICANON:
                self._before = modes
                tty.setcbreak(self._terminal, termios.TCSANOW)

    def _restore(self) -> None:
        """Restore the modes, if they were changed and the terminal is still ours."""
        if self._before is not None and is_in_foreground(self._terminal):
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._terminal, termios.TCSANOW, self._before)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        """Stop as without a handler, with the terminal restored meanwhile."""
        self._restore()
        self._on_stop()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._stop)
        self._on_resume()


def is_in_foreground(terminal: int) -> bool:
    """Return whether the terminal with this file descriptor is ours at the moment, and not the shell's."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # it was closed, or does not control this process
        return False


def keys_in(text: str) -> Iterator[str]:
    """Yield the characters of `text` without the sequences that arrow and function keys send."""
    yield from _SEQUENCE.sub("", text)
