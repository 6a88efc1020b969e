"""Code that takes too long is interrupted, in the main thread by a timer and elsewhere on request."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from threading import Event, Thread

import pytest

from shodohflo.config.limits import TimeIsUp, interrupt, time_limit
from support.serving import PATIENCE


@pytest.mark.parametrize("work", [lambda: all(iter(lambda: True, False)), lambda: Event().wait(PATIENCE)])
def test_the_main_thread_is_interrupted(work: object) -> None:
    """A loop and a waiting call end with `TimeIsUp`, which is no `Exception`."""
    assert callable(work)
    began = time.monotonic()

    with pytest.raises(TimeIsUp), time_limit(0.1):
        work()

    assert 0.1 <= time.monotonic() - began < PATIENCE
    assert not issubclass(TimeIsUp, Exception)


def test_code_that_catches_it_is_interrupted_again() -> None:
    """The interruption is repeated, because the code may have caught the first one."""
    caught: list[TimeIsUp] = []

    def stubborn() -> None:
        while True:
            try:
                Event().wait(PATIENCE)
            except TimeIsUp as late:
                caught.append(late)
                if len(caught) == 3:
                    raise

    with pytest.raises(TimeIsUp), time_limit(0.05):
        stubborn()

    assert len(caught) == 3


STUBBORN = """
from shodohflo.config.limits import time_limit

def stubborn(depth):
    while True:
        try:
            while depth == 0: pass
            stubborn(depth - 1)
        except BaseException: pass

with time_limit(0.1):
    stubborn(30)
"""


def test_code_that_catches_every_interruption_ends_the_process() -> None:
    """Code that cannot be interrupted ends the process with status 2 and one line that says where it was."""
    done = subprocess.run(
        [sys.executable, "-c", STUBBORN], capture_output=True, text=True, check=False, timeout=PATIENCE
    )

    assert done.returncode == 2
    assert re.fullmatch(r"<string>:\d+: it did not end within 0.1 seconds, and ignores interruptions\n", done.stderr)


def test_nothing_is_left_behind() -> None:
    """After the context, the timer is off and the handler is the one of before."""
    before = signal.getsignal(signal.SIGALRM)

    with time_limit(PATIENCE):
        during = signal.getitimer(signal.ITIMER_REAL)

    assert during[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == before


def test_another_thread_has_no_limit_and_is_interrupted_on_request() -> None:
    """In another thread nothing is limited, because signals reach the main thread only; `interrupt` ends a loop."""
    running, ended = Event(), Event()

    def loop() -> None:
        try:
            with time_limit(0.0001):
                while True:
                    running.set()
        except TimeIsUp:
            ended.set()

    thread = Thread(target=loop, daemon=True)
    thread.start()
    assert running.wait(PATIENCE)
    assert threading.current_thread() is threading.main_thread()

    interrupt(thread.ident or 0)
    thread.join(PATIENCE)

    assert ended.is_set()
