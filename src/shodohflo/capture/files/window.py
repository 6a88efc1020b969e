"""The window: the part of a stream that is in memory, because it has been read but not decoded yet."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from shodohflo.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK: Final = 16 << 20
"""Bytes that are decoded at once if so many have arrived: a few large steps cost less than many small ones."""

_PIECE: Final = 1 << 20
"""The most bytes that are read at once: a piece that fits into the processor's cache is cheap to copy."""


class ByteSource(Protocol):
    """A stream of bytes, read as they arrive."""

    def read(self, most: int) -> bytes:
        """Wait for bytes and return at most `most`; none at the end. Raises `CaptureError` at damage."""

    def waiting(self) -> bool:
        """Return whether `read` would return without waiting."""


class Stream:
    """A binary file, pipe or socket as a `ByteSource`."""

    def __init__(self, stream: BinaryIO) -> None:
        """Read from `stream`, which the caller closes."""
        descriptor = _descriptor(stream)
        if descriptor is not None and not os.get_blocking(descriptor):
            # In a non-blocking stream, no data yet would look like the end.
            os.set_blocking(descriptor, True)
        # `read` of a buffered stream waits for all the bytes that were asked for; `read1` does not.
        self._read: Callable[[int], bytes | None] = getattr(stream, "read1", stream.read)
        self._poll = _poll(descriptor)
        self.position = 0
        """Bytes read so far."""

    def read(self, most: int) -> bytes:
        """Wait for bytes and return the result of one read; raises `CaptureError` if that fails."""
        try:
            data = self._read(most) or b""
        except OSError as error:
            raise CaptureError(f"cannot be read: {error.strerror or error}") from error
        self.position += len(data)
        return data

    def waiting(self) -> bool:
        """Return whether the operating system would answer a read at once; always false without a file descriptor."""
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
    """The part of a source that is in memory; it only moves forward. A window is itself a `ByteSource`."""

    def __init__(self, source: ByteSource) -> None:
        """Start with no bytes in memory."""
        self._source = source
        self.failure: CaptureError | None = None
        """The error that ended the source early, if any."""
        # One buffer for the whole file: fresh memory for each chunk would cost more than reading it.
        self._buffer = memoryview(bytearray(CHUNK))
        self.data = self._buffer[:0]
        """The bytes in memory; only valid until the next call of `more`."""
        self.offset = 0
        """Where `data` begins in the source, if the window was moved by `more` only."""

    def more(self, used: int, need: int) -> bool:
        """Drop the first `used` bytes, then wait until `need` are in memory or the source ends.

        Whatever else has arrived by then is read too, up to `CHUNK` bytes in all. Returns whether `need` was met.
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

    def skip(self, used: int, count: int) -> int:
        """Drop the first `used` bytes, then `count` bytes of the source that need not be in memory.

        Returns how many of them were missing when the source ended.
        """
        inside = min(count, len(self.data) - used)
        self.data = self.data[used + inside :]
        missing = count - inside
        while missing:
            piece = self._read(min(missing, _PIECE))
            if not piece:
                break
            missing -= len(piece)
        self.offset += used + count - missing
        return missing

    def _move(self, kept: memoryview, need: int) -> int:
        """Move the `kept` bytes to the beginning of a buffer with room for `need`; return their number."""
        if need > len(self._buffer):
            self._buffer = memoryview(bytearray(need))
        self._buffer[: len(kept)] = kept
        return len(kept)

    def _read(self, most: int) -> bytes:
        # The bytes before an error are used first; the error is raised after them.
        if self.failure is None:
            try:
                return self._source.read(most)
            except CaptureError as failure:
                # A copy without the traceback, which would keep this window and its buffer alive.
                self.failure = CaptureError(*failure.args)
        return b""

    def read(self, most: int) -> bytes:
        """Return at most `most` bytes: first those in memory, then those of the source."""
        piece = bytes(self.data[:most]) or self._read(most)
        self.data = self.data[most:]
        if self.failure and not piece:
            raise CaptureError(*self.failure.args)
        return piece

    def waiting(self) -> bool:
        """Return whether `read` would return without waiting."""
        return len(self.data) > 0 or self.failure is not None or self._source.waiting()
