"""A bar is shown to whoever waits at a terminal, and to nobody else."""

from __future__ import annotations

import io
import sys

import pytest

from shodohflo.offline import progress
from shodohflo.offline.progress import Progress


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
