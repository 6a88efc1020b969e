"""Standard streams that are closed, full or gone: what is printed is lost in an orderly way, and is said if it can be.

A closed stream is /dev/null. Otherwise the next file that the program opens would get its number, and receive what is
printed. Python's `sys.stdout` and `sys.stderr` are never None after `settle`.

Standard output carries results, so a failure ends the command with an error that names the stream. Standard error
carries messages, which must never keep a command from its results: a failure there is only remembered, for the status.
"""

from __future__ import annotations

import io
import os
import sys
from errno import EDQUOT, EFBIG, ENOSPC
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from typing import Any

_FULL: Final = (ENOSPC, EDQUOT, EFBIG)
"""The errors by which text is lost that somebody wanted to keep; a terminal or a pipe that is gone has no reader."""


class ResultStream(io.FileIO):
    """Standard output: its first error has the name of the stream, and what follows is discarded."""

    _failed = False

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer, as for io.FileIO
        """Write `data`; raise an `OSError` with a file name once."""
        if self._failed or not len(data):  # click writes nothing to learn what kind of stream it has
            return len(data)
        try:
            return super().write(data)
        except OSError as error:
            self._failed = True  # else the interpreter fails again when it flushes the stream at its end
            error.filename = "standard output"
            error.strerror = f"{error.strerror}: the rest of the output is lost"
            raise


class MessageStream(io.FileIO):
    """Standard error: text that cannot be written is discarded."""

    lost = False
    """Whether text was lost because a disk was full."""

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer, as for io.FileIO
        """Write `data` if possible; never raise an `OSError`."""
        try:
            return super().write(data)
        except OSError as error:
            self.lost = self.lost or error.errno in _FULL
            return len(data)


def settle() -> None:
    """Open closed standard streams on /dev/null, and make failures of the others harmless; call it once, at first."""
    for number in range(3):
        _open_if_closed(number)
    sys.stdout = _text(ResultStream(1, "w", closefd=False), sys.stdout)
    sys.stderr = _text(MessageStream(2, "w", closefd=False), sys.stderr)


def messages_were_lost() -> bool:
    """Return whether a full disk took messages, which nothing else can say any more."""
    buffer = getattr(sys.stderr, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    return isinstance(raw, MessageStream) and raw.lost


def _open_if_closed(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)
        os.set_inheritable(number, True)


def _text(raw: io.FileIO, before: TextIO | None) -> TextIO:
    """Return the text stream over `raw` that takes the place of `before`."""
    if before is None:
        return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace")
    before.flush()
    unbuffered = getattr(before, "write_through", False)  # PYTHONUNBUFFERED
    return io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),  # as the interpreter does
        encoding=before.encoding,
        errors=before.errors,
        line_buffering=isinstance(raw, MessageStream) or raw.isatty(),
        write_through=unbuffered,
    )
