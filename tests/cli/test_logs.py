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


def test_the_insides_of_libraries_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """With LOG_LEVEL=DEBUG all of our records are logged, and of the libraries only warnings."""
    begin_log("DEBUG")

    for name in ("shodohflo.capture", "operator", "pyroute2.netlink.core", "asyncio"):
        logging.getLogger(name).debug("inside %s", name)
        logging.getLogger(name).warning("outside %s", name)

    lines = [line.partition(" ")[2].split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "DEBUG inside shodohflo.capture",
        "WARNING outside shodohflo.capture",
        "DEBUG inside operator",
        "WARNING outside operator",
        "WARNING outside pyroute2.netlink.core",
        "WARNING outside asyncio",
    ]


def test_libraries_are_no_louder_than_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    """With LOG_LEVEL=ERROR, warnings of libraries are left out too."""
    begin_log("ERROR")

    logging.getLogger("pyroute2").warning("outside")

    assert capsys.readouterr().err == ""
