"""Capture files, told apart by their first bytes and never by their name, as `Frames`."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

from shodohflo.capture import pcap, pcapng
from shodohflo.capture.window import Stream, Window
from shodohflo.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.capture.records import Taken
    from shodohflo.frames import Frames


class Format(Protocol):
    """A reader that has seen the head of a file."""

    def take(self, data: memoryview) -> Taken:
        """Read all records that are complete."""


class Savefile:
    """A capture file, read once from a stream that may still be growing.

    Iterating gives what has arrived, without waiting for more than one record. Damage ends it with one
    `CaptureError`, after everything before it.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        """Read from `stream`, which stays the caller's to close; `name` is for messages."""
        self._stream = Stream(stream)
        self._window = Window(self._stream)
        self._name = name
        self.packets = 0
        """Packets yielded so far."""

    @property
    def position(self) -> int:
        """Bytes taken from the stream so far."""
        return self._stream.position

    def __iter__(self) -> Iterator[Frames]:
        """Yield what the stream has, as it comes."""
        reader, used, need = self._open()
        while self._window.more(used, need):
            taken = reader.take(self._window.data)
            if len(taken.frames):
                self.packets += len(taken.frames)
                yield taken.frames
            if taken.damage:
                raise self._error(self._window.offset + taken.used, taken.damage)
            used, need = taken.used, taken.need
        self._window.check()
        if self._window.data:
            raise self._error(self._window.offset, _cut(need, len(self._window.data)))

    def _open(self) -> tuple[Format, int, int]:
        """Recognise the format; tell how many bytes its head has, and how many its first record needs."""
        window = self._window
        if not window.more(0, 4):
            raise CaptureError(f"{self._name} is empty" if not window.data else f"{self._name} is not a capture")
        magic = bytes(window.data[:4])
        if magic in pcap.MAGICS:
            if not window.more(0, pcap.FILE_HEADER):
                raise self._error(0, _cut(pcap.FILE_HEADER, len(window.data)))
            try:
                reader = pcap.Pcap.open(window.data)
            except ValueError as error:
                raise self._error(4, str(error)) from error
            return reader, pcap.FILE_HEADER, reader.header
        if magic == pcapng.MAGIC:
            return pcapng.Pcapng(), 0, pcapng.HEADER
        raise CaptureError(f"{self._name} is not a capture: it begins with {magic.hex(' ')}")

    def _error(self, offset: int, what: str) -> CaptureError:
        return CaptureError(f"{self._name}: byte {offset}: {what}")


def _cut(need: int, held: int) -> str:
    return f"cut short: at least {need} bytes belong here, and {held} are there"
