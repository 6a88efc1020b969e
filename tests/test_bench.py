"""The benchmarks compare equal work: the load is always the same, and the yardstick counts as the pipeline does.

Nothing here depends on a clock; `make bench` measures speed.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from benchmarks import baseline, flood, hostile, wire, worst
from benchmarks.comparison import Pairs, Spent
from benchmarks.generate import Load, generate
from benchmarks.scale import flows

from reference.corpus import USUAL_NETWORKS, Capture, replay
from shodohflo.attribution.pipeline import BLOCK
from shodohflo.capture.files.savefile import Savefile
from shodohflo.errors import CaptureError
from shodohflo.keys import counts
from shodohflo.wire.decode import decode
from shodohflo.wire.registry import TABLE
from shodohflo.wire.tunnels import UDP_TUNNELS

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from random import Random

    from benchmarks.worst import Made

LOAD = Load(packets=4_000, flows=300)
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small generated capture."""
    return generate(LOAD, tmp_path_factory.mktemp("load"))


def _yardstick(capture: Path) -> Counter[str]:
    baseline.forget()
    return baseline.keys(baseline.observe(baseline.frames_of(capture)))


def test_a_load_is_the_same_every_time(capture: Path, tmp_path: Path) -> None:
    """A load of the same parameters has the same bytes every time."""
    assert generate(LOAD, tmp_path).read_bytes() == capture.read_bytes()


def test_a_load_has_what_a_network_has(capture: Path) -> None:
    """A load has both families, nearly all flows, resets and unreachables, and exactly the requested packets."""
    keys = _yardstick(capture)

    kinds = {key.rpartition(";")[2] for key in keys}

    assert {"flow", "peer", "rst", "icmp"} <= kinds
    assert any(key.startswith("10.") for key in keys)
    assert any(key.startswith("fd00:") for key in keys)
    assert sum(key.endswith(";flow") for key in keys) > LOAD.flows * 0.97
    assert sum(1 for _ in baseline.frames_of(capture)) == LOAD.packets


def test_the_yardstick_counts_what_the_pipeline_counts(capture: Path, tmp_path: Path) -> None:
    """The yardstick counts the same keys as the pipeline."""
    configuration = tmp_path / "default.py"
    configuration.write_text(
        "from shodohflo.pcap_config import *\n"
        'NETWORK_ENUMERATION = NetworkEnumeration(("our_nets", OUR_4NETS, OUR_6NETS), ("all", "0.0.0.0/0", "::/0"))\n'
        'FLOW_MAPPING = FlowMapping((None, "our_nets", LowerPort(SRC)), ("our_nets", None, LowerPort(DST)))\n'
    )

    ours = replay(Capture(capture, LOAD.packets, damaged=False), USUAL_NETWORKS, configuration)

    assert ours.keys == _yardstick(capture)
    assert not ours.broken


def test_the_yardstick_prints_sorted_keys(capture: Path) -> None:
    """The yardstick prints the output format of `replay --keys`, so that the benchmark can compare the bytes."""
    command = [sys.executable, "-m", "benchmarks.baseline", str(capture)]

    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()

    assert printed == [f"{key}\t{packets}" for key, packets in sorted(_yardstick(capture).items())]


def _spent(*seconds: float) -> list[Spent]:
    return [Spent(wall=value, processor=value / 2) for value in seconds]


def test_ratios_are_medians_of_pairs() -> None:
    """A ratio is the median over all pairs, so that one slow run on either side does not decide."""
    pairs = Pairs(yardstick=_spent(10.0, 30.0, 8.0), ours=_spent(1.0, 1.0, 4.0))

    assert pairs.times_as_fast() == 10.0
    assert pairs.times_the_cost() == 0.1


def test_both_are_measured_in_turn() -> None:
    """Yardstick and ours are measured alternately, so that other load on the machine affects both."""
    turns = iter(_spent(1.0, 2.0, 3.0, 4.0))

    pairs = Pairs.interleaved(lambda: next(turns), lambda: next(turns), 2)

    assert pairs == Pairs(yardstick=_spent(1.0, 3.0), ours=_spent(2.0, 4.0))


def test_the_benchmarks_say_what_they_measured() -> None:
    """`--json` gives the yardstick, the ratio, the target and whether it was met."""
    size = ["--packets", "2000", "--flows", "100", "--repetitions", "1"]
    command = [sys.executable, "-m", "benchmarks", "--only", "inside", "--json", *size]

    said = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)

    assert [row["name"] for row in said] == ["frames to observations"]
    assert said[0].keys() >= {"yardstick", "ratio", "target", "met"}
    assert said[0]["beside"]["worst_batch_ms"] > 0


@pytest.mark.parametrize("kind", [*worst.KINDS, *worst.SLOW_FLOWS], ids=lambda kind: str(kind.__name__))
def test_the_frames_that_should_hurt_are_all_different_and_all_have_an_outcome(kind: Callable[[Random], Made]) -> None:
    """A block of each hostile kind is reproducible, and gives each packet an outcome; flows alone repeat frames."""
    frames, again = worst.block(kind, 500), worst.block(kind, 500)
    pipeline = worst.pipeline()

    pipeline.ingest(frames)

    assert frames.buffer.tobytes() == again.buffer.tobytes()
    packets = {
        frames.buffer[begin : begin + size].tobytes() for begin, size in zip(frames.start, frames.captured, strict=True)
    }
    assert len(packets) > 490 or kind in worst.SLOW_FLOWS
    assert pipeline.settle().outcomes.total() == pipeline.settle().received == 500
    assert pipeline.settle().inside.total() == sum(pipeline.settle().opened[name] for name in UDP_TUNNELS)


@pytest.mark.parametrize("kind", ["extension_chains", "label_stacks", "log_attributes", "tunnels_in_tunnels", "quotes"])
def test_the_frames_that_should_hurt_are_sound(kind: str) -> None:
    """Hostile frames are refused as too deep at most, because a frame that is refused early costs nothing."""
    pipeline = worst.pipeline()

    pipeline.ingest(worst.block(getattr(worst, kind), 500))

    refused = {outcome for outcome in pipeline.settle().outcomes if outcome.startswith("refused.")}
    assert refused <= {"refused.too_deep", "refused.quote_malformed"}


def test_plain_packets_are_decoded_alike_by_all_decoders_and_by_the_usual_ones() -> None:
    """Both tables that `--only wire` compares decode all plain packets with the same results."""
    frames = wire.plain(500)

    usual, everything = (decode(frames, table=table) for table in (wire.USUAL, TABLE))

    assert sum(map(len, everything.batches)) == 500
    assert [batch.src_port.tolist() for batch in usual.batches] == [
        batch.src_port.tolist() for batch in everything.batches
    ]
    assert len(wire.USUAL.layers()) == 9


SMALL = 1 << 16
HOSTILE = [*hostile.pcap_shapes(SMALL), *hostile.pcapng_shapes(SMALL)]


@pytest.mark.parametrize(("name", "data"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_hostile_file_is_what_it_says(name: str, data: bytes) -> None:
    """Every hostile file is read to its end, except those whose interfaces have more options than are allowed."""
    damage = ""
    try:
        for _ in Savefile(io.BytesIO(data), name):
            pass
    except CaptureError as error:
        damage = str(error)

    assert ("more than 256 options" in damage) is (name == "interfaces with 16,000 options")
    assert ("more than 256 options" in damage) is bool(damage)


@pytest.mark.parametrize("family", [4, 6])
def test_the_flows_for_scale_are_different_and_of_one_family(family: int) -> None:
    """A row is a flow of its own, but for one in a thousand, so figures for each row are figures for each flow."""
    names = {key for key in counts(flows(5_000, family=family)) if key.endswith(";flow")}

    assert 4_995 <= len(names) <= 5_000
    assert {":" in name for name in names} == {family == 6}


def test_established_flows_are_exact_after_a_flood() -> None:
    """A short flood leaves the counts of all established flows exact, and the process within its memory."""
    command = [sys.executable, "-m", "benchmarks.flood", "--seconds", "2"]
    environment = os.environ | {"PYTHONPATH": "tests"}

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1,000 of 1,000 established flows exact" in done.stdout


def test_the_packets_of_a_flood_are_decoded_and_new_in_each_block() -> None:
    """A block has a packet of each established flow, and all others are of flows that no other block has."""
    [first], [second] = ([batch for batch in decode(flood.block(n)).batches if len(batch)] for n in range(2))

    assert len(first) == len(second) == BLOCK
    both = set(first.src_addr.tolist()) & set(second.src_addr.tolist())
    assert len(both) == flood.ESTABLISHED
