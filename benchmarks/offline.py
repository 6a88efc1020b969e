"""Reading files: the whole `replay` process, and only the path from frames to observations, compared with dpkt."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Final

from benchmarks import baseline
from benchmarks.comparison import Comparison, Pairs, Spent
from shodohflo.attribution.pipeline import Pipeline
from shodohflo.attribution.policy import Policy
from shodohflo.capture.files.savefile import Savefile
from shodohflo.keys import counts
from shodohflo.pcap_config import (
    DST,
    OUR_4NETS,
    OUR_6NETS,
    SRC,
    FlowMapping,
    LowerPort,
    NetworkEnumeration,
)
from shodohflo.process.malloc import keep_freed_memory
from shodohflo.rules.compiler import CompiledRules

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Network, IPv6Network

    from shodohflo.columns.frames import Frames
    from shodohflo.columns.observations import Observations

WHOLE_TARGET: Final = 8.0
INSIDE_TARGET: Final = 30.0
"""At least this many times as fast as the dpkt loop, as is `WHOLE_TARGET`."""

_OUR_NETS: Final[tuple[IPv4Network | IPv6Network, ...]] = (*baseline.OUR_NETS, *baseline.OUR_6NETS)


class OutputsDifferError(Exception):
    """Ours and the yardstick have different results, so that their times cannot be compared."""


def whole_process(capture: Path, repetitions: int) -> Comparison:
    """Time `shodohflo replay --keys CAPTURE` against the yardstick's process, and compare their outputs."""
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours = Path(folder, "theirs"), Path(folder, "ours")
        yardstick = [sys.executable, "-m", "benchmarks.baseline", str(capture)]
        command = [str(Path(sys.executable).with_name("shodohflo")), "replay", "--keys", str(capture)]
        pairs = Pairs.interleaved(lambda: timed(yardstick, theirs), lambda: timed(command, ours), repetitions)
        if theirs.read_bytes() != ours.read_bytes():
            raise OutputsDifferError(f"replay --keys and the dpkt loop print different keys for {capture}")
        lines = ours.read_bytes().count(b"\n")
    return _compared("replay --keys, whole process", pairs, WHOLE_TARGET, {"keys": lines})


def _compared(name: str, pairs: Pairs, target: float, beside: dict[str, float | int | str]) -> Comparison:
    ratio = pairs.times_as_fast()
    # On a busy machine, processor time is less affected by other processes than wall-clock time.
    more: dict[str, float | int | str] = {
        "ratio_of_processor_time": round(1 / pairs.times_the_cost(), 1),
        "repetitions": len(pairs.ours),
    }
    return Comparison(
        name=name,
        yardstick="dpkt loop",
        yardstick_seconds=median(spent.wall for spent in pairs.yardstick),
        our_seconds=median(spent.wall for spent in pairs.ours),
        ratio=ratio,
        target=f">= {target:g}",
        met=ratio >= target,
        beside=beside | more,
    )


def timed(command: Sequence[str], output: Path) -> Spent:
    """Return the times of `command` from start to end, with its output going to a file."""
    with output.open("wb") as stdout:
        before, started = _children_seconds(), perf_counter()
        # `replay` reports the presumed networks on standard error, so show it only if the command fails.
        finished = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=False)
        spent = Spent(perf_counter() - started, _children_seconds() - before)
    if finished.returncode != 0:
        raise OutputsDifferError(f"{' '.join(command)} failed: {finished.stderr.decode()}")
    return spent


def _children_seconds() -> float:
    """Return the processor time of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def frames_to_observations(capture: Path, repetitions: int) -> Comparison:
    """Time the pipeline against the dpkt loop on the same frames, loaded into memory before."""
    keep_freed_memory()  # as replay and run do
    frames = list(baseline.frames_of(capture))
    batches = _preload(capture)
    worst: list[float] = []
    results: list[object] = [None, None]

    def theirs() -> Spent:
        baseline.forget()
        started = Spent(perf_counter(), process_time())
        results[0] = baseline.observe(frames)
        return Spent(perf_counter() - started.wall, process_time() - started.processor)

    def ours() -> Spent:
        started = Spent(perf_counter(), process_time())
        results[1], slowest = _observe(batches)
        worst.append(slowest)
        return Spent(perf_counter() - started.wall, process_time() - started.processor)

    pairs = Pairs.interleaved(theirs, ours, repetitions)
    if baseline.keys(results[0]) != counts(results[1]):  # type: ignore[arg-type]  # what the two functions above put there
        raise OutputsDifferError(f"the pipeline and the dpkt loop count differently for {capture}")
    beside: dict[str, float | int | str] = {
        "packets_per_second": round(len(frames) / median(spent.wall for spent in pairs.ours)),
        "batches": len(batches),
        "largest_batch": max(map(len, batches)),
        "worst_batch_ms": round(median(worst) * 1000, 1),
    }
    return _compared("frames to observations", pairs, INSIDE_TARGET, beside)


def _preload(capture: Path) -> list[Frames]:
    """Return the blocks of frames that the reader makes of `capture`, each with a buffer of its own."""
    with capture.open("rb") as stream:
        return [replace(frames, buffer=frames.buffer.copy()) for frames in Savefile(stream, capture.name)]


def _observe(batches: list[Frames]) -> tuple[Observations, float]:
    """Return the observations, and the seconds of the slowest block."""
    enumeration = NetworkEnumeration(("our_nets", OUR_4NETS, OUR_6NETS), ("all", "0.0.0.0/0", "::/0")).bound(_OUR_NETS)
    mapping = FlowMapping((None, "our_nets", LowerPort(SRC)), ("our_nets", None, LowerPort(DST)))
    pipeline = Pipeline(CompiledRules(enumeration, mapping), Policy(_OUR_NETS))
    slowest = 0.0
    for batch in batches:
        started = perf_counter()
        pipeline.ingest(batch)
        slowest = max(slowest, perf_counter() - started)
    return pipeline.take(), slowest
