"""A progress bar is shown on a terminal if the work takes long enough, and nowhere else."""

from __future__ import annotations

import io
import sys

import pytest

from shodohflo.offline import progress
from shodohflo.offline.progress import Progress


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self) -> bool:
        """Return `True`."""
        return True


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the bar at once."""
    monkeypatch.setattr(progress, "PATIENCE", -1.0)


@pytest.mark.usefixtures("impatient")
def test_a_terminal_gets_a_bar_of_the_bytes_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, a bar shows the bytes read and the total."""
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
    """Without a terminal nothing is written, so that logs and pipes get no control sequences."""
    with Progress(10_000_000) as shown:
        shown.advance_to(1_000_000)

    assert capsys.readouterr().err == ""


def test_short_work_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that takes less than `PATIENCE` has no bar."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    with Progress(100) as shown:
        shown.advance_to(100)

    assert terminal.getvalue() == ""
