"""Classic pcap files: one file header, then records of a 16-byte header and a packet.

The layout is in draft-ietf-opsawg-pcap: the file header in section 4, the record in section 5. Like libpcap, this
reader also accepts old versions, and the longer record header of a patched libpcap.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.capture.files.lanes import Fields, walk_in_lanes
from shodohflo.capture.files.linktypes import largest_capture, link_type
from shodohflo.capture.files.records import HEAD, HELD, NO_RECORD, ByteOrder, LongRecord, Taken, needed, words
from shodohflo.columns.frames import SENT, Frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE_HEADER: Final = 24

_NEAR: Final = 1 << 20
"""Seconds, 12 days: a guessed record must be this close in time to a known one."""

_MICROSECONDS: Final = 0xA1B2C3D4
_NANOSECONDS: Final = 0xA1B23C4D
_MODIFIED: Final = 0xA1B2CD34

_MODIFIED_HEADER: Final = 24
_PACKET_TYPE: Final = 22
_OUTGOING: Final = 4
# A patched libpcap added the interface, the protocol and, as the 23rd byte, the packet type to the header of each
# record; type 4 is what the host sends (linux/if_packet.h).

_ORDERS: Final[tuple[ByteOrder, ...]] = ("<", ">")
_MAGICS: Final = {
    struct.pack(f"{order}I", magic): (order, magic)
    for order in _ORDERS
    for magic in (_MICROSECONDS, _NANOSECONDS, _MODIFIED)
}

MAGICS: Final = frozenset(_MAGICS)
"""The four bytes a pcap file may begin with."""


@dataclass(frozen=True, slots=True)
class Pcap:
    """The reader of one pcap file, with what its file header states about the records."""

    order: ByteOrder
    tick: int
    """Nanoseconds in one unit of a timestamp's fraction: 1 or 1000."""
    layer: int
    """The LINKTYPE_ number of every packet."""
    header: int
    """Bytes of a record's header."""
    fields: tuple[int, ...]
    """Which 32-bit word of a record's header is the captured length; of two, it is the smaller value."""
    lengths: struct.Struct
    """The same words as a `struct` layout."""
    largest: int
    """The most captured bytes that a record may claim."""

    stride = 1

    @classmethod
    def open(cls, header: memoryview) -> Pcap:
        """Decode the file header, which begins with one of `MAGICS`; raises `ValueError` for an unknown version."""
        order, magic = _MAGICS[bytes(header[:4])]
        major, minor, snap_length, link = struct.unpack_from(f"{order}4xHH8xII", header)
        layer = link_type(link)
        fields = _length_fields(major, minor)
        return cls(
            order=order,
            tick=1 if magic == _NANOSECONDS else 1000,
            layer=layer,
            header=_MODIFIED_HEADER if magic == _MODIFIED else 16,
            fields=fields,
            lengths=struct.Struct(f"{order}{4 * fields[0]}x{len(fields)}I"),
            largest=largest_capture(layer, snap_length),
        )

    def size(self, data: memoryview, offset: int) -> int:
        """Return the size of the record at `offset`, or `NO_RECORD` if it claims more than `largest`."""
        captured = min(self.lengths.unpack_from(data, offset))
        return self.header + captured if captured <= self.largest else NO_RECORD

    def sizes(self, fields: Fields, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what `size` returns for each offset."""
        captured = fields[offsets + 4 * self.fields[0]]
        for field in self.fields[1:]:
            captured = np.minimum(captured, fields[offsets + 4 * field])
        return np.where(captured <= self.largest, captured + np.int64(self.header), NO_RECORD)

    def plausible(self, fields: Fields, offsets: NDArray[np.int64], like: np.int64) -> NDArray[np.bool_]:
        """Return where a record may begin: its time is near that of the record at `like`, and its lengths agree."""
        times = fields[offsets]
        # Unsigned: a time before the lower bound wraps around to a large number.
        is_near: NDArray[np.bool_] = times - fields[like] + np.uint32(_NEAR) < 2 * _NEAR
        near = offsets[is_near]
        fraction, first, second = (fields[near + place] for place in (4, 8, 12))
        # A packet of no bytes is likely only among others: runs of zeros would look like records.
        least = min(fields[like + 8], fields[like + 12], 1)
        is_sane = (fraction < 1_000_000_000 // self.tick) & (np.minimum(first, second) >= least)
        is_sane &= np.minimum(first, second) <= self.largest
        if len(self.fields) == 1:
            captured, original = (first, second) if self.fields == (2,) else (second, first)
            is_sane &= captured <= original
        is_near[is_near] = is_sane
        return is_near

    def take(self, data: memoryview) -> Taken:
        """Decode all complete records in `data`."""
        offsets, end = walk_in_lanes(self, data, 0)
        frames, need = self._frames(data, offsets), needed(self, data, end)
        if need == NO_RECORD:
            return Taken(frames, end, need, self._absurdity(data, end))
        if need <= HELD:
            return Taken(frames, end, need)
        return self._begin_long(data, Taken(frames, end, need))

    def _begin_long(self, data: memoryview, taken: Taken) -> Taken:
        """Keep the beginning of a packet that is too long to be held, and have the record skipped."""
        if len(data) - taken.used < HEAD:
            return replace(taken, need=HEAD)
        head = data[taken.used : taken.used + HEAD]
        frames = self._frames(head, np.zeros(1, np.int64))
        # A copy: the bytes in memory are dropped before the end of the record is known to be there.
        buffer = frames.buffer.copy()
        captured = np.minimum(frames.captured, len(head) - frames.start)
        long = LongRecord(taken.need, replace(frames, buffer=buffer, captured=captured))
        return replace(taken, need=self.header, long=long)

    def _frames(self, data: memoryview, offsets: NDArray[np.int64]) -> Frames:
        columns = words(data, offsets, 4, self.order).astype(np.int64).T
        seconds, fraction, *lengths = columns
        buffer = np.frombuffer(data, np.uint8)
        layer = np.full(len(offsets), self.layer, np.uint32)
        if self.header == _MODIFIED_HEADER:
            layer[buffer[offsets + _PACKET_TYPE] == _OUTGOING] = SENT
        # A packet was never shorter on the wire than its captured part, so the larger length is the original one.
        return Frames(
            buffer=buffer,
            start=offsets + self.header,
            captured=np.minimum.reduce([columns[field] for field in self.fields]),
            original=np.maximum(*lengths),
            layer=layer,
            time=seconds * 1_000_000_000 + fraction * self.tick,
        )

    def _absurdity(self, data: memoryview, offset: int) -> str:
        captured = min(self.lengths.unpack_from(data, offset))
        return f"a record claims {captured} captured bytes, but the maximum is {self.largest}"


def _length_fields(major: int, minor: int) -> tuple[int, ...]:
    """Return which 32-bit words of a record's header may be its captured length.

    Before version 2.3 the original length came first, and in some files of version 2.3 it still does. The tcpdump of
    DG/UX wrote version 543.0.
    """
    if (major, minor) == (543, 0) or (major == 2 and minor < 3):
        return (3,)
    if major != 2 or minor > 4:
        raise ValueError(f"pcap version {major}.{minor} is not supported (2.0 to 2.4 are)")
    return (2, 3) if minor == 3 else (2,)
