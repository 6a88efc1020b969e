"""The targets of the fuzzer: each takes any bytes, and raises only if our code is wrong.

The tests run every seed and every regression in `corpus` through the targets, without the fuzzer.
"""

from __future__ import annotations

from dataclasses import fields
from io import BytesIO
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.attribution.evidence.evidence import Evidence
from shodohflo.attribution.pipeline import Pipeline
from shodohflo.attribution.policy import Policy
from shodohflo.capture.files.savefile import Savefile
from shodohflo.columns.corrections import correct
from shodohflo.columns.frames import ETHERTYPE, Frames
from shodohflo.errors import CaptureError
from shodohflo.pcap_config import FlowMapping, LowerPort, NetworkEnumeration, Observed
from shodohflo.rules.compiler import CompiledRules
from shodohflo.wire.decode import Packets, decode
from shodohflo.wire.tunnels import UDP_TUNNELS

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from shodohflo.columns.batch import Batch, Messages

_FIRST_ETHERTYPE: Final = 0x0600
"""Below this number, the first two bytes of an input are a link type (IEEE 802.3 clause 3.2.6)."""

_TUNNELS: Final = frozenset(UDP_TUNNELS)
_OUR_NETS: Final = (ip_network("10.0.0.0/8"), ip_network("192.168.0.0/16"), ip_network("fd00::/8"))
_NETWORKS: Final = NetworkEnumeration(("ours", *_OUR_NETS), ("all", "0.0.0.0/0", "::/0"))
_RULES: Final = CompiledRules(_NETWORKS, FlowMapping((None, "ours", LowerPort()), ("ours", None, LowerPort())))
_OBSERVING: Final = CompiledRules(_NETWORKS, FlowMapping((None, None, Observed())))
_LITTLE: Final = 1 << 20
"""Bytes for evidence: little, so that entries take the place of others."""

_LATE: Final = 2_000_000_000 * 10**9
"""When evidence is asked what it has seen, in ns since 1970."""


class Wrong(AssertionError):  # noqa: N818 - the fuzzer prints it: a sentence, not a class of errors
    """A result that must never occur."""


def fuzz_decode(data: bytes) -> None:
    """Decode one frame of the given link type or EtherType twice, between different guard bytes, and compare."""
    number = int.from_bytes(data[:2], "big")
    layer = number if number < _FIRST_ETHERTYPE else ETHERTYPE + number
    outcomes = [_outcome(_frame(data[2:], layer, guard)) for guard in (b"\0" * 64, b"\xff" * 64)]
    if outcomes[0] != outcomes[1]:
        raise Wrong(f"bytes outside the frame matter: {outcomes}")


def fuzz_pcap(data: bytes) -> None:
    """Read the input as a capture; its seeds are pcap files."""
    _read(data)


def fuzz_pcapng(data: bytes) -> None:
    """Read the input as a capture; its seeds are pcapng files."""
    _read(data)


def fuzz_pipeline(data: bytes) -> None:
    """Run a capture through the whole pipeline, and compare the frames, the ledger and the observations."""
    _compare(data, Pipeline(_RULES, Policy(_OUR_NETS, tunnels=_TUNNELS)))


def fuzz_evidence(data: bytes) -> None:
    """Run a capture through rules that leave it to evidence; corrections neither make nor lose a packet."""
    evidence = Evidence(_LITTLE, _OUR_NETS)
    _compare(data, Pipeline(_OBSERVING, Policy(_OUR_NETS, tunnels=_TUNNELS), evidence))
    evidence.news(_LATE)
    evidence.knocks.take(_LATE)


def _compare(data: bytes, pipeline: Pipeline) -> None:
    received = _ingest(data, pipeline)
    ledger = pipeline.settle()
    if not received == ledger.received == ledger.outcomes.total():
        raise Wrong(f"{received} packets, {ledger.received} received, outcomes {ledger.outcomes}")
    recorded = _recorded(ledger.outcomes) + _recorded(ledger.inside)
    observed = pipeline.take()
    corrected = correct(observed, pipeline.take_corrections())
    for seen in (int(observed.packets.sum()), int(corrected.packets.sum())):
        if seen != recorded:
            raise Wrong(f"{recorded} packets recorded, {seen} observed")
    if (corrected.packets <= 0).any():
        raise Wrong("a key without packets")


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "decode": fuzz_decode,
    "pcap": fuzz_pcap,
    "pcapng": fuzz_pcapng,
    "pipeline": fuzz_pipeline,
    "evidence": fuzz_evidence,
}
"""The targets by the names of their folders in `corpus`."""


def _frame(packet: bytes, layer: int, guard: bytes) -> Frames:
    size = np.array([len(packet)], np.int64)
    return Frames(
        buffer=np.frombuffer(guard + packet + guard, np.uint8),
        start=np.array([len(guard)], np.int64),
        captured=size,
        original=size + (packet[-1] if packet else 0),
        layer=np.array([layer], np.uint32),
        time=np.zeros(1, np.int64),
    )


def _outcome(frames: Frames) -> list[object]:
    decoded = decode(frames, _TUNNELS)
    if _ways_out(decoded) != len(frames):
        raise Wrong(f"{_ways_out(decoded)} ways out for {len(frames)} frames")
    over_udp = sum(decoded.opened[name] for name in _TUNNELS)
    if _ways_out(decoded.inside) != over_udp:
        raise Wrong(f"{_ways_out(decoded.inside)} ways out of {over_udp} tunnels")
    return [_told(decoded), _told(decoded.inside), decoded.opened]


def _ways_out(packets: Packets) -> int:
    decoded = sum(map(len, packets.batches)) + sum(map(len, packets.messages))
    return decoded + packets.refused.total() + packets.sent


def _told(packets: Packets) -> list[object]:
    tables: list[Batch | Messages] = [*packets.batches, *packets.messages]
    return [
        packets.refused,
        packets.sent,
        *(np.asarray(getattr(table, field.name)).tolist() for table in tables for field in fields(table)),
    ]


def _read(data: bytes) -> int:
    return _ingest(data, None)


def _ingest(data: bytes, pipeline: Pipeline | None) -> int:
    """Read `data` as a capture, into `pipeline` if there is one, and return the number of its frames."""
    received = 0
    try:
        for frames in Savefile(BytesIO(data), "fuzz"):
            received += len(frames)
            _check(frames)
            if pipeline is not None:
                pipeline.ingest(frames)
    except CaptureError:
        pass
    return received


def _check(frames: Frames) -> None:
    """Raise `Wrong` unless all frames lie within their buffer and are at least as long as their captured bytes."""
    ends = frames.start + frames.captured
    within = (frames.start >= 0) & (frames.captured >= 0) & (ends <= len(frames.buffer))
    if not (within & (frames.original >= frames.captured)).all():
        raise Wrong("a frame that lies outside its buffer, or is longer than it was")


def _recorded(outcomes: Counter[str]) -> int:
    return sum(count for outcome, count in outcomes.items() if outcome.startswith("recorded."))
