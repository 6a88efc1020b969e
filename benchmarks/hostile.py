"""What hostile capture files cost for each byte, compared with plain packets measured in the same run.

A file may be made so that reading it is expensive: of nothing but section headers, of interfaces with thousands of
options, of empty records, of compressed members that hold nothing. Whatever it is made of, a byte of it must not cost
more than ten times a byte of a file of small plain packets. For compressed files the bytes are the unpacked ones, or
the packed ones if those are more.

    python -m benchmarks.hostile
"""

from __future__ import annotations

import argparse
import gzip
import random
import struct
import tempfile
from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Final

from benchmarks import worst
from benchmarks.comparison import Comparison
from benchmarks.wire import plain
from shodohflo.capture.files.savefile import Savefile
from shodohflo.capture.files.unpack import zstd  # type: ignore[attr-defined]  # whichever of two modules it is
from shodohflo.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shodohflo.columns.frames import Frames

TARGET: Final = 10.0
"""The most that a byte of a hostile file may cost, in bytes of plain packets."""

SIZE: Final = 8 << 20
"""The bytes of a file, unpacked, or packed if those are more."""

_TIME: Final = 1_700_000_000
_SECTION: Final = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
_BIG_SECTION: Final = struct.pack(">IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
_PCAP: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)


@dataclass(frozen=True, slots=True)
class Shape:
    """A hostile file: its bytes as they are on disk, and how many they are unpacked."""

    name: str
    data: bytes
    unpacked: int

    @property
    def size(self) -> int:
        """The bytes that the cost is divided by."""
        return max(len(self.data), self.unpacked)


def _frames() -> list[bytes]:
    """Return plain TCP packets in Ethernet frames of 60 bytes."""
    return _bytes_of(plain(1 << 12))


def _bytes_of(frames: Frames) -> list[bytes]:
    places = zip(frames.start.tolist(), frames.captured.tolist(), strict=True)
    return [frames.buffer[start : start + captured].tobytes() for start, captured in places]


def _pcap(frames: Iterable[bytes], link: int = 1) -> bytes:
    records = (struct.pack("<IIII", _TIME, 0, len(frame), len(frame)) + frame for frame in frames)
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link) + b"".join(records)


def _block(kind: int, body: bytes = b"", order: str = "<") -> bytes:
    size = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + size + body + size


def _interface(options: bytes = b"", link: int = 1) -> bytes:
    return _block(1, struct.pack("<HHI", link, 0, 0) + options)


def _packet(interface: int = 0, data: bytes = b"", options: bytes = b"", ticks: int = _TIME * 10**6) -> bytes:
    fields = struct.pack("<IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return _block(6, fields + data + bytes(-len(data) % 4) + options)


def _option(code: int, value: bytes = b"") -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _repeated(piece: bytes, before: bytes = b"", size: int = SIZE) -> bytes:
    """Return `before`, and `piece` as often as fits."""
    return before + piece * max(1, (size - len(before)) // len(piece))


def _clocks(choice: random.Random, options: Callable[[int], bytes], size: int) -> bytes:
    """Return packets of 4,096 interfaces, each with its own options, in random order."""
    interfaces = b"".join(_interface(options(number), link=(1, 101)[number % 2]) for number in range(4096))
    packets = b"".join(_packet(choice.randrange(4096), ticks=choice.randrange(1 << 64)) for _ in range(8192))
    return _repeated(packets, _SECTION + interfaces, size)


def pcap_shapes(size: int = SIZE) -> Iterable[tuple[str, bytes]]:
    """Yield hostile pcap files of about `size` bytes."""
    choice = random.Random(1)
    yield "empty records", _repeated(struct.pack("<IIII", _TIME, 0, 0, 0), _PCAP, size=size)
    yield "records of zeros", _repeated(bytes(16), _PCAP, size=size)
    yield "records of 1 byte", _repeated(struct.pack("<IIII", _TIME, 0, 1, 1) + b"x", _PCAP, size=size)
    jumps = [struct.pack("<IIII", choice.randrange(1 << 32), 0, 0, 0) for _ in range(1 << 15)]
    yield "records at random times", _repeated(b"".join(jumps), _PCAP, size=size)
    fake = struct.pack("<IIII", _TIME, 0, 8, 8)
    yield (
        "records that imitate records",
        _repeated(struct.pack("<IIII", _TIME, 0, 600, 600) + fake * 37 + fake[:8], _PCAP, size=size),
    )


def pcapng_shapes(size: int = SIZE) -> Iterable[tuple[str, bytes]]:
    """Yield hostile pcapng files of about `size` bytes."""
    choice = random.Random(1)
    begin = _SECTION + _interface()
    many = _option(2988) * 16_000
    yield "empty sections", _repeated(_SECTION, size=size)
    yield "sections of both byte orders", _repeated(_SECTION + _BIG_SECTION, size=size)
    yield "sections of one packet", _repeated(_SECTION + _interface() + _packet(), size=size)
    yield "sections of one interface", _repeated(_SECTION + _interface(_option(9, b"\x09")), size=size)
    yield "interfaces", _repeated(_SECTION + _interface() * 60_000, size=size)
    yield "interfaces with 10 options", _repeated(_SECTION + _interface(_option(2988) * 10) * 1000, size=size)
    yield "interfaces with 16,000 options", _repeated(_interface(many), _SECTION, size=size)
    yield "sections with 16,000 options", _repeated(_block(0x0A0D0D0A, _SECTION[8:-4] + many), size=size)
    yield "packets with 16,000 options", _repeated(_packet(options=many), begin, size=size)
    yield "packets with 8 options", _repeated(_packet(options=_option(2988) * 8), begin, size=size)
    yield "packets with comments", _repeated(_packet(options=_option(1, b"a comment")), begin, size=size)
    yield "packets of 0 bytes", _repeated(_packet(), begin, size=size)
    yield "simple packets of 0 bytes", _repeated(_block(3, bytes(4)), begin, size=size)
    yield "custom blocks", _repeated(_block(0xBAD), begin, size=size)
    yield (
        "custom blocks of many types",
        _repeated(b"".join(_block(0x80000000 | n) for n in range(9999)), begin, size=size),
    )
    yield "name resolution", _repeated(_block(4, bytes(4)), begin, size=size)
    yield "statistics", _repeated(_block(5, bytes(12)), begin, size=size)
    yield "interfaces of any resolution", _clocks(choice, lambda number: _option(9, bytes([number % 256])), size)
    yield "interfaces of any offset", _clocks(choice, lambda number: _option(14, struct.pack("<q", number - 9)), size)


def packed_shapes() -> Iterable[tuple[str, bytes, int]]:
    """Yield hostile compressed files, each with the bytes that it unpacks to."""
    packets = _frames()
    head = gzip.compress(_PCAP, mtime=0)
    few = 100_000
    yield "empty gzip members", head + gzip.compress(b"", mtime=0) * few, len(_PCAP)
    yield "empty zstd frames", zstd.compress(_PCAP) + zstd.compress(b"") * few, len(_PCAP)
    yield "skippable zstd frames", zstd.compress(_PCAP) + b"\x50\x2a\x4d\x18\0\0\0\0" * few, len(_PCAP)
    one = _pcap(packets[:1])[24:]
    yield "gzip members of one packet", head + gzip.compress(one, mtime=0) * few, len(one) * few
    yield "zstd frames of one packet", zstd.compress(_PCAP) + zstd.compress(one) * few, len(one) * few
    yield "gzip of stored blocks of 1 byte", _stored(_pcap(packets * 4)), len(_pcap(packets * 4))
    sections = _repeated(_SECTION, size=1 << 26)
    yield "gzip of empty sections", gzip.compress(sections), len(sections)


def _stored(data: bytes) -> bytes:
    """Return a gzip member of stored blocks of one byte each."""
    blocks = b"".join(b"\0\1\0\xfe\xff" + data[place : place + 1] for place in range(len(data) - 1))
    return gzip.compress(b"", mtime=0)[:10] + blocks + b"\1\1\0\xfe\xff" + data[-1:] + _trailer(data)


def _trailer(data: bytes) -> bytes:
    return gzip.compress(data, 1)[-8:]


def packet_shapes() -> Iterable[tuple[str, bytes]]:
    """Yield pcapng files of hostile packets: those of `worst`."""
    for kind in worst.KINDS:
        frames = worst.block(kind, frames=1 << 14)
        links = sorted(set(frames.layer.tolist()))
        number = {link: place for place, link in enumerate(links)}
        interfaces = b"".join(_interface(link=link) for link in links)
        layers = frames.layer.tolist()
        packets = [_packet(number[layer], data) for layer, data in zip(layers, _bytes_of(frames), strict=True)]
        yield kind.__name__.replace("_", " "), _repeated(b"".join(packets), _SECTION + interfaces, size=1 << 24)


def yardstick() -> Shape:
    """Return a pcap file of plain packets."""
    data = _repeated(_pcap(_frames())[24:], _PCAP)
    return Shape("plain packets", data, len(data))


def shapes() -> list[Shape]:
    """Return all hostile files."""
    files = [*pcap_shapes(), *pcapng_shapes(), *packet_shapes()]
    return [
        *(Shape(name, data, len(data)) for name, data in files),
        *(Shape(name, data, unpacked) for name, data, unpacked in packed_shapes()),
    ]


def seconds(shape: Shape) -> float:
    """Read a file into a complete pipeline; return the processor time. Damage ends reading, as it does in `replay`."""
    into = worst.pipeline()
    with tempfile.TemporaryFile(buffering=0) as stream:
        stream.write(shape.data)
        stream.seek(0)
        started = process_time()
        try:
            for frames in Savefile(stream, shape.name):
                into.ingest(frames)
        except CaptureError:
            pass
        into.settle()
        return process_time() - started


def cost(shape: Shape, plain_shape: Shape, repetitions: int) -> float:
    """Return what a byte of `shape` costs in bytes of plain packets; both are measured alternately."""
    pairs = [(seconds(shape) / shape.size, seconds(plain_shape) / plain_shape.size) for _ in range(repetitions)]
    return median(ours / theirs for ours, theirs in pairs)


def costliest_byte(repetitions: int) -> Comparison:
    """Compare the costliest of all bytes with those of plain packets."""
    measure = yardstick()
    costs = {shape.name: cost(shape, measure, repetitions) for shape in shapes()}
    name = max(costs, key=costs.__getitem__)
    plain_second = seconds(measure) / measure.size
    return Comparison(
        name="the costliest byte",
        yardstick="plain packets, a gigabyte",
        yardstick_seconds=plain_second * 1e9,
        our_seconds=plain_second * 1e9 * costs[name],
        ratio=costs[name],
        target=f"<= {TARGET:g}",
        met=costs[name] <= TARGET,
        beside={"shape": name},
    )


def main() -> None:
    """Print the cost of each shape, costliest first."""
    parser = argparse.ArgumentParser(prog="benchmarks.hostile", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3, help="pairs of measurements (%(default)s)")
    parser.add_argument("--only", default="", help="shapes whose name holds this")
    chosen = parser.parse_args()
    measure = yardstick()
    print(f"plain packets: {seconds(measure) / measure.size * 1e9:.2f} ns a byte")
    print(f"{'shape':36}{'bytes':>12}{'cost of a byte':>18}")
    for shape in shapes():
        if chosen.only in shape.name:
            ratio = cost(shape, measure, chosen.repetitions)
            print(f"{shape.name:36}{shape.size:12,}{ratio:18.2f}{'' if ratio <= TARGET else '  missed'}", flush=True)


if __name__ == "__main__":
    main()
