"""Show the progress of a replay on a terminal, if the replay takes long enough."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

PATIENCE: Final = 0.5
"""Seconds before a bar appears: shorter work does not need one, and should not wait for the import of rich."""


class Bar(Protocol):
    """A progress bar whose total is already set."""

    def advance_to(self, done: int) -> None:
        """Show that `done` bytes have been read."""


class Progress:
    """The number of bytes read, shown on standard error if that is a terminal."""

    def __init__(self, total: int) -> None:
        """Prepare to show progress towards `total` bytes, or 0 if the total is unknown; nothing is shown yet."""
        self._total = total
        self._appears = time.monotonic() + PATIENCE if sys.stderr.isatty() else float("inf")
        self._shown = ExitStack()
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        """Return the progress to report to."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove the bar from the terminal, if it was shown."""
        self._shown.close()

    def advance_to(self, done: int) -> None:
        """Report that `done` bytes have been read, which shows the bar if it is due."""
        if self._bar is None and time.monotonic() > self._appears:
            from shodohflo.offline.bar import RichBar  # noqa: PLC0415 - most replays end before rich is imported

            self._bar = self._shown.enter_context(RichBar(self._total))
        if self._bar is not None:
            self._bar.advance_to(done)
