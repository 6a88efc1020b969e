"""The columns of evidence as a judge of plain packets, to be held against the plain ladder."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reference.ladder import Flow, Packet, Verdict
from shodohflo.attribution.evidence.evidence import Evidence
from shodohflo.attribution.evidence.grading import Grades
from shodohflo.attribution.evidence.verdicts import Heard
from shodohflo.attribution.order import decide
from shodohflo.attribution.policy import CompiledPolicy, Policy
from shodohflo.attribution.results import kinds_of
from shodohflo.columns.addresses import Addresses
from shodohflo.columns.batch import ADDRESS, Batch
from shodohflo.columns.merging import group_packets
from shodohflo.model import End, Rung
from shodohflo.pcap_config import FlowMapping, LowerPort, NetworkEnumeration, Observed
from shodohflo.rules.compiler import CompiledRules

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family
    from shodohflo.columns.corrections import Corrections
    from shodohflo.model import Address, Network

EVERYWHERE: Final = NetworkEnumeration(("all", "0.0.0.0/0", "::/0"))


class Columns:
    """Everything that is decided by evidence, else by the lower port."""

    def __init__(self, our_nets: Iterable[Network] = (), evidence: Evidence | None = None) -> None:
        """Begin with nothing remembered."""
        self.evidence = evidence or Evidence(our_nets=our_nets)
        self.rules = CompiledRules(EVERYWHERE, FlowMapping((None, None, Observed(LowerPort()))))
        self.policy = CompiledPolicy(Policy((ip_network("0.0.0.0/0"), ip_network("::/0"))))
        self.grades = Grades()
        self.corrections: list[Corrections] = []

    def take_in(self, packets: Sequence[Packet]) -> dict[Flow, Verdict]:
        """Take in a batch; return what is written of each flow with payload in it, the service None if guessed."""
        verdicts: dict[Flow, Verdict] = {}
        for family in (4, 6):
            some = [packet for packet in packets if packet.src.version == family]
            if some:
                verdicts |= self.take_in_batch(batch_of(family, some))
        return verdicts

    def take_in_batch(self, batch: Batch) -> dict[Flow, Verdict]:
        """Take in the packets of one family."""
        merged = group_packets(batch)
        heard = Heard.of(self.evidence, merged)
        decisions = decide(merged.rows, self.rules, self.policy, heard)
        assert decisions.said
        self.corrections.append(
            heard.record(decisions.said, decisions.verdicts, kinds_of(decisions), self.rules.opinions, self.grades)
        )
        return _verdicts(heard)


def batch_of(family: Family, packets: Sequence[Packet]) -> Batch:
    """Return packets of one family as a batch."""

    def addresses(ends: Iterable[Address]) -> NDArray[Any]:
        return np.array([int(end) if family == 4 else end.packed for end in ends], ADDRESS[family])

    times = np.array([packet.time for packet in packets], np.int64)
    return Batch(
        family=family,
        src_addr=addresses(packet.src for packet in packets),
        dst_addr=addresses(packet.dst for packet in packets),
        src_port=np.array([packet.sport for packet in packets], np.uint16),
        dst_port=np.array([packet.dport for packet in packets], np.uint16),
        protocol=np.array([packet.protocol for packet in packets], np.uint8),
        tcp_flags=np.array([packet.flags for packet in packets], np.uint8),
        number=np.array([packet.number for packet in packets], np.uint32),
        says=np.array([packet.says for packet in packets], np.uint8),
        packets=np.ones(len(packets), np.int64),
        octets=np.full(len(packets), 40, np.int64),
        first=times,
        last=times,
    )


def _verdicts(heard: Heard) -> dict[Flow, Verdict]:
    """Return what is written of the flows with payload, from each of their rows."""
    keyed = heard.taken.keyed
    rows = np.flatnonzero(keyed.rows.tcp_flags == 0)
    some, side = keyed.rows[rows], keyed.side[rows]
    source, destination = (_ends(some, *columns) for columns in (("src_addr", "src_port"), ("dst_addr", "dst_port")))
    service, rung = heard.service[rows], heard.rung[rows]
    return {
        Flow((there, here) if swapped else (here, there)): Verdict(None if end == 0 else end - 1, Rung(by))
        for here, there, swapped, end, by in zip(
            source, destination, side.tolist(), service.tolist(), rung.tolist(), strict=True
        )
    }


def _ends(rows: Batch, addresses: str, ports: str) -> list[End]:
    columns = (
        _objects(rows.family, getattr(rows, addresses)),
        rows.protocol.tolist(),
        getattr(rows, ports).tolist(),
    )
    return [End(*each) for each in zip(*columns, strict=True)]


def _objects(family: Family, column: NDArray[Any]) -> list[Address]:
    return Addresses.from_column(family, column).objects()
