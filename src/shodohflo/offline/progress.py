"""A progress bar for replays that take long enough to be waited for; none where nobody would see it."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

PATIENCE: Final = 0.5
"""Seconds before a bar appears: shorter work needs none, and need not wait for the bar's own import."""


class Bar(Protocol):
    """What is done so far, of the total that was told at the start."""

    def advance_to(self, done: int) -> None:
        """Show it."""


class Progress:
    """Bytes read of `total`, shown on standard error if that is a terminal; 0 if the total is not known."""

    def __init__(self, total: int) -> None:
        """Show nothing yet."""
        self._total = total
        self._appears = time.monotonic() + PATIENCE if sys.stderr.isatty() else float("inf")
        self._shown = ExitStack()
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._shown.close()

    def advance_to(self, done: int) -> None:
        """Note that `done` bytes have been read."""
        if self._bar is None and time.monotonic() > self._appears:
            from shodohflo.offline.bar import RichBar  # noqa: PLC0415 - most replays end before rich is imported

            self._bar = self._shown.enter_context(RichBar(self._total))
        if self._bar is not None:
            self._bar.advance_to(done)
