"""Unpack captures while they are read, with bounded memory: gzip (RFC 1952) and zstd (RFC 8878)."""

from __future__ import annotations

import re
import sys
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from shodohflo.errors import CaptureError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable

    from shodohflo.capture.files.window import ByteSource

_PACKED: Final = 1 << 15
_UNPACKED: Final = 1 << 17
"""The most bytes that are read, and unpacked, in one step."""

_FIRST_FEED: Final = 1 << 9
"""The packed bytes that a member is given first."""

_MAGIC: Final = 4
"""Bytes needed to recognise the beginning of a member."""

_WINDOW: Final = 27
"""The largest window of a zstd frame, as a power of two: 128 MiB, the default limit of the zstd tool."""


class Member(Protocol):
    """A gzip member or zstd frame while it is unpacked; the interface is that of the standard library."""

    @property
    def eof(self) -> bool:
        """Whether all of it has been unpacked."""

    @property
    def needs_input(self) -> bool:
        """Whether it needs more packed data to go on."""

    @property
    def unused_data(self) -> bytes:
        """The packed bytes that were passed to it beyond its end."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Add packed `data`, and return at most `max_length` unpacked bytes."""


class GzipMember:
    """A gzip member that returns everything before the damage and then raises `zlib.error`."""

    def __init__(self) -> None:
        """Start before the member's header."""
        self._inflater = zlib.decompressobj(wbits=31)
        self._damage: zlib.error | None = None
        self.needs_input = True

    @property
    def eof(self) -> bool:
        """Whether all of it has been unpacked."""
        return self._inflater.eof

    @property
    def unused_data(self) -> bytes:
        """The packed bytes that were passed to it beyond its end."""
        return self._inflater.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Add packed `data`, and return at most `max_length` unpacked bytes, or all that precede the damage."""
        if self._damage:
            raise zlib.error(*self._damage.args)
        data = self._inflater.unconsumed_tail + data
        before = self._inflater.copy()
        try:
            unpacked = self._inflater.decompress(data, max_length)
        except zlib.error as damage:
            # A copy without the traceback, which would keep the local variables of all callers alive.
            self._damage = zlib.error(*damage.args)
            unpacked = _up_to_the_damage(before, data)
        self.needs_input = not self._damage and not self._inflater.unconsumed_tail and len(unpacked) < max_length
        return unpacked


def _up_to_the_damage(inflater: zlib._Decompress, data: bytes) -> bytes:
    """Unpack `data` byte by byte up to the damage, because zlib returns nothing from a call that fails."""
    unpacked = bytearray()
    try:
        for value in data:
            unpacked += inflater.decompress(bytes([value]))
    except zlib.error:
        return bytes(unpacked)
    return bytes(unpacked)


def _zstd_frame() -> Member:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW})


@dataclass(frozen=True, slots=True)
class Packing:
    """A compression format, recognised by the first bytes of each member."""

    name: str
    begin: Callable[[], Member]
    magics: tuple[bytes, ...]
    nothing: re.Pattern[bytes]
    """What holds nothing and may stand between members and after them: padding, and members of no bytes."""
    least: int
    """Unpacked bytes that members must hold on average, since beginning one has a fixed cost; see `_FREE`."""


_FREE: Final = 10_000
"""Members that may be as small as they like: no honest capture has as many small ones."""

_GZIP: Final = Packing(
    "gzip",
    GzipMember,
    (b"\x1f\x8b",),
    # Zeros, or a header with or without a file name, an empty block, and a checksum and length of 0.
    re.compile(rb"(?:\0|\x1f\x8b\x08(?:\0.{6}|\x08.{6}[^\0]{0,255}\0)\x03\0\0{8})+", re.DOTALL),
    least=128,
)
_ZSTD: Final = Packing(
    "zstd",
    _zstd_frame,
    # A zstd file may also begin with a skippable frame (RFC 8878 section 3.1.2), as those of pzstd do.
    (b"\x28\xb5\x2f\xfd", *(bytes([low]) + b"\x2a\x4d\x18" for low in range(0x50, 0x60))),
    # A skippable frame of no bytes, or a frame without dictionary (with a size of 0 or a window), whose only block is
    # empty, with or without the checksum of nothing.
    re.compile(
        rb"(?:[\x50-\x5f]\x2a\x4d\x18\0{4}"
        rb"|\x28\xb5\x2f\xfd(?:(?:\x20\0|\0.)\x01\0\0|(?:\x24\0|\x04.)\x01\0\0\x99\xe9\xd8\x51))+",
        re.DOTALL,
    ),
    least=256,
)


def packing(head: bytes) -> Packing | None:
    """Return how a file is packed, recognised by its first four bytes, or `None`."""
    return next((known for known in (_GZIP, _ZSTD) if head.startswith(known.magics)), None)


class Unpacked:
    """A `ByteSource` of the unpacked bytes of another, packed one."""

    def __init__(self, source: ByteSource, packed_as: Packing) -> None:
        """Read from `source`, which begins with a member."""
        self._source = source
        self._packing = packed_as
        self._member = packed_as.begin()
        self._members = 1
        self._feed = _FIRST_FEED
        self._packed = b""
        self._at = 0
        self._read_so_far = 0
        self._unpacked_so_far = 0
        self._ready = b""
        self._ended = False
        self._failure: CaptureError | None = None

    def read(self, most: int) -> bytes:
        """Wait for unpacked bytes and return at most `most`; none at the end. Raises `CaptureError` at damage."""
        while not self._ready and not self._ended:
            self._step()
        if self._failure and not self._ready:
            raise CaptureError(*self._failure.args)
        piece, self._ready = self._ready[:most], self._ready[most:]
        return piece

    def waiting(self) -> bool:
        """Return whether `read` would return without waiting; to find out, unpacks the bytes that have arrived."""
        while not self._ready and not self._ended and (self._can_go_on() or self._source.waiting()):
            self._step()
        return bool(self._ready) or self._ended

    def _can_go_on(self) -> bool:
        return self._at < len(self._packed) or not (self._member.eof or self._member.needs_input)

    def _step(self) -> None:
        """Read, unpack or begin a member; an error is kept until the bytes before it have been read."""
        try:
            if not self._can_go_on():
                self._fetch()
            elif self._member.eof:
                self._begin_next()
            else:
                self._unpack()
        except CaptureError as failure:
            self._failure = CaptureError(*failure.args)
            self._ended = True

    def _fetch(self) -> bool:
        """Wait for more packed bytes; return whether there are any."""
        piece = self._source.read(_PACKED)
        self._packed = self._packed[self._at :] + piece
        self._at = 0
        self._read_so_far += len(piece)
        self._ended = not piece
        if self._ended and not self._member.eof:
            raise CaptureError(f"byte {self._read_so_far}: cut short: the {self._packing.name} data are incomplete")
        return not self._ended

    def _unpack(self) -> None:
        packed = b""
        if self._member.needs_input:
            # Few bytes first: most of what a small member is given is not its own, and would be copied back.
            packed = self._packed[self._at : self._at + self._feed]
            self._at += len(packed)
            self._feed = _PACKED
        try:
            self._ready = self._member.decompress(packed, _UNPACKED)
        except (zlib.error, zstd.ZstdError) as error:
            place = f"byte {self._read_so_far} or a little before"
            raise CaptureError(f"{place}: the {self._packing.name} data are damaged: {error}") from error
        self._unpacked_so_far += len(self._ready)
        if self._member.eof:
            self._at -= len(self._member.unused_data)

    def _begin_next(self) -> None:
        """Begin the next member; raises `CaptureError` if something else follows, or members are too small."""
        nothing = self._packing.nothing.match(self._packed, self._at)
        self._at = nothing.end() if nothing else self._at
        left = len(self._packed) - self._at
        if self._packed.startswith(self._packing.magics, self._at):
            self._begin()
        elif left and (left >= _MAGIC or not self._fetch()):
            raise CaptureError(f"{self._place()}: {self._packing.name} data end here, and something else follows")

    def _begin(self) -> None:
        self._members += 1
        if self._members > _FREE + self._unpacked_so_far // self._packing.least:
            what = f"{self._members} parts of the {self._packing.name} data hold only {self._unpacked_so_far} bytes"
            raise CaptureError(f"{self._place()}: {what}: unpack it first")
        self._member = self._packing.begin()
        self._feed = _FIRST_FEED

    def _place(self) -> str:
        """Return where the next packed byte is."""
        return f"byte {self._read_so_far - len(self._packed) + self._at}"
