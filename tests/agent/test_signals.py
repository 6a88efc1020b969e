"""Signals: the end of a run and reloads; the meaning of SIGHUP depends on the terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from shodohflo.agent.signals import ENDING, HURRIED, SIGNALS, Signals
from support.serving import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PROGRAM = """
import os, signal, sys, time
from shodohflo.agent.signals import Signals
told = os.fdopen(int(sys.argv[1]), "w", buffering=1)
with Signals() as signals:
    print("ready", file=told)
    while signals.end is None:
        time.sleep(0.01)
        if signals.take_reload():
            print("reread", file=told)
    print("last words", flush=True)
    print("end", signals.end.name, file=told)
"""


_ON_ITS_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@contextmanager
def on_a_terminal(place: Path, *before: str) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """Run `_PROGRAM` as a session leader on a terminal; yield the process, its output pipe and the terminal."""
    (tells, told), (terminal, inside) = os.pipe(), pty.openpty()
    command = [sys.executable, "-c", _ON_ITS_TERMINAL, *before, sys.executable, "-c", _PROGRAM, str(told)]
    with subprocess.Popen(
        command, stdin=inside, stdout=inside, stderr=inside, pass_fds=[told], start_new_session=True, cwd=place
    ) as process:
        os.close(told)
        os.close(inside)
        try:
            yield process, tells, terminal
        finally:
            os.close(tells)
            process.kill()


def heard(tells: int) -> str:
    """Wait for the next line of output and return it."""
    line = b""
    while not line.endswith(b"\n"):
        assert select.select([tells], [], [], PATIENCE)[0], "nothing was told"
        line += os.read(tells, 1) or b"nothing more\n"
    return line.decode().strip()


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_to_end_is_noted(number: signal.Signals) -> None:
    """SIGTERM and SIGINT are recorded in `end`."""
    with Signals() as signals:
        before = signals.end
        signal.raise_signal(number)

        assert (before, signals.end) == (None, number)


@pytest.mark.parametrize("number", ENDING)
def test_a_second_signal_is_in_a_hurry(number: signal.Signals) -> None:
    """A second SIGTERM or SIGINT asks not to wait for the store; the first one remains the reason."""
    with Signals() as signals:
        signal.raise_signal(signal.SIGTERM)
        before = signals.hurried
        signal.raise_signal(number)

        assert (before, signals.hurried, signals.end) == (False, True, signal.SIGTERM)


def test_the_time_that_is_left_begins_with_the_signal() -> None:
    """Before the end all of it is left; a second signal leaves no more than `HURRIED` seconds, and none is less."""
    with Signals() as signals:
        before = signals.left(3.0)
        signal.raise_signal(signal.SIGTERM)
        first = signals.left(3.0)
        signal.raise_signal(signal.SIGTERM)

        assert before == 3.0
        assert 2.0 < first < 3.0
        assert 0.0 <= signals.left(3.0) <= HURRIED
        assert signals.left(3.0, hurried=0.0) == 0.0
        assert signals.left(0.0) == 0.0


def test_the_end_of_the_duration_begins_it_too() -> None:
    """A signal after that does not begin it again."""
    with Signals() as signals:
        signals.begin_end()
        first = signals.left(3.0)
        signal.raise_signal(signal.SIGTERM)

        assert signals.left(3.0) < first < 3.0
        assert not signals.hurried


def test_a_third_interrupt_interrupts() -> None:
    """A third SIGINT has its default effect, in case something hangs."""
    with Signals():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_afterwards_the_signals_are_as_they_were() -> None:
    """Leaving the context restores the previous handlers."""
    before = [signal.getsignal(number) for number in SIGNALS]

    with Signals():
        during = [signal.getsignal(number) for number in SIGNALS]

    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert not set(during) & set(before)


def test_a_hangup_asks_for_a_reload_and_is_told_once() -> None:
    """Any number of SIGHUPs since the last call is one request for a reload."""
    with Signals() as signals:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)

        assert (signals.take_reload(), signals.take_reload(), signals.end) == (True, False, None)


def test_on_a_terminal_a_hangup_is_a_reload_until_the_terminal_closes(tmp_path: Path) -> None:
    """SIGHUP means reload while the terminal is open; closing the terminal ends the run without an error on output."""
    with on_a_terminal(tmp_path) as (process, tells, terminal):
        ready = heard(tells)
        process.send_signal(signal.SIGHUP)
        first = heard(tells)
        os.close(terminal)

        assert (ready, first, heard(tells)) == ("ready", "reread", "end SIGHUP")
        assert process.wait(PATIENCE) == 0


def test_what_nohup_started_outlives_its_terminal(tmp_path: Path) -> None:
    """A process started by nohup outlives its terminal, and SIGHUP still means reload."""
    with on_a_terminal(tmp_path, "nohup") as (process, tells, terminal):
        ready = heard(tells)
        os.close(terminal)
        closed = heard(tells)
        process.send_signal(signal.SIGHUP)

        assert (ready, closed, heard(tells)) == ("ready", "reread", "reread")


def test_a_process_without_a_terminal_knows_it() -> None:
    """A session leader without a terminal has none."""
    asked = "from shodohflo.agent.signals import has_terminal; print(has_terminal())"

    done = subprocess.run([sys.executable, "-c", asked], start_new_session=True, capture_output=True, check=True)

    assert done.stdout == b"False\n"
