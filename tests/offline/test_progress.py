"""A bar is shown to whoever waits at a terminal, and to nobody else."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from shodohflo.offline import progress
from shodohflo.offline.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path


class Terminal(io.StringIO):
    """Standard error as a terminal has it."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the bar at once."""
    monkeypatch.setattr(progress, "PATIENCE", -1.0)


@pytest.mark.usefixtures("impatient")
def test_a_terminal_gets_a_bar_of_the_bytes_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """With how much there is, and it is taken away at the end."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    with Progress(10_000_000) as shown:
        shown.advance_to(1_000_000)
        shown.advance_to(10_000_000)

    assert "10.0/10.0 MB" in terminal.getvalue()


@pytest.mark.usefixtures("impatient")
def test_elsewhere_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """Logs and pipes get no control sequences."""
    with Progress(10_000_000) as shown:
        shown.advance_to(1_000_000)

    assert capsys.readouterr().err == ""


def test_short_work_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second needs no bar."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    with Progress(100) as shown:
        shown.advance_to(100)

    assert terminal.getvalue() == ""


def test_a_replay_on_a_terminal_keeps_data_and_bar_apart(demo: Path) -> None:
    """The bar is on standard error, where the ledger follows it; standard output has the keys alone."""
    terminal, inside = pty.openpty()
    command = [sys.executable, "-c", "from shodohflo.cli import progress; progress.PATIENCE = -1.0\n"]
    command[-1] += (
        "from shodohflo.cli import main; import sys; sys.argv[1:] = ['replay', '--keys', sys.argv[1]]; main()"
    )

    with subprocess.Popen([*command, str(demo)], stdout=subprocess.PIPE, stderr=inside, text=True) as replaying:
        os.close(inside)
        shown = b""
        try:
            while chunk := os.read(terminal, 65536):
                shown += chunk
        except OSError:  # what Linux says when the other side has closed
            pass
        assert replaying.stdout is not None
        keys = replaying.stdout.read()
    os.close(terminal)

    assert all(line.split("\t")[1].isdecimal() for line in keys.splitlines())
    assert b"kB" in shown
    assert b"packets received" in shown
