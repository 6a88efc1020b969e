"""The bytes in hand: what a reader has taken from a stream and not dealt with yet."""

from __future__ import annotations

import select
from io import UnsupportedOperation
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from shodohflo.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK: Final = 8 << 20
"""How many bytes are dealt with at once, where so many are there: large steps are cheap ones."""


class Source(Protocol):
    """Bytes in order, read as they come."""

    def read(self, most: int) -> bytes:
        """Wait for at least one byte and return at most `most`; none is the end. A `CaptureError` is damage."""

    def waiting(self) -> bool:
        """Tell whether `read` would answer at once."""


class Stream:
    """A binary file, pipe or socket as a `Source`."""

    def __init__(self, stream: BinaryIO) -> None:
        """Read from `stream`, which stays the caller's to close."""
        # Buffered streams wait in `read` until they have all that was asked for; `read1` does not.
        self._read: Callable[[int], bytes | None] = getattr(stream, "read1", stream.read)
        self._poll = _poll(stream)
        self.position = 0

    def read(self, most: int) -> bytes:
        """Take what is there, in one read of the operating system."""
        try:
            data = self._read(most) or b""
        except OSError as error:
            raise CaptureError(f"cannot be read: {error.strerror or error}") from error
        self.position += len(data)
        return data

    def waiting(self) -> bool:
        """Ask the operating system; a stream that it does not know never says so."""
        return self._poll is not None and bool(self._poll.poll(0))


def _poll(stream: BinaryIO) -> select.poll | None:
    try:
        number = stream.fileno()
    except (AttributeError, UnsupportedOperation):
        return None
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return poll


class Window:
    """A stretch of a source's bytes that moves on, never back."""

    def __init__(self, source: Source) -> None:
        """Begin with nothing in hand."""
        self._source = source
        self._failure: CaptureError | None = None
        self.data = b""
        self.offset = 0
        """Where in the source `data` begins."""

    def more(self, used: int, need: int) -> bool:
        """Let go of the first `used` bytes and wait until `need` are in hand, or as many as there will be.

        Whatever else has arrived by then is taken too, up to a chunk. Answers whether `need` was met.
        """
        pieces = [self.data[used:]]
        self.offset += used
        held = len(pieces[0])
        while held < need or (held < CHUNK and self._source.waiting()):
            piece = self._read(max(need, CHUNK) - held)
            if not piece:
                break
            pieces.append(piece)
            held += len(piece)
        self.data = b"".join(pieces)
        return held >= need

    def _read(self, most: int) -> bytes:
        # What came before a failure is used first: the failure is told when that has been done.
        if self._failure is None:
            try:
                return self._source.read(most)
            except CaptureError as failure:
                self._failure = failure
        return b""

    def check(self) -> None:
        """Raise what ended the source early, if anything did."""
        if self._failure is not None:
            raise self._failure
