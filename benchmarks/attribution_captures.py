"""Captures as plain packets, for the measurement of accuracy: the project's own decoder, and the bytes of datagrams."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reference.ladder import Flow, Packet
from shodohflo.capture.files.savefile import open_savefile
from shodohflo.columns.addresses import Addresses
from shodohflo.errors import CaptureError
from shodohflo.model import UDP, End
from shodohflo.wire.decode import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from shodohflo.columns.batch import Batch
    from shodohflo.columns.frames import Frames
    from shodohflo.model import Address

LEFT_OUT: Final = ("*fuzz*", "*overflow*", "*oobr*", "MANIFEST*", "*.md", "*.txt", "*.json", "*.tsv", "*.py")
"""Names of files that hold no conversations: made by fuzzers, or no captures."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A packet as the judge gets it, its flow, and what only truth may look at."""

    packet: Packet
    flow: Flow
    side: int
    """The side of the sender."""
    payload: bytes = b""
    """Of a datagram, as far as it was captured."""
    length: int = 0
    """The bytes of that payload on the wire."""


@dataclass(slots=True)
class Recording:
    """One capture: its packets in the order of time."""

    name: str
    seen: list[Seen] = field(default_factory=list)
    broken: str = ""
    """Why reading stopped early; empty if it did not."""


def captures(places: Iterable[Path], left_out: Iterable[str] = LEFT_OUT) -> list[Path]:
    """Return the files in `places`, also below folders; each content once, and none that a pattern leaves out."""
    found: dict[str, Path] = {}
    for place in places:
        for path in sorted(place.rglob("*") if place.is_dir() else [place]):
            if path.is_file() and not any(fnmatch(path.name.lower(), pattern.lower()) for pattern in left_out):
                with path.open("rb") as file:
                    found.setdefault(hashlib.file_digest(file, "sha256").hexdigest(), path)
    return list(found.values())


def read(path: Path, on_progress: Callable[[int], None] = lambda _: None) -> Recording:
    """Read one capture, up to the damage if there is any; `on_progress` is told how many bytes have been read."""
    recording = Recording(path.name)
    known: dict[Address, Address] = {}
    try:
        with open_savefile(str(path)) as savefile:
            for frames in savefile:
                recording.seen.extend(_packets(frames, known))
                on_progress(savefile.position)
    except CaptureError as error:
        recording.broken = str(error)
    recording.seen.sort(key=lambda seen: seen.packet.time)
    return recording


def _packets(frames: Frames, known: dict[Address, Address]) -> Iterator[Seen]:
    """Yield the TCP and UDP packets of `frames` in their order."""
    # Decoders keep the time of a frame, whatever it is: given its number instead, a row can be traced to its frame.
    numbered = replace(frames, time=np.arange(len(frames), dtype=np.int64))
    rows = sorted((row for batch in decode(numbered).batches for row in _rows(batch)), key=lambda row: row[0])
    flows: dict[tuple[Any, ...], tuple[Flow, int]] = {}
    for frame, src, sport, dst, dport, protocol, *rest in rows:
        source, target = known.setdefault(src, src), known.setdefault(dst, dst)
        packet = Packet(int(frames.time[frame]), source, sport, target, dport, protocol, *rest)
        ends = (source, sport, target, dport, protocol)
        if ends not in flows:
            sender = End(source, protocol, sport)
            flow = Flow.between(sender, End(target, protocol, dport))
            flows[ends] = flow, flow.side_of(sender)
        yield Seen(packet, *flows[ends], *(_payload(frames, frame, packet) if protocol == UDP else ()))


def _rows(batch: Batch) -> Iterator[tuple[Any, ...]]:
    src, dst = (Addresses.from_column(batch.family, column).objects() for column in (batch.src_addr, batch.dst_addr))
    ends = (src, batch.src_port.tolist(), dst, batch.dst_port.tolist())
    rest = (batch.protocol, batch.tcp_flags, batch.number, batch.says)
    yield from zip(batch.first.tolist(), *ends, *(column.tolist() for column in rest), strict=True)


def _payload(frames: Frames, frame: int, packet: Packet) -> tuple[bytes, int]:
    """Return the captured payload of a datagram, and its length on the wire.

    It is found by the addresses side by side, of the innermost header that has them, and the ports after them, so
    that no header has to be decoded a second time; empty if it is not found.
    """
    start = int(frames.start[frame])
    data = frames.buffer[start : start + int(frames.captured[frame])].tobytes()
    addresses = packet.src.packed + packet.dst.packed
    at = data.rfind(addresses)
    at = data.find(struct.pack(">HH", packet.sport, packet.dport), at + len(addresses)) if at >= 0 else -1
    if at < 0 or at + 6 > len(data):
        return b"", 0
    (length,) = struct.unpack_from(">H", data, at + 4)
    length = max(length, 8)
    return data[at + 8 : at + length], length - 8
