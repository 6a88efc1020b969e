"""How the program ends: one line and a status for wrong use, for errors that the user can fix, and for bugs."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from shodohflo.cli.run import Agent
from shodohflo.errors import CaptureError, ConfigurationError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Command, Process


def ends_with(error: BaseException) -> tuple[int, str]:
    """Return exit status and standard error of a program whose command raises `error`."""

    @click.command(cls=Agent)
    def command() -> None:
        raise error

    result = CliRunner().invoke(command, [], prog_name="prog")
    return result.exit_code, result.stderr


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ConfigurationError("c.py:3: no"), 2, "prog: c.py:3: no\n"),
        (CaptureError("no interface"), 1, "prog: no interface\n"),
        (CaptureError("two\n lines"), 1, "prog: two lines\n"),
        (FileNotFoundError(2, "No such file or directory", "x"), 1, "prog: x: No such file or directory\n"),
        (click.UsageError("Wrong."), 2, "prog: Wrong (see prog --help)\n"),
        (click.ClickException("Oh."), 1, "prog: Oh.\n"),
    ],
)
def test_an_error_is_one_line_with_its_status(error: Exception, status: int, said: str) -> None:
    """Each expected error is one line without a traceback, with its status."""
    assert ends_with(error) == (status, said)


def test_the_notes_of_an_error_are_lines_of_their_own() -> None:
    """As of several stores that all failed."""
    error = StoreError("store a: gone")
    error.add_note("store b:\n refused")

    assert ends_with(error) == (1, "prog: store a: gone\nprog: store b: refused\n")


def test_a_wrong_value_from_the_environment_names_the_variable(
    shodohflo: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong value that nobody typed is said to come from its variable; one that was typed is not."""
    monkeypatch.setenv("SHODOHFLO_OUR_NETS", "home")

    assert "'home' is not a prefix" in shodohflo("check").stderr
    assert ", from the variable SHODOHFLO_OUR_NETS (see shodohflo check --help)" in shodohflo("check").stderr
    assert "SHODOHFLO_OUR_NETS" not in shodohflo("check", "--our-nets", "house").stderr


def test_our_own_mistake_is_one_line_too() -> None:
    """An unexpected exception is one line too, which names SHODOHFLO_DEBUG."""
    status, said = ends_with(KeyError("x"))

    assert status == 1
    assert said.startswith("prog: unexpected KeyError: 'x' (SHODOHFLO_DEBUG=1 shows where")
    assert said.count("\n") == 1


def test_our_own_mistake_can_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """With SHODOHFLO_DEBUG, an unexpected exception is raised with its traceback."""
    monkeypatch.setenv("SHODOHFLO_DEBUG", "1")
    mistake = KeyError("x")

    @click.command(cls=Agent)
    def command() -> None:
        raise mistake

    assert CliRunner().invoke(command, []).exception is mistake


def test_an_interrupt_ends_with_130() -> None:
    """An interrupt ends the program with status 130 and no traceback."""
    status, said = ends_with(KeyboardInterrupt())

    assert status == 130
    assert "Traceback" not in said


@pytest.mark.parametrize("returned", [None, 0, 1])
def test_a_command_may_return_its_status(returned: int | None) -> None:
    """The value returned by a command is the exit status, and None is 0."""

    @click.command(cls=Agent)
    def command() -> int | None:
        return returned

    assert CliRunner().invoke(command, []).exit_code == (returned or 0)


def test_a_closed_pipe_ends_it_quietly(demo: Path) -> None:
    """A closed pipe or a full device causes no traceback."""
    command = f"{sys.executable} -m shodohflo replay --keys {' '.join([str(demo)] * 3)} 2>/dev/null | head -1"

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)

    assert done.stdout.count("\n") == 1
    quiet = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m shodohflo replay --json {demo} 2>&1 >/dev/full | grep -c Traceback"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert quiet.stdout.strip() == "0"


def test_an_interrupted_replay_leaves_no_traceback(tmp_path: Path) -> None:
    """Ctrl-C while waiting for standard input ends with status 130 and no traceback."""
    with (
        (tmp_path / "stderr").open("w+") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "shodohflo", "replay", "-"], stdin=subprocess.PIPE, stderr=errors
        ) as waiting,
    ):
        deadline = time.monotonic() + 20
        while "no --our-nets" not in (tmp_path / "stderr").read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        # Python loses an interrupt that arrives while it releases the import lock of a module, so send several; but one
        # that arrives while the interpreter ends kills it.
        while waiting.poll() is None and time.monotonic() < deadline:
            waiting.send_signal(2)
            with suppress(subprocess.TimeoutExpired):
                waiting.wait(timeout=3)
        status = waiting.poll()

    assert status == 130
    assert "Traceback (most recent call last):\n  File" not in (tmp_path / "stderr").read_text()


@pytest.mark.parametrize(
    "left",
    [
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n",
        "import atexit, time\natexit.register(time.sleep, 600)\n",
        "import time\nclass Late:\n    def __del__(self): time.sleep(600)\nlate = Late()\n",
    ],
    ids=["thread", "exit handler", "finalizer"],
)
def test_what_a_configuration_has_left_keeps_no_command_from_its_end(
    process: Process, tmp_path: Path, left: str
) -> None:
    """A command ends when it is done, whatever threads, exit handlers and finalizers a configuration has left."""
    path = tmp_path / "c.py"
    path.write_text(left)

    done = process("check", str(path), "--json")

    assert done.returncode == 0
    assert "UNCOVERED-PAIR" in done.stdout
