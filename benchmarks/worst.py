"""The slowest blocks we could think of: frames as different from each other as possible, or flows made to be slow.

Columns are fast because many packets have the same headers in the same order. An attacker can send packets that have
nothing in common: random chains of extension headers, label stacks, tags and tunnels of every depth, quotes within
messages within tunnels. The decoder takes all rows with the same next header at once and follows a limited number of
headers, so that its work is bounded. In the same way one flow may have as many openings, resets and requests as it
likes, and evidence of it is taken in a bounded number of rounds. This benchmark measures the bound.

    python -m benchmarks.worst
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from ipaddress import ip_network
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.comparison import Comparison
from shodohflo.attribution.evidence.evidence import Evidence
from shodohflo.attribution.pipeline import BLOCK, Pipeline
from shodohflo.attribution.policy import Policy
from shodohflo.columns.frames import Frames
from shodohflo.pcap_config import FlowMapping, LowerPort, NetworkEnumeration, Observed
from shodohflo.rules.compiler import CompiledRules
from shodohflo.wire.decode import decode
from shodohflo.wire.tunnels import UDP_TUNNELS

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET: Final = 0.25
"""The most seconds that a block may take: the ring must be able to hold the packets received meanwhile."""

_LONGEST: Final = 1400
"""The most bytes of a frame: what Ethernet carries and a slot of the ring holds."""

_RAW, _ETHERNET, _NFLOG, _FRAME_RELAY, _PPP = 101, 1, 239, 107, 9
_EXTENSIONS: Final = (0, 43, 60, 135, 139, 140)
_TAGS: Final = ((0x8926, 4), (0x893F, 6), (0xF1C1, 4), (0x892F, 4), (0xDADA, 6), (0x88E5, 6), (0x88A8, 2), (0x8874, 4))
_BEFORE_A_FRAME: Final = (
    (0x88E7, bytes(4)),
    (0x8903, bytes(2)),
    (0x22F3, bytes(6)),
    (0x894F, b"\0\2\1\3" + bytes(4)),
    (0x8847, b"\0\0\1\0"),
    (0x8847, b"\0\0\1\0" + bytes(4)),
    (0, b""),
    (0, b""),
)
"""EtherTypes and the headers that they announce, with a frame behind them; 0 is for tags and for tunnels over IP."""

_TUNNELS: Final = frozenset(UDP_TUNNELS)
_OUR_NETS: Final = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))

Made = tuple[int, bytes]
"""A link type and a frame."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The cost of a block of one kind, in seconds of processor time."""

    name: str
    decoding: float
    ingesting: float
    """The whole pipeline, decoding included."""


def extension_chains(choice: random.Random) -> Made:
    """Return TCP behind a random chain of extension headers."""
    return _RAW, _chained(choice, choice.randrange(30), 6, _tcp(choice))


def ether_types(choice: random.Random) -> Made:
    """Return a frame with a random EtherType."""
    return _ETHERNET, _ethernet(choice.randrange(1 << 16), choice.randbytes(60))


def link_types(choice: random.Random) -> Made:
    """Return a frame with a random link type."""
    return choice.randrange(1 << 16), choice.randbytes(60)


def ppp_protocols(choice: random.Random) -> Made:
    """Return a frame with a random PPP protocol."""
    return _PPP, choice.randbytes(60)


def label_stacks(choice: random.Random) -> Made:
    """Return TCP behind a random number of VLAN tags and MPLS labels."""
    tags = b"".join(struct.pack("!HH", choice.randrange(4096), 0x8100) for _ in range(choice.randrange(12)))
    labels = b"\0\0\0\0" * choice.randrange(15) + b"\0\0\1\0"
    return _ETHERNET, bytes(12) + b"\x81\0" + tags + struct.pack("!HH", 1, 0x8847) + labels + _ipv4(
        choice, 6, _tcp(choice)
    )


def log_attributes(choice: random.Random) -> Made:
    """Return an NFLOG frame with a random number of attributes of random length."""
    sizes = [choice.randrange(4, 12) for _ in range(choice.randrange(28))]
    attributes = b"".join(struct.pack("<HH", size, 1) + bytes((size + 3) // 4 * 4 - 4) for size in sizes)
    packet = _ipv4(choice, 17, _udp(choice, choice.randrange(1 << 16), b""))
    return _NFLOG, b"\2\0\0\0" + attributes + struct.pack("<HH", 4 + len(packet), 9) + packet


def tunnels_in_tunnels(choice: random.Random) -> Made:
    """Return nested tunnels of random kinds, some behind extension headers."""
    return _RAW, _nested(choice, choice.randrange(1, 14))


def frames_in_frames(choice: random.Random) -> Made:
    """Return nested Ethernet frames behind random tags and tunnels that a link may put before them."""
    frame = _ethernet(0x0800, _tcp_packet(choice))
    for _ in range(choice.randrange(16)):
        frame = _before_a_frame(choice, frame)
    return _ETHERNET, frame


def quotes(choice: random.Random) -> Made:
    """Return an unreachable behind a random chain, which quotes a packet with another random chain."""
    quoted = _chained(choice, choice.randrange(30), 17, _udp(choice, 9, b""))
    return _RAW, _chained(choice, choice.randrange(30), 58, b"\1\4" + bytes(6) + quoted)


def repeated_requests(choice: random.Random) -> Made:
    """Return now and then the same request of one flow, among packets so different that rows are not merged."""
    if choice.randrange(16):
        return _RAW, _tcp_packet(choice)
    head = struct.pack("!BBHHHBBHII", 0x45, 0, 40, 0, 0, 64, 17, 0, 0x0A000001, 0x0A000002)
    return _RAW, head + struct.pack("!HHHH", 40000, 53, 20, 0) + bytes(12)


def resets_and_payload(choice: random.Random) -> Made:
    """Return segments of one flow: payload, resets from both ends, and now and then a SYN."""
    flags = choice.choice([0x10, 0x04]) if choice.randrange(1024) else 0x02
    ends = [(0x0A000001, 40000), (0x0A000002, 50000)]
    (src, src_port), (dst, dst_port) = ends if choice.randrange(2) else reversed(ends)
    head = struct.pack("!BBHHHBBHII", 0x45, 0, 40, 0, 0, 64, 6, 0, src, dst)
    return _RAW, head + struct.pack("!HHIIBBHHH", src_port, dst_port, 0, 0, 0x50, flags, 0, 0, 0)


def udp_tunnels(choice: random.Random) -> Made:
    """Return nested UDP tunnels, each behind a random chain."""
    packet = _chained(choice, choice.randrange(28), 6, _tcp(choice))
    for _ in range(choice.randrange(1, 6)):
        packet = _chained(choice, choice.randrange(8), 17, _udp_tunnel(choice, packet))
    return _RAW, packet


def everything(choice: random.Random) -> Made:
    """Return a frame of any of the other kinds."""
    return choice.choice(KINDS[:-1])(choice)


KINDS: Final[tuple[Callable[[random.Random], Made], ...]] = (
    extension_chains,
    ether_types,
    link_types,
    ppp_protocols,
    label_stacks,
    log_attributes,
    tunnels_in_tunnels,
    frames_in_frames,
    quotes,
    udp_tunnels,
    everything,
)
"""Frames that are all different."""

SLOW_FLOWS: Final[tuple[Callable[[random.Random], Made], ...]] = (repeated_requests, resets_and_payload)
"""Frames of which many belong to one flow."""


def _nested(choice: random.Random, depth: int) -> bytes:
    if depth == 0:
        return choice.choice([_tcp_packet, _chain_packet])(choice)
    inner = _nested(choice, depth - 1)
    kind = choice.randrange(5)
    if kind == 0:
        return _ipv4(choice, 47, b"\0\0\x65\x58" + _ethernet(_ether_type(inner), inner))
    if kind == 1:
        return _ipv4(choice, 47, b"\x30\0" + struct.pack("!H", _ether_type(inner)) + bytes(8) + inner)
    if kind == 2:
        return _chained(choice, choice.randrange(2), 137, b"\0\0\1\0" + inner)
    if kind == 3:
        return _ipv4(choice, 97, b"\x30\0" + _ethernet(_ether_type(inner), inner))
    return _chained(choice, choice.randrange(3), 4 if inner[0] >> 4 == 4 else 41, inner)


def _before_a_frame(choice: random.Random, frame: bytes) -> bytes:
    number, header = choice.choice(_BEFORE_A_FRAME)
    if number:
        return _ethernet(number, header + frame)
    if choice.randrange(3) == 0:
        return _ethernet(0x0800, _ipv4(choice, 115, b"\0\0\0\1" + bytes(choice.choice((0, 4, 8, 12))) + frame))
    if choice.randrange(2):
        return _ethernet(0x0800, _ipv4(choice, 47, b"\x20\1\x64\0\0\1\0\1" + frame))
    # A tag goes between the addresses and the EtherType.
    tag, size = choice.choice(_TAGS)
    return frame[:12] + struct.pack("!H", tag) + header[:size].ljust(size, b"\0") + frame[12:]


def _tcp_packet(choice: random.Random) -> bytes:
    return _ipv4(choice, 6, _tcp(choice))


def _chain_packet(choice: random.Random) -> bytes:
    return _chained(choice, choice.randrange(6), 6, _tcp(choice))


def _udp_tunnel(choice: random.Random, packet: bytes) -> bytes:
    kind = choice.randrange(4)
    if kind == 0:
        return _udp(choice, 4789, b"\x08" + bytes(7) + _ethernet(0x86DD, packet))
    if kind == 1:
        return _udp(choice, 6081, b"\0\0\x86\xdd" + bytes(4) + packet)
    if kind == 2:
        return _udp(choice, 2152, b"\x34\xff" + bytes(9) + b"\x85\1\0\0\0" + packet)
    return _udp(choice, 3544, packet)


def _chained(choice: random.Random, length: int, last: int, payload: bytes) -> bytes:
    chain = [choice.choice(_EXTENSIONS) for _ in range(length)]
    headers = b"".join(bytes([after, 0]) + bytes(6) for after in [*chain[1:], last][:length])
    head = struct.pack("!IHBB", 6 << 28, len(headers) + len(payload), chain[0] if chain else last, 64)
    return head + b"\xfd" + choice.randbytes(15) + choice.randbytes(16) + headers + payload


def _ipv4(choice: random.Random, protocol: int, payload: bytes) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0)
    return head + b"\x0a" + choice.randbytes(7) + payload


def _tcp(choice: random.Random) -> bytes:
    return choice.randbytes(4) + bytes(8) + b"\x50\x10" + bytes(6)


def _udp(choice: random.Random, port: int, payload: bytes) -> bytes:
    return struct.pack("!HHHH", choice.randrange(1 << 16), port, 8 + len(payload), 0) + payload


def _ethernet(ether_type: int, payload: bytes) -> bytes:
    return bytes(12) + struct.pack("!H", ether_type) + payload


def _ether_type(packet: bytes) -> int:
    return 0x0800 if packet[0] >> 4 == 4 else 0x86DD


def block(kind: Callable[[random.Random], Made], frames: int = BLOCK, seed: int = 1) -> Frames:
    """Return a block of frames of one kind; equal for equal seeds."""
    choice = random.Random(seed)
    made = [kind(choice) for _ in range(frames)]
    captured = np.array([min(len(frame), _LONGEST) for _, frame in made], np.int64)
    return Frames(
        buffer=np.frombuffer(b"".join(frame[:_LONGEST] for _, frame in made), np.uint8),
        start=np.cumsum(captured) - captured,
        captured=captured,
        original=np.array([len(frame) for _, frame in made], np.int64),
        layer=np.array([layer for layer, _ in made], np.uint32),
        time=np.arange(frames, dtype=np.int64),
    )


def measure(kind: Callable[[random.Random], Made], repetitions: int = 5) -> Timing:
    """Time one block of `kind`, with UDP tunnels opened."""
    frames = block(kind)
    decoding = median(_seconds(lambda: decode(frames, _TUNNELS)) for _ in range(repetitions))
    ingesting = median(_ingesting(frames) for _ in range(repetitions))
    return Timing(kind.__name__.replace("_", " "), decoding, ingesting)


def pipeline() -> Pipeline:
    """Return a complete pipeline with two networks, all tunnels, and evidence, which an agent always keeps."""
    networks = NetworkEnumeration(("ours", *_OUR_NETS), ("all", "0.0.0.0/0", "::/0"))
    rules = CompiledRules(networks, FlowMapping((None, "ours", Observed(LowerPort())), ("ours", None, Observed())))
    return Pipeline(rules, Policy(_OUR_NETS, tunnels=_TUNNELS), Evidence(our_nets=_OUR_NETS))


def _ingesting(frames: Frames) -> float:
    taking_in = pipeline()
    return _seconds(lambda: taking_in.ingest(frames))


def _seconds(run: Callable[[], object]) -> float:
    started = process_time()
    run()
    return process_time() - started


def worst_block(repetitions: int) -> Comparison:
    """Compare the slowest of all blocks with the time that a block may take."""
    worst = max((measure(kind, repetitions) for kind in (*KINDS, *SLOW_FLOWS)), key=lambda timing: timing.ingesting)
    return Comparison(
        name="the worst block",
        yardstick="at most",
        yardstick_seconds=TARGET,
        our_seconds=worst.ingesting,
        ratio=TARGET / worst.ingesting,
        target=">= 1",
        met=worst.ingesting <= TARGET,
        beside={"frames": BLOCK, "kind": worst.name, "decoding": f"{worst.decoding:.2f} s"},
    )


def main() -> None:
    """Print the cost of a block of each kind, and the worst of them."""
    timings = [measure(kind) for kind in (*KINDS, *SLOW_FLOWS)]
    print(f"one block of {BLOCK:,} frames of each kind; seconds of one core")
    print(f"{'kind':24}{'decode':>10}{'whole pipeline':>18}")
    for timing in timings:
        print(f"{timing.name:24}{timing.decoding:10.3f}{timing.ingesting:18.3f}")
    worst = max(timings, key=lambda timing: timing.ingesting)
    verdict = "met" if worst.ingesting <= TARGET else "missed"
    print(f"worst batch: {worst.name}, {worst.ingesting:.3f} s (target: at most {TARGET:g} s, {verdict})")


if __name__ == "__main__":
    main()
