"""The progress bar, drawn on a terminal."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from shodohflo.offline.bar import RichBar

if TYPE_CHECKING:
    import pytest


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self) -> bool:
        """Return `True`."""
        return True


def _drawn(monkeypatch: pytest.MonkeyPatch, total: int, *done: int) -> str:
    """Return the output of a bar of `total` bytes."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with RichBar(total) as bar:
        for each in done:
            bar.advance_to(each)
    return terminal.getvalue()


def test_the_bar_shows_bytes_done_of_the_total(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar shows the bytes read and the total."""
    assert "2.0/2.0 MB" in _drawn(monkeypatch, 2_000_000, 1_000_000, 2_000_000)


def test_without_a_total_the_bar_shows_the_bytes_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a total, as for a pipe, the bar shows the bytes read and a question mark."""
    assert "1.0/? MB" in _drawn(monkeypatch, 0, 1_000_000)


def test_the_bar_is_erased_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of the bar is erased at the end."""
    drawn = _drawn(monkeypatch, 100, 100)

    assert drawn.rstrip("\n").endswith("\x1b[2K")
