"""How long a configuration may take to execute: code that never ends must not keep a command, or a reload, for ever."""

from __future__ import annotations

import ctypes
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


class TimeIsUp(BaseException):
    """Raised inside a configuration; not an `Exception`, because a configuration may catch those."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeIsUp` in the main thread if the context takes longer; in other threads there is no limit.

    Waiting system calls end as well. Nothing interrupts a long step in a library's own machine code.
    """
    try:
        before = signal.signal(signal.SIGALRM, _time_is_up)
    except ValueError:  # not the main thread
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def interrupt(thread: int) -> None:
    """Raise `TimeIsUp` in a thread at its next step in Python; a system call that waits goes on.

    `thread` is the `ident` of a thread that is alive: the number of one that has ended may be in use again.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(TimeIsUp))


def _time_is_up(_number: int, _frame: FrameType | None) -> Never:
    raise TimeIsUp
