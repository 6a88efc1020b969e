"""The log: lines on standard error, or above the live table."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from shodohflo.cli.logs import begin_log

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Restore handlers and level of the log."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_lines_go_to_standard_error_with_time_and_level(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records below the chosen level are left out; the others have time and level."""
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    begin_log("WARNING")

    logging.getLogger("shodohflo").info("quiet")
    logging.getLogger("shodohflo").warning("loud")

    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(" WARNING loud")
    assert line[:2] == "20"


def test_the_journal_knows_the_time_itself(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines for the journal have no time of their own."""
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    begin_log("INFO")

    logging.getLogger("shodohflo").info("said")

    assert capsys.readouterr().err == "INFO said\n"


def test_beside_a_live_table_lines_go_through_its_console() -> None:
    """Lines go through the console of the live table, with their text unchanged."""
    stream = io.StringIO()
    begin_log("INFO", Console(file=stream, width=80))

    logging.getLogger("shodohflo").info("said [bold]as it is[/bold]")

    assert "INFO     said [bold]as it is[/bold]" in stream.getvalue()
