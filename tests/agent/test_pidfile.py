"""The PID file: a running agent is found by its name, and one that has ended or was killed is not."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shodohflo.agent.pidfile import SYSTEM_DIRECTORY, AgentFiles, PidFile, ReloadStatus, find, run_directory, running
from shodohflo.errors import ConfigurationError, ShodohfloError
from support.serving import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_AGENT = """
import sys
from pathlib import Path
from shodohflo.agent.pidfile import AgentFiles, PidFile, ReloadStatus

with PidFile(AgentFiles(Path(sys.argv[1]), sys.argv[2])) as pid_file:
    pid_file.write_status(ReloadStatus(begun=3, answered=2))
    print("running", flush=True)
    sys.stdin.read()
"""


@contextmanager
def an_agent(directory: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the PID file of `name` until its standard input ends."""
    arguments = [sys.executable, "-c", _AGENT, str(directory), name]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == "running\n"
        try:
            yield agent
        finally:
            agent.kill()


@pytest.mark.parametrize(
    ("environment", "user", "expected"),
    [
        ({}, 0, "/run/shodohflo"),
        ({"XDG_RUNTIME_DIR": "/run/user/0"}, 0, "/run/shodohflo"),
        ({"XDG_RUNTIME_DIR": "/run/user/1000", "HOME": "/h"}, 1000, "/run/user/1000/shodohflo"),
        ({"XDG_RUNTIME_DIR": "", "HOME": "/h"}, 1000, "/h/.local/state/shodohflo"),
        ({"XDG_RUNTIME_DIR": "relative", "HOME": "/h"}, 1000, "/h/.local/state/shodohflo"),
        ({"SHODOHFLO_STATE_DIR": "/s", "XDG_RUNTIME_DIR": "/run/user/1000"}, 1000, "/s"),
        ({"SHODOHFLO_STATE_DIR": "/s"}, 0, "/s"),
        ({"SHODOHFLO_RUN_DIR": "/r", "SHODOHFLO_STATE_DIR": "/s"}, 0, "/r"),
    ],
)
def test_each_user_has_a_run_directory(environment: Mapping[str, str], user: int, expected: str) -> None:
    """The run directory depends on the user; SHODOHFLO_RUN_DIR overrides it, then SHODOHFLO_STATE_DIR."""
    assert run_directory(environment, user) == Path(expected)


def test_an_agent_is_there_as_long_as_it_runs(tmp_path: Path) -> None:
    """The PID file and the reload status exist exactly while the agent runs."""
    files = AgentFiles(tmp_path / "run", "bert")
    before = files.holder()

    with an_agent(files.directory, "bert") as agent:
        during, written = files.holder(), files.pid_file.read_text()
        account = files.reload_status()
        agent.communicate()

    assert (before, during, written) == (0, agent.pid, f"{agent.pid}\n")
    assert account == ReloadStatus(begun=3, answered=2)
    assert files.holder() == 0
    assert list(files.directory.iterdir()) == []


def test_a_file_that_a_killed_agent_left_behind_is_no_agent(tmp_path: Path) -> None:
    """A stale PID file is not an agent, even if its id is in use again; the next agent reuses the file."""
    files = AgentFiles(tmp_path, "bert")
    with an_agent(tmp_path, "bert") as agent:
        agent.send_signal(signal.SIGKILL)
        agent.wait(PATIENCE)
    left_behind = files.pid_file.exists() and files.reload_file.exists()
    files.pid_file.write_text(f"{os.getpid()}\n")

    found = files.holder(), running(tmp_path)
    with an_agent(tmp_path, "bert") as again:
        assert files.holder() == again.pid

    assert left_behind
    assert found == (0, [])


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    """A second agent of the same name is refused with the id of the first, which keeps its files."""
    files = AgentFiles(tmp_path, "bert")

    with an_agent(tmp_path, "bert") as agent:
        message = (
            f"an agent called bert is already running, as process {agent.pid}: end it, or give this one another --name"
        )
        with pytest.raises(ConfigurationError, match=re.escape(message)), PidFile(files):
            pass

        assert files.holder() == agent.pid
        assert files.reload_status() == ReloadStatus(begun=3, answered=2)


@pytest.mark.parametrize("name", ["inside", "..", "a/b", "straße", "50%", "x.pid", " "])
def test_any_name_has_a_file_of_its_own(tmp_path: Path, name: str) -> None:
    """Any name is encoded as a file in the run directory and decoded again."""
    with an_agent(tmp_path, "bert"), an_agent(tmp_path, name) as agent:
        found = {files.name: files.holder() for files in running(tmp_path)}

        assert found.keys() == {"bert", name}
        assert found[name] == agent.pid


def test_a_directory_that_cannot_be_made_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An agent without a usable run directory runs anyway, with a warning."""
    (tmp_path / "file").write_text("")

    with PidFile(AgentFiles(tmp_path / "file" / "run", "bert")) as pid_file:
        pid_file.write_status(ReloadStatus())

    assert "SHODOHFLO_RUN_DIR names another directory" in caplog.text


def test_an_account_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    """A new status replaces the old one completely; there is none before the first."""
    files = AgentFiles(tmp_path, "bert")
    with PidFile(files) as pid_file:
        none = files.reload_status()
        pid_file.write_status(ReloadStatus(1, 1, "no such file", "defaults"))
        told = files.reload_status()
        pid_file.write_status(ReloadStatus(2, 2))
        kept = json.loads(files.reload_file.read_text())

    assert (none, told) == (None, ReloadStatus(1, 1, "no such file", "defaults"))
    assert kept == {"begun": 2, "answered": 2, "error": "", "configuration": ""}


def test_the_only_agent_needs_no_name(tmp_path: Path) -> None:
    """A single agent is found without a name; of several one must be named, and the error lists them."""
    environment = {"SHODOHFLO_RUN_DIR": str(tmp_path)}

    with an_agent(tmp_path, "outside"):
        only = find(None, environment, 1000)
        with an_agent(tmp_path, "inside"):
            named = find("inside", environment, 1000)
            with pytest.raises(
                ShodohfloError, match="several agents are running: inside, outside; choose one with --name"
            ):
                find(None, environment, 1000)

    assert (only.name, named.name) == ("outside", "inside")


def test_no_agent_is_said_in_one_line(tmp_path: Path) -> None:
    """The error for a missing agent names the searched directories and SHODOHFLO_RUN_DIR."""
    looked = f"looked in {tmp_path}/none and {SYSTEM_DIRECTORY}"

    with pytest.raises(
        ShodohfloError, match=f"no agent called bert is running here .{looked}.; SHODOHFLO_RUN_DIR"
    ) as raised:
        find("bert", {"SHODOHFLO_RUN_DIR": f"{tmp_path}/none"}, 1000)

    assert raised.value.exit_code == 1
