"""How long a configuration may take to execute: code that never ends must not keep a command, or a reload, for ever."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Never

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

LIMIT: Final = 10.0
"""Seconds: enough to look up some names or to read a long list, short enough to wait for."""

_AGAIN: Final = 0.1
"""Seconds until the next interruption of code that has caught the first."""

_MOST: Final = 20
"""Interruptions, after which code that catches them all ends the process."""

_WRONG: Final = 2
"""The exit status for a configuration that cannot be used."""


class TimeIsUp(BaseException):
    """Raised inside a configuration; not an `Exception`, because a configuration may catch those."""


@contextmanager
def time_limit(seconds: float) -> Iterator[bool]:
    """Raise `TimeIsUp` if the context takes longer, and yield True; in other threads than the main one, yield False.

    Waiting system calls end as well. Nothing interrupts a long step in a library's own machine code. Code that catches
    `TimeIsUp` again and again ends the process, with one line on standard error.
    """
    rings = 0

    def time_is_up(_number: int, frame: FrameType | None) -> Never:
        nonlocal rings
        rings += 1
        if rings > _MOST:
            where = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "a configuration"
            os.write(2, f"{where}: it did not end within {seconds:g} seconds, and ignores interruptions\n".encode())
            os._exit(_WRONG)
        raise TimeIsUp

    try:
        before = signal.signal(signal.SIGALRM, time_is_up)
    except ValueError:  # not the main thread
        yield False
        return
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def interrupt(thread: int) -> None:
    """Raise `TimeIsUp` in a thread at its next step in Python; a system call that waits goes on.

    `thread` is the `ident` of a thread that is alive: the number of one that has ended may be in use again.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(TimeIsUp))
