"""Where the log goes: lines on standard error, or above the live table."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console


LIBRARIES: Final = frozenset({"asyncio", "pyroute2", "rich", "valkey"})
"""Libraries whose records below WARNING are about their own insides."""


def is_about_the_run(record: logging.LogRecord) -> bool:
    """Return whether a record is for the operator, who may have asked for all of ours with LOG_LEVEL."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] not in LIBRARIES


def begin_log(level: str, console: Console | None = None) -> None:
    """Log records of `level` and above, to standard error or above the live table on `console`."""
    handler: logging.Handler = logging.StreamHandler()
    shape = "%(asctime)s %(levelname)s %(message)s"
    if console is not None:
        from rich.logging import RichHandler  # noqa: PLC0415 - a live table has imported rich already

        handler, shape = RichHandler(console=console, show_path=False, log_time_format="%X"), "%(message)s"
    elif "JOURNAL_STREAM" in os.environ:  # the journal adds the time
        shape = "%(levelname)s %(message)s"
    handler.setFormatter(logging.Formatter(shape))
    handler.addFilter(is_about_the_run)
    logging.basicConfig(level=level, handlers=[handler], force=True)
