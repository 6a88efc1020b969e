"""The PID file: a running agent is found by its name, and one that has ended or was killed is not."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shodohflo.agent.pidfile import SYSTEM_DIRECTORY, AgentFiles, PidFile, ReloadStatus, find, run_directory, running
from shodohflo.errors import ConfigurationError, ShodohfloError
from support.machine import require
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


def test_no_file_is_written_through_a_link(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Links in place of the PID file and the status are not followed; the agent runs, with a warning."""
    (tmp_path / "precious").write_text("precious")
    for name in ("bert.pid", "ernie.new"):
        (tmp_path / name).symlink_to("precious")

    with PidFile(AgentFiles(tmp_path, "bert")):
        pass
    with PidFile(AgentFiles(tmp_path, "ernie")) as pid_file:
        pid_file.write_status(ReloadStatus())

    assert (tmp_path / "precious").read_text() == "precious"
    assert "bert.pid: Too many levels of symbolic links: shodohflo reload will not find this agent" in caplog.text
    assert "ernie.new: Too many levels of symbolic links: shodohflo reload will time out" in caplog.text


def test_root_writes_to_no_directory_of_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Root's agent runs without a PID file where others may write, with a warning."""
    require(root=True)
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)

    with PidFile(AgentFiles(shared, "bert")):
        held = list(shared.iterdir())

    assert held == []
    assert "shared may be written by others: shodohflo reload will not find this agent" in caplog.text


def test_files_and_folders_have_their_modes_whatever_the_umask(tmp_path: Path) -> None:
    """Only the agent's user can lock the PID file; only that user can write the status and the folders."""
    files = AgentFiles(tmp_path / "a" / "run", "bert")
    before = os.umask(0)
    with PidFile(files) as pid_file:
        pid_file.write_status(ReloadStatus())
        made = (files.directory.parent, files.directory, files.pid_file, files.reload_file)
        modes = [stat.S_IMODE(path.stat().st_mode) for path in made]
    os.umask(before)

    assert modes == [0o755, 0o750, 0o600, 0o644]


@contextmanager
def locked_by(path: Path, kind: int, command: int) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds a lock on `path`, of the given kind, and by the given command of fcntl(2)."""
    program = (
        "import fcntl, os, struct, sys\n"
        f"file = os.open({str(path)!r}, os.O_RDWR)\n"
        f"fcntl.fcntl(file, {command}, struct.pack('hhqqi4x', {kind}, 0, 0, 0, 0))\n"
        "print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.communicate("")


OFD_SETLK = 37
"""F_OFD_SETLK of linux/fcntl.h: a lock of the open file description, whose process is -1."""


@pytest.mark.parametrize(
    ("kind", "command", "owner"),
    [(fcntl.F_WRLCK, OFD_SETLK, 0), (fcntl.F_RDLCK, fcntl.F_SETLK, 0), (fcntl.F_WRLCK, fcntl.F_SETLK, 65534)],
)
def test_not_every_lock_is_an_agent(tmp_path: Path, kind: int, command: int, owner: int) -> None:
    """No lock without a process, no lock for reading and no process of another user is taken for an agent.

    The process of a lock without one is -1, and a signal to -1 would reach every process of the machine.
    """
    require(root=True)
    files = AgentFiles(tmp_path, "bert")
    files.pid_file.write_text("1\n")
    os.chown(files.pid_file, owner, -1)

    with locked_by(files.pid_file, kind, command):
        assert files.holder() == 0
        assert running(tmp_path) == []


def test_the_lock_of_a_daemon_behind_a_link_is_no_agent(tmp_path: Path) -> None:
    """A link to the locked PID file of another program is no agent, so that program gets no signal."""
    (tmp_path / "daemon").write_text("")
    files = AgentFiles(tmp_path, "bert")
    files.pid_file.symlink_to("daemon")

    with locked_by(tmp_path / "daemon", fcntl.F_WRLCK, fcntl.F_SETLK):
        assert files.holder() == 0


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "\x00", '{"begun": "1", "answered": 1, "error": "", "configuration": ""}', "[" * 70_000]
)
def test_a_status_of_another_form_is_an_error_of_one_line(tmp_path: Path, text: str) -> None:
    """A damaged or foreign status is an error that names its file."""
    files = AgentFiles(tmp_path, "bert")
    files.reload_file.write_text(text)

    with pytest.raises(ShodohfloError, match=r"bert.reloads: not the status of an agent: .+"):
        files.reload_status()


def test_a_status_cannot_control_a_terminal(tmp_path: Path) -> None:
    """Control characters in a status are escaped, and a name with such characters is no agent."""
    files = AgentFiles(tmp_path, "bert")
    files.reload_file.write_text(json.dumps(asdict(ReloadStatus(1, 1, "\x1b]0;x\x07", "\x1b[2J"))))

    told = files.reload_status()

    assert told == ReloadStatus(1, 1, "\\x1b]0;x\\x07", "\\x1b[2J")
    with an_agent(tmp_path, "\x1b[2J"):
        assert running(tmp_path) == []
