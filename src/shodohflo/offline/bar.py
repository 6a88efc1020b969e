"""The progress bar itself, apart from the decision to show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

if TYPE_CHECKING:
    from types import TracebackType


class RichBar:
    """Bytes of `total`, or a pulse if that is 0."""

    def __init__(self, total: int) -> None:
        """Prepare the bar."""
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("read", total=total or None)

    def __enter__(self) -> Self:
        """Show it."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take it away."""
        self._progress.stop()

    def advance_to(self, done: int) -> None:
        """Show that `done` bytes have been read."""
        self._progress.update(self._task, completed=done)
