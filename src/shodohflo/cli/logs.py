"""Where the log goes: one line for each event, on standard error or above the live table.

Lines on standard error are for people, for the journal of systemd, or JSON for programs. What a packet, a store or an
exception brings along can't begin another line, nor tell a terminal anything: such characters are written as escapes.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console


LIBRARIES: Final = frozenset({"asyncio", "pyroute2", "rich", "valkey"})
"""Libraries whose records below WARNING are about their own insides."""

FORMATS: Final = ("auto", "text", "journal", "json")
"""The forms of the log; `auto` is `journal` where standard error is the journal, otherwise `text`."""

MOST_LINES: Final = 100
"""Lines of one reason that are written in a minute."""

_MINUTE: Final = 60.0

_PRIORITIES: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""The lowest level of each priority of syslog(3); what is below all of them is 7, for debugging."""


class OneLine(logging.Formatter):
    """Records as text of one line each, with that of an exception if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of printable characters."""
        return printable(super().format(record))


class JournalLine(OneLine):
    """Lines for the journal, which adds the time and takes the priority off again (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line that begins with its priority."""
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), 7)
        return f"<{priority}>{super().format(record)}"


class JsonLine(logging.Formatter):
    """Records as one JSON object each: `time`, `level`, `part`, `message`, and `exception` if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of ASCII."""
        event = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "part": record.name.removeprefix("shodohflo."),
            "message": record.getMessage(),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event)


class FloodLimit(logging.Filter):
    """Lets so many records of one reason through in a minute, and says with the next one how many were left out.

    The reason of a record is the place in the code that logs it. Most places that could repeat themselves have limits
    of their own; this one is for what happens outside: interfaces that come and go, an operator's own action that logs.
    """

    def __init__(self, most: int = MOST_LINES) -> None:
        """Let `most` records of each place through in a minute."""
        super().__init__()
        self._most = most
        self._minutes: dict[tuple[str, int], tuple[float, int]] = {}
        """For each place when its minute began, in seconds since 1970, and how many records it has had."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write `record`."""
        place = (record.pathname, record.lineno)
        began, count = self._minutes.get(place, (record.created, 0))
        if not 0 <= record.created - began < _MINUTE:  # the clock may have been set back
            if count > self._most:
                record.msg = f"{record.getMessage()} ({count - self._most:,} like this were left out)"
                record.args = None
            began, count = record.created, 0
        self._minutes[place] = began, count + 1
        return count < self._most


def printable(text: str) -> str:
    r"""Return `text` with an escape for each character that is not printed, such as `\n` or `\x1b`."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def is_about_the_run(record: logging.LogRecord) -> bool:
    """Return whether a record is for the operator, who may have asked for all of ours with LOG_LEVEL."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] not in LIBRARIES


def begin_log(level: str, form: str = "auto", console: Console | None = None) -> None:
    """Log records of `level` and above, in one of `FORMATS` to standard error, or above the live table on `console`."""
    handler: logging.Handler = logging.StreamHandler()
    if console is not None:
        from rich.logging import RichHandler  # noqa: PLC0415 - a live table has imported rich already

        handler = RichHandler(console=console, show_path=False, log_time_format="%X")
        handler.setFormatter(OneLine("%(message)s"))
    else:
        handler.setFormatter(_formatter(form))
    handler.addFilter(is_about_the_run)
    handler.addFilter(FloodLimit())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _formatter(form: str) -> logging.Formatter:
    if form == "json":
        return JsonLine()
    if form == "journal" or (form == "auto" and _is_journal()):
        return JournalLine("%(message)s")
    return OneLine("%(asctime)s %(levelname)s %(message)s")


def _is_journal() -> bool:
    """Return whether standard error is the stream of the journal that systemd.exec(5) names in `JOURNAL_STREAM`.

    A program that the service starts inherits the variable, but may have another standard error.
    """
    try:
        there = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # it is closed, or no file
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"
