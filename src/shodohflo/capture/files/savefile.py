"""Read capture files as `Frames`; the format is recognised by the first bytes, never by the name."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from shodohflo.capture.files import pcap
from shodohflo.capture.files.records import TAIL
from shodohflo.capture.files.unpack import Unpacked, packing
from shodohflo.capture.files.window import Stream, Window
from shodohflo.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.capture.files.records import LongRecord, Taken
    from shodohflo.columns.frames import Frames

STDIN: Final = "-"
"""The name that means standard input."""

_MAGIC: Final = 4
"""Bytes needed to recognise a format."""

_FOREIGN: Final = {
    b"\xfd7zX": "xz data: unpack it first",
    b"BZh": "bzip2 data: unpack it first",
    b"\x04\x22\x4d\x18": "lz4 data: unpack it first",
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"snoo": "a snoop file: convert it with editcap first",
    b"\x01\0\0\0": "a pcapng block without a section header before it",
    b"\x06\0\0\0": "a pcapng block without a section header before it",
    b"\0\0\0\x01": "a pcapng block without a section header before it",
    b"\0\0\0\x06": "a pcapng block without a section header before it",
}
"""Files that are often mistaken for supported captures, by their first bytes."""


class Format(Protocol):
    """A reader of one capture format."""

    def take(self, data: memoryview) -> Taken:
        """Decode all complete records in `data`."""


class Savefile:
    """A capture file, read once from a stream that may still be growing.

    Iterating yields the packets that have arrived, and waits only until the next record is complete. Damage raises one
    `CaptureError`, after all packets before it.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        """Read from `stream`, which the caller closes; `name` is for messages."""
        self._stream = Stream(stream)
        self._window = Window(self._stream)
        self._unit = "byte"
        self.name = _printable(name)
        """The name in messages."""
        self.packets = 0
        """Packets yielded so far."""

    @property
    def position(self) -> int:
        """Bytes read from the stream so far; of a packed stream, packed bytes."""
        return self._stream.position

    def __iter__(self) -> Iterator[Frames]:
        """Yield frames as they arrive; the arrays are valid until the next ones are requested."""
        reader, used, need = self._open()
        while self._window.more(used, need):
            taken = reader.take(self._window.data)
            if len(taken.frames):
                self.packets += len(taken.frames)
                yield taken.frames
            if taken.damage:
                raise self._error(taken.used, taken.damage)
            used, need = taken.used, taken.need
            if taken.long:
                self._skip(used, taken.long)
                self.packets += len(taken.long.frames)
                yield taken.long.frames
                used = TAIL
        if len(self._window.data):
            raise self._cut(need)
        self._check_source()

    def _skip(self, used: int, long: LongRecord) -> None:
        """Drop `used` bytes, then a record up to its tail; raises `CaptureError` if that is missing or contradicts."""
        rest = long.size - TAIL
        missing = self._window.skip(used, rest)
        if missing or not self._window.more(0, TAIL):
            self._check_source()
            found = rest - missing + len(self._window.data)
            raise self._error(missing - rest, f"cut short: expected {long.size} bytes here, found {found}")
        damage = long.damage(bytes(self._window.data[:TAIL]))
        if damage:
            raise self._error(-rest, damage)

    def _open(self) -> tuple[Format, int, int]:
        """Recognise the format; return its reader, the size of the file header, and what the first record needs."""
        magic = self._magic()
        packed_as = packing(magic)
        if packed_as:
            self._window = Window(Unpacked(self._window, packed_as))
            self._unit = "unpacked byte"
            magic = self._magic()
        if magic in pcap.MAGICS:
            return self._open_pcap()
        from shodohflo.capture.files import pcapng, pcapng_section  # noqa: PLC0415 - pcap needs none of these modules

        if magic == pcapng_section.MAGIC:
            return pcapng.Pcapng(), 0, pcapng_section.HEADER_SIZE
        raise CaptureError(f"{self.name} is not a capture: it begins with {_begins_with(magic)}")

    def _open_pcap(self) -> tuple[Format, int, int]:
        if not self._window.more(0, pcap.FILE_HEADER):
            raise self._cut(pcap.FILE_HEADER)
        try:
            reader = pcap.Pcap.open(self._window.data)
        except ValueError as error:
            raise self._error(4, str(error)) from error
        return reader, pcap.FILE_HEADER, reader.header

    def _magic(self) -> bytes:
        if not self._window.more(0, _MAGIC):
            self._check_source()
            if not len(self._window.data):
                raise CaptureError(f"{self.name} is empty: it has no file header")
        return bytes(self._window.data[:_MAGIC])

    def _cut(self, need: int) -> CaptureError:
        self._check_source()
        return self._error(0, f"cut short: expected at least {need} bytes here, found {len(self._window.data)}")

    def _check_source(self) -> None:
        """Raise the error that ended the stream early, if any: it explains more than the incomplete record does."""
        if self._window.failure:
            raise CaptureError(f"{self.name}: {self._window.failure}") from self._window.failure

    def _error(self, place: int, what: str) -> CaptureError:
        """Return the error for damage at offset `place` of the window."""
        return CaptureError(f"{self.name}: {self._unit} {self._window.offset + place}: {what}")


def _printable(name: str) -> str:
    """Return `name`, escaped if it contains control characters or characters that cannot be encoded."""
    return name if name.isprintable() else ascii(name)


def _begins_with(head: bytes) -> str:
    return next((what for magic, what in _FOREIGN.items() if head.startswith(magic)), head.hex(" "))


@contextmanager
def open_savefile(path: str) -> Iterator[Savefile]:
    """Open a capture file by its path, or standard input as `-`; raises `CaptureError` if that fails."""
    if path == STDIN:
        yield Savefile(_standard_input(), "standard input")
        return
    try:
        stream = open(path, "rb", buffering=0)  # noqa: PTH123, SIM115 - what the user typed; closed below
    except (OSError, ValueError) as error:
        raise CaptureError(f"{_printable(path)}: {getattr(error, 'strerror', None) or error}") from error
    with stream:
        yield Savefile(stream, path)


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise CaptureError("standard input is closed: give a file, or pipe a capture into it")
    if sys.stdin.isatty():
        raise CaptureError("standard input is a terminal: pipe a capture into it, as in tcpdump -w - | ...")
    return sys.stdin.buffer
