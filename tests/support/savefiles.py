"""Capture files for tests, built by hand, and the frames of a reader as plain rows.

Nothing here shares code with the readers, so that a mistake on either side shows.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal

from shodohflo.capture.files.savefile import Savefile
from shodohflo.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shodohflo.columns.frames import Frames

Order = Literal["<", ">"]

MICROSECONDS = 0xA1B2C3D4
NANOSECONDS = 0xA1B23C4D
MODIFIED = 0xA1B2CD34

START = 1_700_000_000
"""The default time of records, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Row:
    """One frame as a reader returns it."""

    data: bytes
    original: int
    layer: int
    time: int


@dataclass(frozen=True, slots=True)
class Reading:
    """All frames of a file, and the message of the error that ended it, if any."""

    rows: list[Row]
    damage: str = ""

    @property
    def payloads(self) -> list[bytes]:
        """Return the captured bytes of each packet."""
        return [row.data for row in self.rows]


def rows(frames: Frames) -> list[Row]:
    """Return copies of all frames."""
    columns = zip(
        frames.start.tolist(),
        frames.captured.tolist(),
        frames.original.tolist(),
        frames.layer.tolist(),
        frames.time.tolist(),
        strict=True,
    )
    return [
        Row(frames.buffer[start : start + captured].tobytes(), original, layer, time)
        for start, captured, original, layer, time in columns
    ]


def read(source: bytes | BinaryIO, name: str = "made.pcap") -> Reading:
    """Read a whole file."""
    seen: list[Row] = []
    try:
        for frames in Savefile(io.BytesIO(source) if isinstance(source, bytes) else source, name):
            seen += rows(frames)
    except CaptureError as error:
        return Reading(seen, str(error))
    return Reading(seen)


class Drip(io.RawIOBase):
    """A stream that returns only a few bytes at a time."""

    def __init__(self, data: bytes, step: int = 1) -> None:
        """Return `data` in steps of at most `step` bytes."""
        self._rest = io.BytesIO(data)
        self._step = step

    def read(self, size: int = -1, /) -> bytes:
        """Return at most one step, whatever size is requested."""
        return self._rest.read(self._step if size < 0 else min(size, self._step))


def pcap_header(
    order: Order = "<",
    *,
    magic: int = MICROSECONDS,
    version: tuple[int, int] = (2, 4),
    snap_length: int = 65535,
    link: int = 1,
) -> bytes:
    """Return the header of a pcap file."""
    return struct.pack(f"{order}IHHiIII", magic, *version, 0, 0, snap_length, link)


def record(
    data: bytes, order: Order = "<", *, original: int | None = None, time: tuple[int, int] = (START, 0)
) -> bytes:
    """Return a pcap record of the usual form."""
    return struct.pack(f"{order}IIII", *time, len(data), len(data) if original is None else original) + data


def pcap(payloads: Iterable[bytes], order: Order = "<") -> bytes:
    """Return an ordinary pcap file."""
    return pcap_header(order) + b"".join(record(payload, order) for payload in payloads)


def padded(data: bytes) -> bytes:
    """Return `data` padded to a multiple of 4 bytes."""
    return data + bytes(-len(data) % 4)


def block(kind: int, body: bytes, order: Order = "<") -> bytes:
    """Return a pcapng block with `body`."""
    size = struct.pack(f"{order}I", len(padded(body)) + 12)
    return struct.pack(f"{order}I", kind) + size + padded(body) + size


def section_header(order: Order = "<", *, major: int = 1, options: bytes = b"") -> bytes:
    """Return the header of a pcapng section of unknown length."""
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, major, 0, -1) + options, order)


def option(code: int, value: bytes, order: Order = "<") -> bytes:
    """Return an option of a pcapng block."""
    return struct.pack(f"{order}HH", code, len(value)) + padded(value)


def interface(order: Order = "<", *, link: int = 1, snap_length: int = 0, options: bytes = b"") -> bytes:
    """Return an interface description block."""
    return block(1, struct.pack(f"{order}HHI", link, 0, snap_length) + options, order)


def enhanced(
    data: bytes,
    order: Order = "<",
    *,
    on: int = 0,
    ticks: int = START * 10**6,
    original: int | None = None,
    options: bytes = b"",
) -> bytes:
    """Return an enhanced packet block."""
    lengths = (len(data), len(data) if original is None else original)
    fields = struct.pack(f"{order}IIIII", on, ticks >> 32, ticks & 0xFFFFFFFF, *lengths)
    return block(6, fields + padded(data) + options, order)


def obsolete(data: bytes, order: Order = "<", *, on: int = 0, drops: int = 0xFFFF, options: bytes = b"") -> bytes:
    """Return an obsolete packet block, which enhanced ones have replaced."""
    ticks = START * 10**6
    fields = struct.pack(f"{order}HHIIII", on, drops, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(2, fields + padded(data) + options, order)


def flags(value: int, order: Order = "<") -> bytes:
    """Return the option of a packet block with its direction and the errors of its reception."""
    return option(2, struct.pack(f"{order}I", value), order)


def simple(data: bytes, order: Order = "<", *, original: int | None = None) -> bytes:
    """Return a simple packet block."""
    return block(3, struct.pack(f"{order}I", len(data) if original is None else original) + data, order)


def pcapng(*blocks: bytes, order: Order = "<") -> bytes:
    """Return a pcapng file with one section."""
    return section_header(order) + b"".join(blocks)
