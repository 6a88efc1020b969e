"""A section of a pcapng file: the blocks between two section headers, decoded many at a time.

See draft-ietf-opsawg-pcapng section 4. A section has one byte order and its own numbering of interfaces.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from shodohflo.capture.files.pcapng_interface import InterfaceBlock
from shodohflo.capture.files.records import NO_RECORD, ByteOrder, words
from shodohflo.columns.frames import Frames
from shodohflo.columns.table import Table, column, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.capture.files.lanes import Fields

SECTION_HEADER: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_OBSOLETE_PACKET: Final = 2
_SIMPLE_PACKET: Final = 3
_ENHANCED_PACKET: Final = 6

_OTHER: Final = 7
"""The index in the tables below for types 7 and up, which are skipped."""

_LEAST: Final = np.array([12, 20, 32, 16, 12, 12, 32, 12], np.int64)
"""The minimum size of a block in bytes, by its type."""

_IS_PACKET: Final = np.isin(np.arange(_OTHER + 1), (_OBSOLETE_PACKET, _SIMPLE_PACKET, _ENHANCED_PACKET))

_SMALLEST: Final = 12
_LARGEST: Final = 1 << 24
"""Limits on the size of a block in bytes; libpcap and Wireshark have the same upper limit."""

_MOST_INTERFACES: Final = 1 << 16


@table
class Blocks(Table):
    """Complete blocks, in file order."""

    offset: NDArray[np.int64] = column(np.int64)
    kind: NDArray[np.int64] = column(np.int64)
    size: NDArray[np.int64] = column(np.int64)


@dataclass(frozen=True, slots=True)
class PacketBlocks:
    """Packet blocks of all kinds, with the same columns for each kind."""

    block: NDArray[np.int64]
    """Where the block begins."""
    start: NDArray[np.int64]
    """Where the packet begins."""
    room: NDArray[np.int64]
    """Bytes between the start of the packet and the end of the block, padding and options included."""
    interface: NDArray[np.int64]
    ticks: NDArray[np.uint64]
    timed: NDArray[np.bool_]
    """Whether the block has a timestamp, and its own interface and captured length; simple packets have none."""
    captured: NDArray[np.int64]
    original: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Damage:
    """A damaged block: where it begins, and what is wrong with it."""

    offset: int
    what: str


class Section:
    """The byte order and the interfaces of a section so far; as `Records`, its blocks up to the next section header."""

    header = 8
    stride = 4

    def __init__(self, order: ByteOrder, time: int = 0) -> None:
        """Start after a section header; `time` is that of the last packet before it, in nanoseconds since 1970."""
        self.order: ByteOrder = order
        self.time = time
        """The time of the last packet: the best guess for a simple packet, which has no timestamp."""
        self.endian: Literal["little", "big"] = "little" if order == "<" else "big"
        self._head = struct.Struct(f"{order}II")
        self._interfaces: list[InterfaceBlock] = []

    def size(self, data: memoryview, offset: int) -> int:
        """Return the size of the block at `offset`, or `NO_RECORD` if it is a section header or its size is invalid."""
        kind, size = self._head.unpack_from(data, offset)
        return size if kind != SECTION_HEADER and is_size(size) else NO_RECORD

    def sizes(self, fields: Fields, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what `size` returns for each offset."""
        size = fields[offsets + 4].astype(np.int64)
        is_sized = (size >= _SMALLEST) & (size <= _LARGEST) & (size % 4 == 0)
        return np.where(is_sized & (fields[offsets] != SECTION_HEADER), size, NO_RECORD)

    def plausible(self, fields: Fields, offsets: NDArray[np.int64], like: np.int64) -> NDArray[np.bool_]:
        """Return where a block may begin: it has the type of the block at `like`, and its two lengths agree."""
        is_likely: NDArray[np.bool_] = fields[offsets] == fields[like]
        likely = offsets[is_likely]
        size = self.sizes(fields, likely)
        is_inside = likely + size <= len(fields)
        trailer = fields[np.where(is_inside, likely + size - 4, likely)]
        is_likely[is_likely] = is_inside & (trailer == size)
        return is_likely

    def read(self, data: memoryview, offsets: NDArray[np.int64]) -> tuple[Frames, Damage | None]:
        """Decode the complete blocks at `offsets`, up to the first that is damaged."""
        known = len(self._interfaces)
        kind, size = words(data, offsets, 2, self.order).astype(np.int64).T
        blocks = Blocks(offsets, kind, size)
        # Each step drops the blocks from its damage on, so the last damage found is the first in the file.
        blocks, misshapen = self._shapely(data, blocks)
        blocks, undescribed = self._describe(data, blocks)
        known_then = known + np.cumsum(blocks.kind == _INTERFACE)
        is_packet = _IS_PACKET[np.minimum(blocks.kind, _OTHER)]
        packets = self._packets(data, blocks[is_packet])
        whole, unsound = self._sound(packets, known_then[is_packet])
        return self._frames(data, packets, whole), unsound or undescribed or misshapen

    def _shapely(self, data: memoryview, blocks: Blocks) -> tuple[Blocks, Damage | None]:
        """Return the blocks before the first whose two lengths differ or that is too short for its type."""
        least = _LEAST[np.minimum(blocks.kind, _OTHER)]
        trailer = words(data, blocks.offset + blocks.size - 4, 1, self.order)[:, 0]
        wrong = np.flatnonzero((blocks.size < least) | (blocks.size != trailer))
        if len(wrong) == 0:
            return blocks, None
        row = wrong[0]
        if blocks.size[row] != trailer[row]:
            what = f"the two lengths of a block differ: {blocks.size[row]} and {trailer[row]} bytes"
        else:
            what = f"a block of type {blocks.kind[row]} has {blocks.size[row]} bytes, but the minimum is {least[row]}"
        return blocks[:row], Damage(int(blocks.offset[row]), what)

    def _describe(self, data: memoryview, blocks: Blocks) -> tuple[Blocks, Damage | None]:
        """Add the described interfaces; return the blocks before the first description that is invalid."""
        for row in np.flatnonzero(blocks.kind == _INTERFACE).tolist():
            offset = int(blocks.offset[row])
            if len(self._interfaces) == _MOST_INTERFACES:
                return blocks[:row], Damage(offset, f"a section has more than {_MOST_INTERFACES} interfaces")
            try:
                body = data[offset + 8 : offset + int(blocks.size[row]) - 4]
                self._interfaces.append(InterfaceBlock.from_block(bytes(body), self.order))
            except ValueError as error:
                return blocks[:row], Damage(offset, str(error))
        return blocks, None

    def _packets(self, data: memoryview, blocks: Blocks) -> PacketBlocks:
        """Decode the fields of packet blocks (sections 4.3 and 4.4; appendix A for the obsolete kind)."""
        timed = blocks.kind != _SIMPLE_PACKET
        fields = np.zeros((len(timed), 5), np.int64)
        fields[timed] = words(data, blocks.offset[timed] + 8, 5, self.order)
        fields[~timed, 3:] = words(data, blocks.offset[~timed] + 8, 1, self.order)
        interface, high, low, captured, original = fields.T
        if not timed.all() and self._interfaces:
            # A simple packet belongs to the first interface, whose snapshot length alone limits its captured length.
            limit = self._interfaces[0].snap_length or 2**32
            captured = np.where(timed, captured, np.minimum(captured, limit))
        # The obsolete block has a 16-bit interface number, followed by a 16-bit count of drops.
        half = interface & 0xFFFF if self.order == "<" else interface >> 16
        start = blocks.offset + np.where(timed, 28, 12)
        return PacketBlocks(
            block=blocks.offset,
            start=start,
            room=blocks.offset + blocks.size - 4 - start,
            interface=np.where(blocks.kind == _OBSOLETE_PACKET, half, interface),
            ticks=(high << 32 | low).view(np.uint64),
            timed=timed,
            captured=captured,
            original=np.maximum(captured, original),
        )

    def _sound(self, packets: PacketBlocks, known: NDArray[np.int64]) -> tuple[slice, Damage | None]:
        """Return which packets precede the first with an unknown interface or more bytes than its block has."""
        wrong = np.flatnonzero((packets.interface >= known) | (packets.captured > packets.room))
        if len(wrong) == 0:
            return slice(None), None
        row = int(wrong[0])
        if packets.interface[row] >= known[row]:
            what = f"a packet names interface {packets.interface[row]}, but the section has {known[row]} so far"
        else:
            what = f"a packet claims {packets.captured[row]} captured bytes, but its block has {packets.room[row]}"
        return slice(row), Damage(int(packets.block[row]), what)

    def _frames(self, data: memoryview, packets: PacketBlocks, rows: slice) -> Frames:
        interface = packets.interface[rows]
        layers = np.array([described.layer for described in self._interfaces], np.uint32)
        return Frames(
            buffer=np.frombuffer(data, np.uint8),
            start=packets.start[rows],
            captured=packets.captured[rows],
            original=packets.original[rows],
            layer=layers[interface],
            time=self._times(interface, packets.ticks[rows], packets.timed[rows]),
        )

    def _times(
        self, interface: NDArray[np.int64], ticks: NDArray[np.uint64], timed: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """Return the time of each packet by the clock of its interface; without a timestamp, that of the one before."""
        if len(ticks) == 0:
            return np.empty(0, np.int64)
        times = self._by_clock(interface, ticks)
        if not timed.all():
            before = np.maximum.accumulate(np.where(timed, np.arange(1, len(times) + 1), 0))
            times = np.concatenate(([self.time], times))[before]
        self.time = int(times[-1])
        return times

    def _by_clock(self, interface: NDArray[np.int64], ticks: NDArray[np.uint64]) -> NDArray[np.int64]:
        if (interface == interface[0]).all():
            only: int = interface[0].item()
            return self._interfaces[only].clock.nanoseconds(ticks)
        times = np.empty(len(ticks), np.int64)
        by_interface = np.argsort(interface, kind="stable")
        for rows in np.split(by_interface, np.flatnonzero(np.diff(interface[by_interface])) + 1):
            times[rows] = self._interfaces[interface[rows[0]]].clock.nanoseconds(ticks[rows])
        return times


def is_size(size: int) -> bool:
    """Return whether a block can have `size` bytes: within the limits, and padded to 32 bits."""
    return _SMALLEST <= size <= _LARGEST and size % 4 == 0
