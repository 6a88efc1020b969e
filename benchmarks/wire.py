"""The cost of all decoders for plain packets: the complete table, compared with one that has only the usual decoders.

`python -m benchmarks --only wire` runs this benchmark alone.
"""

from __future__ import annotations

from statistics import median
from time import perf_counter, process_time
from typing import Final

import numpy as np

from benchmarks.comparison import Comparison, Pairs, Spent
from shodohflo.attribution.pipeline import BLOCK
from shodohflo.columns.frames import Frames
from shodohflo.wire import layers
from shodohflo.wire.decode import decode
from shodohflo.wire.decoding import DecoderTable
from shodohflo.wire.registry import TABLE

TARGET: Final = 1.10
"""With all decoders, a plain packet may cost at most this multiple of its cost with the usual ones."""

_FEWEST_PAIRS: Final = 21
_BLOCKS: Final = 20
"""Blocks per measurement: long enough for the clock, short enough to avoid other load on the machine."""

USUAL: Final = DecoderTable(
    {
        layer: decoder
        for layer in (layers.ETHERNET, layers.IPV4, layers.IPV6, *sorted(layers.TRANSPORT))
        if (decoder := TABLE.get(layer))
    }
)
"""A table with only the decoders of Ethernet, IPv4, IPv6, TCP, UDP, ICMP and ICMPv6."""


def plain(count: int = BLOCK, seed: int = 1) -> Frames:
    """Return a block of Ethernet frames with IPv4 and TCP and random addresses and ports; equal for equal seeds."""
    packets = np.zeros((count, 60), np.uint8)
    packets[:, 12:15] = (0x08, 0x00, 0x45)
    packets[:, 17] = packets.shape[1] - 14
    packets[:, 23] = 6
    packets[:, 26:38] = np.random.default_rng(seed).integers(0, 256, (count, 12), np.uint8)
    packets[:, 46:48] = (0x50, 0x10)
    size = np.full(count, packets.shape[1], np.int64)
    return Frames(
        buffer=packets.reshape(-1),
        start=np.arange(count, dtype=np.int64) * packets.shape[1],
        captured=size,
        original=size,
        layer=np.full(count, layers.ETHERNET, np.uint32),
        time=np.arange(count, dtype=np.int64),
    )


def plain_packets(repetitions: int) -> Comparison:
    """Time the same block with both tables, alternately, in this process."""
    frames = plain()
    pairs = Pairs.interleaved(
        lambda: _spent(frames, USUAL), lambda: _spent(frames, TABLE), max(repetitions, _FEWEST_PAIRS)
    )
    cost = pairs.times_the_cost()
    ours = median(spent.processor for spent in pairs.ours)
    return Comparison(
        name="plain Ethernet, IPv4 and TCP",
        yardstick="usual decoders alone",
        yardstick_seconds=median(spent.processor for spent in pairs.yardstick),
        our_seconds=ours,
        ratio=cost,
        target=f"<= {TARGET:g}",
        met=cost <= TARGET,
        beside={"packets_per_second": round(_BLOCKS * BLOCK / ours), "repetitions": len(pairs.ours)},
    )


def _spent(frames: Frames, table: DecoderTable) -> Spent:
    wall, processor = perf_counter(), process_time()
    for _ in range(_BLOCKS):
        decode(frames, table=table)
    return Spent(perf_counter() - wall, process_time() - processor)
