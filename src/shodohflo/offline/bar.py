"""The progress bar; `progress` decides whether it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

if TYPE_CHECKING:
    from types import TracebackType


class RichBar:
    """A bar of bytes read of `total`, or a pulse if that is 0."""

    def __init__(self, total: int) -> None:
        """Prepare the bar without showing it."""
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("read", total=total or None)

    def __enter__(self) -> Self:
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove the bar from the terminal."""
        self._progress.stop()

    def advance_to(self, done: int) -> None:
        """Show that `done` bytes have been read."""
        self._progress.update(self._task, completed=done)
