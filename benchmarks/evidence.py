"""Evidence: what rules with `Observed` cost beside rules with `LowerPort`, from a file and live, and under a flood."""

from __future__ import annotations

import sys
import tempfile
from ipaddress import ip_network
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.comparison import Comparison, Pairs, Skipped, Spent
from benchmarks.generate import generate
from benchmarks.live import LOAD, LOOPS, Agent, a_folder, joined_namespaces, obstacle, run_agent
from benchmarks.offline import timed
from shodohflo.attribution.evidence.evidence import EVIDENCE_MEMORY, Evidence
from shodohflo.attribution.evidence.grading import Grades
from shodohflo.attribution.evidence.verdicts import Heard
from shodohflo.attribution.order import decide
from shodohflo.attribution.policy import CompiledPolicy, Policy
from shodohflo.attribution.results import kinds_of
from shodohflo.columns.batch import ACK, SYN, Batch
from shodohflo.columns.merging import group_packets
from shodohflo.model import TCP
from shodohflo.pcap_config import FlowMapping, LowerPort, NetworkEnumeration, Observed
from shodohflo.rules.compiler import CompiledRules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Column = NDArray[np.uint32]
    Ends = tuple[Column, NDArray[np.uint16], Column, NDArray[np.uint16]]

TARGET: Final = 1.1
"""The processor time with `Observed` may be at most this multiple of that with `LowerPort`."""

_FLOOD: Final = 1_000_000
"""Ends that are seen once, in a second of packet time."""

_KNOWN: Final = 200
"""Services that are known before."""

_RULES: Final = """\
from shodohflo.pcap_config import DST, OUR_4NETS, OUR_6NETS, SRC, FlowMapping, LowerPort, NetworkEnumeration, Observed

NETWORK_ENUMERATION = NetworkEnumeration(("our_nets", OUR_4NETS, OUR_6NETS), ("all", "0.0.0.0/0", "::/0"))
FLOW_MAPPING = FlowMapping((None, "our_nets", {inwards}), ("our_nets", None, {outwards}))
"""

LOWER_PORT: Final = _RULES.format(inwards="LowerPort(SRC)", outwards="LowerPort(DST)")
OBSERVED: Final = _RULES.format(inwards="Observed(LowerPort(SRC))", outwards="Observed(LowerPort(DST))")


def from_a_file(capture: Path, repetitions: int) -> Comparison:
    """Time `replay --keys CAPTURE` with both kinds of rules."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def replay(rules: str) -> Spent:
            (folder / "rules.py").write_text(rules, encoding="utf-8")
            program = str(Path(sys.executable).with_name("shodohflo"))
            command = [program, "replay", "--keys", "--config", str(folder / "rules.py"), str(capture)]
            return timed(command, folder / "keys")

        pairs = Pairs.interleaved(lambda: replay(LOWER_PORT), lambda: replay(OBSERVED), repetitions)
    return _compared("replay --keys, Observed", pairs, {})


def live(repetitions: int) -> Comparison | Skipped:
    """Compare an agent with both kinds of rules on the same load."""
    name = "wire to store, live, Observed"
    if reason := obstacle():
        return Skipped(name, reason)
    capture = generate(LOAD)
    agents: list[Agent] = []

    def listen(rules: str) -> Spent:
        with a_folder() as folder:
            (folder / "rules.py").write_text(rules, encoding="utf-8")
            agents.append(run_agent(capture, folder, "--config", str(folder / "rules.py")))
        return agents[-1].load

    with joined_namespaces():
        pairs = Pairs.interleaved(lambda: listen(LOWER_PORT), lambda: listen(OBSERVED), repetitions)
    dropped = max(agent.kernel_dropped for agent in agents)
    return _compared(name, pairs, {"packets": LOAD.packets * LOOPS, "kernel_dropped": dropped})


def _compared(name: str, pairs: Pairs, beside: dict[str, float | int | str]) -> Comparison:
    cost = pairs.times_the_cost()
    return Comparison(
        name=name,
        yardstick="LowerPort",
        yardstick_seconds=median(spent.processor for spent in pairs.yardstick),
        our_seconds=median(spent.processor for spent in pairs.ours),
        ratio=cost,
        target=f"<= {TARGET:g}",
        met=cost <= TARGET,
        beside=beside | {"repetitions": len(pairs.ours)},
    )


def flood() -> Comparison:
    """Take in a million ends that are seen once, after 200 services; see what it takes, and that these are known."""
    evidence = Evidence()
    enumeration = NetworkEnumeration(("all", "0.0.0.0/0"))
    rules = CompiledRules(enumeration, FlowMapping((None, None, Observed(LowerPort()))))
    room = evidence.octets
    for batch in _conversations(np.arange(_KNOWN, dtype=np.uint32)):
        _hear(evidence, rules, batch)
    started = Spent(perf_counter(), process_time())
    for batch in _strangers():
        _hear(evidence, rules, batch)
    spent = Spent(perf_counter() - started.wall, process_time() - started.processor)
    known = len([seen for seen in evidence.services.all(_LAST) if seen.end.port == _PORT])
    return Comparison(
        name="evidence under a flood of a million ends",
        yardstick="a second",
        yardstick_seconds=1.0,
        our_seconds=spent.processor,
        ratio=spent.processor,
        target=f"{_KNOWN} known, {EVIDENCE_MEMORY >> 20} MB",
        met=known == _KNOWN and evidence.octets == room <= EVIDENCE_MEMORY,
        beside={"services_known": known, "megabytes": round(evidence.octets / 2**20, 1)},
    )


_EVERYTHING: Final = (ip_network("0.0.0.0/0"),)
_FIRST, _LAST = 1_700_000_000 * 10**9, 1_700_000_100 * 10**9
_PORT: Final = 54_321


def _hear(evidence: Evidence, rules: CompiledRules, batch: Batch) -> None:
    merged = group_packets(batch)
    heard = Heard.of(evidence, merged)
    decisions = decide(merged.rows, rules, CompiledPolicy(Policy(_EVERYTHING)), heard)
    assert decisions.said
    heard.record(decisions.said, decisions.verdicts, kinds_of(decisions), rules.opinions, Grades())


def _conversations(services: Column) -> Iterator[Batch]:
    """Yield two conversations of one client with each service, opened and answered, one batch each."""
    count = len(services)
    client, server = np.full(count, 0x0A000001, np.uint32), services + np.uint32(0x0B000000)
    for turn in (0, 1):
        port, service = np.full(count, 40_000 + turn, np.uint16), np.full(count, _PORT, np.uint16)
        asks, answers = (client, port, server, service), (server, service, client, port)
        steps = ((asks, SYN), (answers, SYN | ACK), (asks, 0), (answers, 0))
        time = _FIRST + turn * 10**9
        yield Batch.concatenate([_segments(ends, flags, time + at) for at, (ends, flags) in enumerate(steps)])


def _strangers() -> Iterator[Batch]:
    """Yield a million segments, each between two ends of their own, in blocks of a second altogether."""
    block = 1 << 15
    for begin in range(0, _FLOOD, block):
        number = np.arange(begin, min(begin + block, _FLOOD), dtype=np.uint32)
        port = (number & np.uint32(0x7FFF)).astype(np.uint16) + np.uint16(32_768)
        ends = (number + np.uint32(0x20000000), port, number + np.uint32(0x40000000), port[::-1])
        yield _segments(ends, 0, _FIRST + 10**10 + begin * 1000)


def _segments(ends: Ends, flags: int, time: int) -> Batch:
    count = len(ends[0])
    times = np.full(count, time, np.int64)
    return Batch(
        family=4,
        src_addr=ends[0],
        src_port=ends[1],
        dst_addr=ends[2],
        dst_port=ends[3],
        protocol=np.full(count, TCP, np.uint8),
        tcp_flags=np.full(count, flags, np.uint8),
        number=np.full(count, 7 if flags else 0, np.uint32),
        says=np.zeros(count, np.uint8),
        packets=np.ones(count, np.int64),
        octets=np.full(count, 60, np.int64),
        first=times,
        last=times,
    )
