"""A reload is requested from a running process, and its answer is awaited."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from shodohflo.agent.pidfile import AgentFiles
from shodohflo.agent.reload_request import request_reload
from shodohflo.errors import ShodohfloError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Started = Callable[[str], AgentFiles]

AGENT = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # before a library starts threads, which inherit the mask
from pathlib import Path
from shodohflo.agent.pidfile import AgentFiles, PidFile, ReloadStatus

with PidFile(AgentFiles(Path(sys.argv[1]), "bert")) as pid_file:
    pid_file.write_status(ReloadStatus(3, 3, "", "old"))
    print("running", flush=True)
    signal.sigwait({signal.SIGHUP})
    ANSWER
    sys.stdin.read()
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """Return a function that starts a process and gives it the code to run on SIGHUP."""
    running: list[subprocess.Popen[str]] = []

    def start(answer: str) -> AgentFiles:
        command = [sys.executable, "-c", AGENT.replace("ANSWER", answer), str(tmp_path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        return AgentFiles(tmp_path, "bert")

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_the_status_of_the_next_reload_is_returned(started: Started) -> None:
    """The answer is that of the reload that the signal caused."""
    files = started('pid_file.write_status(ReloadStatus(4, 4, "", "new"))')

    assert request_reload(files, timeout=30).configuration == "new"


def test_a_refused_reload_is_an_answer_too(started: Started) -> None:
    """The reason of a refusal is returned, not raised."""
    files = started('pid_file.write_status(ReloadStatus(4, 4, "line 3: wrong", "old"))')

    assert request_reload(files, timeout=30).error == "line 3: wrong"


def test_an_agent_that_does_not_answer_is_named_at_the_timeout(started: Started) -> None:
    """A reload that has begun and does not end is reported when the time is up."""
    files = started('pid_file.write_status(ReloadStatus(4, 3, "", "old"))')

    with pytest.raises(ShodohfloError, match=r"bert has not answered within 0\.2 s"):
        request_reload(files, timeout=0.2)


def test_an_agent_that_ends_has_not_answered(started: Started) -> None:
    """The end of the agent is reported at once, without waiting for the timeout."""
    files = started("sys.exit()")

    with pytest.raises(ShodohfloError, match="bert ended before it answered"):
        request_reload(files, timeout=30)


def test_nobody_is_signalled_where_no_agent_runs(tmp_path: Path) -> None:
    """Without a running agent no signal is sent, in particular not to our own process group."""
    signalled: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _frame: signalled.append(number))
    try:
        with pytest.raises(ShodohfloError, match="ended before it answered"):
            request_reload(AgentFiles(tmp_path, "nobody"), timeout=0.2)
    finally:
        signal.signal(signal.SIGHUP, before)

    assert signalled == []
