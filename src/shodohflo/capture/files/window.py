"""The bytes in hand: what a reader has taken from a stream and not dealt with yet."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from shodohflo.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK: Final = 16 << 20
"""How many bytes are dealt with at once, where so many are there: large steps are cheap ones."""

_PIECE: Final = 1 << 20
"""How many bytes are read at once: what fits into the processor's cache is cheap to put in its place."""


class ByteSource(Protocol):
    """Bytes in order, read as they come."""

    def read(self, most: int) -> bytes:
        """Wait for at least one byte and return at most `most`; none is the end. A `CaptureError` is damage."""

    def waiting(self) -> bool:
        """Tell whether `read` would answer at once."""


class Stream:
    """A binary file, pipe or socket as a `ByteSource`."""

    def __init__(self, stream: BinaryIO) -> None:
        """Read from `stream`, which stays the caller's to close."""
        descriptor = _descriptor(stream)
        if descriptor is not None and not os.get_blocking(descriptor):
            # Read without waiting, a stream with nothing in it yet looks as if it had ended.
            os.set_blocking(descriptor, True)
        # Buffered streams wait in `read` until they have all that was asked for; `read1` does not.
        self._read: Callable[[int], bytes | None] = getattr(stream, "read1", stream.read)
        self._poll = _poll(descriptor)
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


def _descriptor(stream: BinaryIO) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, OSError):
        return None


def _poll(descriptor: int | None) -> select.poll | None:
    if descriptor is None:
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return poll


class Window:
    """A stretch of a source's bytes that moves on, never back; what is in hand can be given on, as a source."""

    def __init__(self, source: ByteSource) -> None:
        """Begin with nothing in hand."""
        self._source = source
        self.failure: CaptureError | None = None
        """What ended the source early, if anything did."""
        # One buffer for the whole file: fresh memory for each chunk would cost more than reading it.
        self._buffer = memoryview(bytearray(CHUNK))
        self.data = self._buffer[:0]
        """The bytes in hand; they are only valid until there are to be more."""
        self.offset = 0
        """Where in the source `data` begins."""

    def more(self, used: int, need: int) -> bool:
        """Let go of the first `used` bytes and wait until `need` are in hand, or as many as there will be.

        Whatever else has arrived by then is taken too, up to a chunk. Answers whether `need` was met.
        """
        self.offset += used
        held = self._move(self.data[used:], need)
        while held < need or (held < CHUNK and self._source.waiting()):
            piece = self._read(min(max(need, CHUNK) - held, _PIECE))
            if not piece:
                break
            self._buffer[held : held + len(piece)] = piece
            held += len(piece)
        self.data = self._buffer[:held]
        return held >= need

    def _move(self, kept: memoryview, need: int) -> int:
        """Put what is kept at the beginning of a buffer that has room enough; return how much that is."""
        if need > len(self._buffer):
            self._buffer = memoryview(bytearray(need))
        self._buffer[: len(kept)] = kept
        return len(kept)

    def _read(self, most: int) -> bytes:
        # What came before a failure is used first: the failure is told when that has been done.
        if self.failure is None:
            try:
                return self._source.read(most)
            except CaptureError as failure:
                # Kept without its traceback, which would keep us and our buffer alive.
                self.failure = CaptureError(*failure.args)
        return b""

    def read(self, most: int) -> bytes:
        """Give on what is in hand, then what the source still has."""
        piece = bytes(self.data[:most]) or self._read(most)
        self.data = self.data[most:]
        if self.failure and not piece:
            raise CaptureError(*self.failure.args)
        return piece

    def waiting(self) -> bool:
        """Tell whether `read` would answer at once."""
        return len(self.data) > 0 or self.failure is not None or self._source.waiting()
