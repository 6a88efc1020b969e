"""The fate of each row: the sums equal those of the pipeline, and rows keep their places."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.analysis.fates import Fate, Fates
from shodohflo.analysis.frame import to_frames
from shodohflo.attribution.order import decide
from shodohflo.attribution.pipeline import Pipeline
from shodohflo.attribution.policy import CompiledPolicy, IgnoredFlow, Policy
from shodohflo.columns.merging import merge_packets
from shodohflo.keys import counts
from shodohflo.model import FlowKey, Rung
from shodohflo.pcap_config import DST, SRC, Assign, FlowMapping, LowerPort, NetworkEnumeration
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.packet import Packet
from shodohflo.wire.decode import decode
from support.made_packets import FAMILIES, packets, policies
from support.rule_sets import OPERATORS, OURS, rule_sets

if TYPE_CHECKING:
    from shodohflo.columns.batch import Batch

OURS_ = ip_network("192.168.0.0/16")
NETWORKS = NetworkEnumeration(("ours", OURS_), ("far", "8.0.0.0/8"))
RULES = FlowMapping(("far", "ours", Assign(DST, SRC, {53}, drop=True)), (None, "ours", LowerPort()))
POLICY = Policy((OURS_,), ignored=(IgnoredFlow(ip_network("8.8.4.4/32"), 80),))


def batch_of(*texts: str) -> Batch:
    """Return packets of one family as a batch, one row for each."""
    (batch,) = decode(to_frames([Packet.from_text(text) for text in texts])).batches
    return batch


def decided(batch: Batch, policy: Policy = POLICY) -> Fates:
    """Decide about a batch by the rules above."""
    return Fates.follow(batch, decide(batch, CompiledRules(NETWORKS, RULES), CompiledPolicy(policy)))


def told(batch: Batch, policy: Policy = POLICY) -> list[Fate]:
    """Return the fate of every row."""
    return decided(batch, policy).of(np.arange(len(batch)))


def test_each_row_has_its_fate_in_its_place() -> None:
    """Each outcome that the rules can lead to is found at its row."""
    batch = batch_of(
        "8.8.8.8:53 > 192.168.0.1:40000 udp",
        "9.9.9.9:53 > 192.168.0.1:40000 udp",
        "8.8.8.8:443 > 192.168.0.1:40000 udp",
        "192.168.0.1:40000 > 8.8.8.8:443 udp",
        "8.8.4.4:80 > 192.168.0.1:40000 udp",
    )

    key = FlowKey(ip_address("192.168.0.1"), ip_address("8.8.8.8"), 443)
    ignored = replace(key, service=ip_address("8.8.4.4"), port=80)
    assert told(batch) == [
        Fate("dropped.FLOW_MAPPING[0]", rule=0),
        Fate("unmatched.no_network"),
        Fate("recorded.flow", key, 1, Rung.GUESSED),
        Fate("unmatched.no_rule"),
        Fate("recorded.flow_ignored", ignored, 1, Rung.GUESSED),
    ]


def test_traffic_between_our_own_addresses_is_told_as_suppressed() -> None:
    """SUPPRESS_OWN_NETWORK decides about packets that the rules would record."""
    batch = batch_of("192.168.0.1:40000 > 192.168.0.2:443 udp", "8.8.8.8:53 > 192.168.0.1:40000 udp")

    fates = told(batch, replace(POLICY, suppress_own_network=True))

    assert [fate.outcome for fate in fates] == ["own_network", "dropped.FLOW_MAPPING[0]"]


def test_a_correction_changes_the_fate_of_its_key_alone() -> None:
    """The outcome and the rule stay; the key and the evidence are new."""
    here, there = ip_address("192.168.0.1"), ip_address("8.8.8.8")
    wrong, right = FlowKey(there, here, 40000), FlowKey(here, there, 50051)
    fate = Fate("recorded.flow", wrong, 1, Rung.GUESSED)

    assert fate.corrected(wrong, right, Rung.HANDSHAKE) == Fate("recorded.flow", right, 1, Rung.HANDSHAKE)
    assert fate.corrected(right, wrong, Rung.HANDSHAKE) == fate


def test_only_the_wanted_rows_are_told() -> None:
    """Only the chosen rows are returned, in their order."""
    batch = batch_of(*(f"8.8.8.8:{port} > 192.168.0.1:40000 udp" for port in (80, 53, 443, 53, 22)))

    fates = decided(batch).of(np.array([1, 4]))

    assert [fate.rule for fate in fates] == [0, 1]
    assert [fate.key.port for fate in fates if fate.key] == [22]


@given(st.data())
def test_what_is_recorded_row_by_row_sums_to_what_the_pipeline_records(data: st.DataObject) -> None:
    """The recorded rows sum to the pipeline's counts, also with custom actions, ties, resets and handshakes."""
    rule_set = data.draw(rule_sets(OURS | OPERATORS))
    addresses = st.sampled_from(rule_set.addresses(data.draw(st.sampled_from(FAMILIES))))
    some = data.draw(st.lists(packets(addresses), max_size=30))
    frames = to_frames([*some, *some[::2]])
    rules, policy = CompiledRules(rule_set.enumeration(), rule_set.mapping()), data.draw(policies(rule_set))
    pipeline, compiled = Pipeline(rules, policy), CompiledPolicy(policy)

    pipeline.ingest(frames)

    summed: Counter[str] = Counter()
    for batch in map(merge_packets, decode(frames).batches):
        fates = Fates.follow(batch, decide(batch, rules, compiled))
        kept = fates.of_row >= 0
        assert fates.seen.packets[fates.of_row[kept]].tolist() == batch.packets[kept].tolist()
        assert not fates.differ(Fates.follow(batch, decide(batch, rules, compiled))).any()
        summed.update(counts(fates.seen))
    recorded = {key: count for key, count in counts(pipeline.take()).items() if not key.endswith(";icmp")}
    clients = {key for key in recorded if key.startswith("client;")}
    assert {key: count for key, count in summed.items() if key not in clients} == {
        key: count for key, count in recorded.items() if key not in clients
    }
