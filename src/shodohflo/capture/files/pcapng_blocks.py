"""The blocks of pcapng sections, decoded many at a time, whatever their sections.

See draft-ietf-opsawg-pcapng section 4. Each section has its own byte order and its own numbering of interfaces.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.capture.files.pcapng_clock import nanoseconds
from shodohflo.capture.files.pcapng_interface import InterfaceBlock, Interfaces, from_blocks
from shodohflo.capture.files.pcapng_marks import marked
from shodohflo.capture.files.pcapng_section import BYTE_ORDER, SECTION_HEADER
from shodohflo.capture.files.records import mixed_words
from shodohflo.columns.frames import Frames
from shodohflo.columns.table import Table, column, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.capture.files.records import ByteOrder

INTERFACE: Final = 1
_OBSOLETE_PACKET: Final = 2
_SIMPLE_PACKET: Final = 3
_ENHANCED_PACKET: Final = 6
PACKETS: Final = (_OBSOLETE_PACKET, _SIMPLE_PACKET, _ENHANCED_PACKET)

LEAST_OF_PACKETS: Final = 32
"""Bytes that hold all fields of a packet block of any kind."""

_OTHER: Final = 7
"""The index in the tables below for types 7 and up, which are skipped."""

_LEAST: Final = np.array([12, 20, 32, 16, 12, 12, 32, 12], np.int64)
"""The minimum size of a block in bytes, by its type."""

_IS_PACKET: Final = np.isin(np.arange(_OTHER + 1), PACKETS)

_MOST_INTERFACES: Final = 1 << 16

_MOST_OPTIONS: Final = 1 << 20
"""The most bytes of a long block that are not its packet: a size far beyond the packet is not believed."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A damaged block: where it begins, and what is wrong with it."""

    offset: int
    what: str


@dataclass(frozen=True, slots=True)
class State:
    """What the blocks so far leave for those that follow."""

    order: ByteOrder = "<"
    interfaces: Interfaces = field(default_factory=Interfaces.empty)
    """Those of the current section."""
    time: int = 0
    """The time of the last packet, in ns since 1970: the best guess for a simple packet, which has no timestamp."""


@dataclass(frozen=True, slots=True)
class Read:
    """The packets of some blocks, up to the first block that is damaged."""

    frames: Frames
    state: State
    damage: Damage | None


@table
class Blocks(Table):
    """Complete blocks, in file order."""

    offset: NDArray[np.int64] = column(np.int64)
    kind: NDArray[np.int64] = column(np.int64)
    size: NDArray[np.int64] = column(np.int64)
    big: NDArray[np.bool_] = column(np.bool_)
    """Whether its section is in big-endian order."""
    first: NDArray[np.int64] = column(np.int64)
    """The number of interfaces described before its section, counted from the section that the first block is in."""
    known: NDArray[np.int64] = column(np.int64)
    """The number of interfaces described up to this block, counted in the same way."""


@table
class PacketBlocks(Table):
    """Packet blocks of all kinds, with the same columns for each kind."""

    block: Blocks = column(Blocks)
    start: NDArray[np.int64] = column(np.int64)
    """Where the packet begins."""
    room: NDArray[np.int64] = column(np.int64)
    """Bytes between the start of the packet and the end of the block, padding and options included."""
    interface: NDArray[np.int64] = column(np.int64)
    """By its number in the section."""
    ticks: NDArray[np.uint64] = column(np.uint64)
    timed: NDArray[np.bool_] = column(np.bool_)
    """Whether the block has a timestamp, and its own interface and captured length; simple packets have none."""
    captured: NDArray[np.int64] = column(np.int64)
    original: NDArray[np.int64] = column(np.int64)


def read(data: memoryview, offsets: NDArray[np.int64], state: State) -> Read:
    """Decode the complete blocks at `offsets`, which begin in the section of `state`."""
    if not len(offsets):
        return Read(Frames.empty(np.frombuffer(data, np.uint8)), state, None)
    # Each step drops the blocks from its damage on, so the last damage found is the first in the file.
    blocks, misshapen = _shapely(data, _blocks(data, offsets, state))
    interfaces, blocks, undescribed = _described(data, blocks, state.interfaces)
    packets = _packets(data, blocks[_IS_PACKET[np.minimum(blocks.kind, _OTHER)]], interfaces)
    whole, unsound = _sound(packets)
    packets = packets[whole]
    times = _times(packets, interfaces, state.time)
    frames = _frames(data, packets, interfaces, times)
    marks = _marks(data, packets, frames.layer)
    after = _after(blocks, interfaces, times, state)
    return Read(replace(frames, layer=marks), after, unsound or undescribed or misshapen)


def read_head(data: memoryview, state: State) -> Read:
    """Decode a packet block of which `data` has only the beginning; its options, which are at the end, are not read."""
    blocks = _blocks(data, np.zeros(1, np.int64), state)
    packets = _packets(data, blocks, state.interfaces)
    _, damage = _sound(packets)
    if damage is None and packets.room[0] - packets.captured[0] > _MOST_OPTIONS:
        damage = Damage(0, f"a block claims an invalid size of {blocks.size[0]} bytes")
    if damage:
        return Read(Frames.empty(np.frombuffer(data, np.uint8)), state, damage)
    packets = replace(packets, captured=np.minimum(packets.captured, len(data) - packets.start))
    times = _times(packets, state.interfaces, state.time)
    return Read(_frames(data, packets, state.interfaces, times), _after(blocks, state.interfaces, times, state), None)


def _blocks(data: memoryview, offsets: NDArray[np.int64], state: State) -> Blocks:
    """Return types, sizes and sections of the blocks."""
    little = mixed_words(data, offsets, 3, np.zeros(len(offsets), np.bool_))
    is_header = little[:, 0] == SECTION_HEADER
    section = np.cumsum(is_header)
    turned = np.concatenate(([state.order == ">"], little[is_header, 2] != BYTE_ORDER))
    big = turned[section]
    if big.any():
        little[big] = little[big].byteswap()
    kind, size = little[:, 0].astype(np.int64), little[:, 1].astype(np.int64)
    known = len(state.interfaces) + np.cumsum(kind == INTERFACE)
    return Blocks(offsets, kind, size, big, np.concatenate(([0], known[is_header]))[section], known)


def _shapely(data: memoryview, blocks: Blocks) -> tuple[Blocks, Damage | None]:
    """Return the blocks before the first whose lengths differ, or that is too short or too new to be read."""
    least = _LEAST[np.minimum(blocks.kind, _OTHER)]
    trailer = mixed_words(data, blocks.offset + blocks.size - 4, 1, blocks.big)[:, 0]
    wrong = (blocks.size < least) | (blocks.size != trailer)
    headers = np.flatnonzero(blocks.kind == SECTION_HEADER)
    if len(headers):
        version = mixed_words(data, blocks.offset[headers] + 12, 1, blocks.big[headers])[:, 0]
        major = np.where(blocks.big[headers], version >> 16, version & 0xFFFF)
        wrong[headers] |= major != 1
    if not wrong.any():
        return blocks, None
    row = int(np.argmax(wrong))
    kind, size = int(blocks.kind[row]), int(blocks.size[row])
    if size != trailer[row]:
        name = "section header" if kind == SECTION_HEADER else "block"
        what = f"the two lengths of a {name} differ: {size} and {trailer[row]} bytes"
    elif kind == SECTION_HEADER:
        what = f"pcapng version {major[np.searchsorted(headers, row)]} is not supported (1 is)"
    else:
        what = f"a block of type {kind} has {size} bytes, but the minimum is {least[row]}"
    return blocks[:row], Damage(int(blocks.offset[row]), what)


def _described(data: memoryview, blocks: Blocks, before: Interfaces) -> tuple[Interfaces, Blocks, Damage | None]:
    """Return all interfaces, and the blocks before the first description that is invalid."""
    rows = np.flatnonzero(blocks.kind == INTERFACE)
    if not len(rows):
        return before, blocks, None
    chosen = blocks[rows]
    begin, end = chosen.offset + 8, chosen.offset + chosen.size - 4
    described, wrong = from_blocks(data, begin, end, chosen.big)
    wrong |= chosen.known - chosen.first > _MOST_INTERFACES
    interfaces = Interfaces.concatenate([before, described])
    if not wrong.any():
        return interfaces, blocks, None
    row = int(np.argmax(wrong))
    what = _misdescribed(bytes(data[begin[row] : end[row]]), ">" if chosen.big[row] else "<")
    return interfaces, blocks[: rows[row]], Damage(int(chosen.offset[row]), what)


def _misdescribed(body: bytes, order: ByteOrder) -> str:
    """Say what is wrong with a description."""
    try:
        InterfaceBlock.from_block(body, order)
    except ValueError as error:
        return str(error)
    return f"a section has more than {_MOST_INTERFACES} interfaces"


def _packets(data: memoryview, blocks: Blocks, interfaces: Interfaces) -> PacketBlocks:
    """Decode the fields of packet blocks (sections 4.3 and 4.4; appendix A for the obsolete kind)."""
    timed = blocks.kind != _SIMPLE_PACKET
    fields = np.zeros((len(timed), 5), np.int64)
    fields[timed] = mixed_words(data, blocks.offset[timed] + 8, 5, blocks.big[timed])
    fields[~timed, 3:] = mixed_words(data, blocks.offset[~timed] + 8, 1, blocks.big[~timed])
    interface, high, low, captured, original = fields.T
    if not timed.all() and len(interfaces):
        # A simple packet belongs to the first interface, whose snapshot length alone limits its captured length.
        limit = interfaces.snap_length[np.minimum(blocks.first, len(interfaces) - 1)]
        captured = np.where(timed | (limit == 0), captured, np.minimum(captured, limit))
    # The obsolete block has a 16-bit interface number, followed by a 16-bit count of drops.
    half = np.where(blocks.big, interface >> 16, interface & 0xFFFF)
    start = blocks.offset + np.where(timed, 28, 12)
    return PacketBlocks(
        block=blocks,
        start=start,
        room=blocks.offset + blocks.size - 4 - start,
        interface=np.where(blocks.kind == _OBSOLETE_PACKET, half, interface),
        ticks=(high << 32 | low).view(np.uint64),
        timed=timed,
        captured=captured,
        original=np.maximum(captured, original),
    )


def _sound(packets: PacketBlocks) -> tuple[slice, Damage | None]:
    """Return which packets precede the first with an unknown interface or more bytes than its block has."""
    known = packets.block.known - packets.block.first
    wrong = np.flatnonzero((packets.interface >= known) | (packets.captured > packets.room))
    if len(wrong) == 0:
        return slice(None), None
    row = int(wrong[0])
    if packets.interface[row] >= known[row]:
        what = f"a packet names interface {packets.interface[row]}, but the section has {known[row]} so far"
    else:
        what = f"a packet claims {packets.captured[row]} captured bytes, but its block has {packets.room[row]}"
    return slice(row), Damage(int(packets.block.offset[row]), what)


def _frames(data: memoryview, packets: PacketBlocks, interfaces: Interfaces, times: NDArray[np.int64]) -> Frames:
    return Frames(
        buffer=np.frombuffer(data, np.uint8),
        start=packets.start,
        captured=packets.captured,
        original=packets.original,
        layer=interfaces.layer[packets.block.first + packets.interface],
        time=times,
    )


def _marks(data: memoryview, packets: PacketBlocks, layer: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the layers of the packets, with the marks of those whose options have some."""
    options = packets.start + (packets.captured + 3) // 4 * 4
    end = np.where(packets.timed, packets.start + packets.room, options)
    return marked(data, layer, options, end, packets.block.big)


def _times(packets: PacketBlocks, interfaces: Interfaces, before: int) -> NDArray[np.int64]:
    """Return the time of each packet by the clock of its interface; without a timestamp, that of the one before."""
    interface, timed = packets.block.first + packets.interface, packets.timed
    times = nanoseconds(packets.ticks, interfaces.resolution[interface], interfaces.offset[interface])
    if timed.all():
        return times
    latest = np.maximum.accumulate(np.where(timed, np.arange(1, len(times) + 1), 0))
    return np.concatenate(([before], times))[latest]


def _after(blocks: Blocks, interfaces: Interfaces, times: NDArray[np.int64], state: State) -> State:
    if not len(blocks):
        return state
    first, known = int(blocks.first[-1]), int(blocks.known[-1])
    order: ByteOrder = ">" if blocks.big[-1] else "<"
    return State(order, interfaces[first:known], int(times[-1]) if len(times) else state.time)
