"""The log: lines on standard error, or above the live table."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from shodohflo.cli.logs import FORMATS, MOST_LINES, FloodLimit, begin_log

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


def test_lines_go_to_standard_error_with_time_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    """Records below the chosen level are left out; the others have time and level."""
    begin_log("WARNING")

    logging.getLogger("shodohflo").info("quiet")
    logging.getLogger("shodohflo").warning("loud")

    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(" WARNING loud")
    assert line[:2] == "20"


def said(form: str, message: str, *arguments: object, level: int = logging.INFO) -> str:
    """Return what a process whose log has the form `form` writes for a record; its standard error is a file."""
    program = (
        "import sys, logging; from shodohflo.cli.logs import begin_log; begin_log('DEBUG', sys.argv[1]);"
        "logging.getLogger('shodohflo.store').log(int(sys.argv[2]), sys.argv[3], *sys.argv[4:])"
    )
    words = [sys.executable, "-c", program, form, str(level), message, *map(str, arguments)]
    with tempfile.TemporaryFile() as log:
        there = os.fstat(log.fileno())
        stream = {"JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino}"}
        subprocess.run(words, stderr=log, env=os.environ | stream, check=True)
        log.seek(0)
        return log.read().decode()


@pytest.mark.parametrize(
    ("level", "line"),
    [
        (logging.DEBUG, "<7>said"),
        (logging.INFO, "<6>said"),
        (logging.WARNING, "<4>said"),
        (logging.ERROR, "<3>said"),
        (logging.CRITICAL, "<2>said"),
    ],
)
def test_lines_for_the_journal_have_a_priority_and_no_time(level: int, line: str) -> None:
    """Where standard error is the journal, each line begins with its priority, and the journal adds the time."""
    assert said("auto", "said", level=level) == f"{line}\n"


def test_a_journal_that_is_elsewhere_is_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program whose standard error is not the service's writes for people, though it inherits the variable."""
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    begin_log("INFO")

    logging.getLogger("shodohflo").info("said")

    assert capsys.readouterr().err.endswith(" INFO said\n")
    assert said("text", "said").endswith(" INFO said\n")


def test_an_event_is_one_json_object() -> None:
    """Time with zone, level, part and message are fields of their own."""
    event = json.loads(said("json", "%s packets", 5, level=logging.WARNING))

    assert datetime.fromisoformat(event.pop("time")).tzinfo == UTC
    assert event == {"level": "WARNING", "part": "store", "message": "5 packets"}


@pytest.mark.parametrize("form", FORMATS)
def test_an_event_is_one_line_whatever_it_says(form: str) -> None:
    """No line break, escape sequence or separator of lines that Unicode knows gets through."""
    hostile = "a\nb\r\x1b[2J\x85\u2028<0>\x7f"
    text = said(form, "%s", hostile)

    assert text.endswith("\n")
    assert text[:-1].isprintable()
    if form == "json":
        assert json.loads(text)["message"] == hostile
    else:
        assert r"a\nb\r\x1b[2J\x85\u2028<0>\x7f" in text


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_stays_on_the_line(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback is part of its event."""
    begin_log("INFO", form)

    try:
        int("odd")
    except ValueError:
        logging.getLogger("shodohflo").exception("failed")

    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)["exception"] if form == "json" else line
    assert "ValueError: invalid literal" in told


def test_beside_a_live_table_lines_go_through_its_console() -> None:
    """Lines go through the console of the live table, with their text unchanged."""
    stream = io.StringIO()
    begin_log("INFO", console=Console(file=stream, width=80))

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


def test_a_flood_of_one_reason_is_cut_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Other reasons are written meanwhile, and the first line of the next minute says how many were left out."""
    begin_log("INFO")
    log = logging.getLogger("shodohflo")

    for number in range(MOST_LINES + 50):
        log.info("flapped %d times", number)
    log.info("something else")

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == MOST_LINES + 1
    assert lines[-1].endswith("something else")


@pytest.mark.parametrize("later", [60.5, -5.0])
def test_the_next_minute_says_what_was_left_out(later: float) -> None:
    """Also when the clock was set back, which must not silence a reason for long."""
    limit = FloodLimit(2)

    def record(seconds: float) -> logging.LogRecord:
        made = logging.LogRecord("shodohflo", logging.INFO, "here.py", 1, "flapped %s", ("twice",), None)
        made.created = 1_700_000_000.0 + seconds
        return made

    first = [limit.filter(record(moment)) for moment in (0, 1, 2, 3, 4)]
    after = record(later)

    assert first == [True, True, False, False, False]
    assert limit.filter(after)
    assert after.getMessage() == "flapped twice (3 like this were left out)"
    assert limit.filter(record(later + 0.1))
    assert not limit.filter(record(later + 0.2))
