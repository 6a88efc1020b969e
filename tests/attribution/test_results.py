"""Observations and counts that follow from decisions."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from shodohflo.attribution.order import Step, decide
from shodohflo.attribution.policy import CompiledPolicy, IgnoredFlow, Policy
from shodohflo.attribution.questions import Message
from shodohflo.attribution.results import RECORDED, is_recorded, observe, tally, tally_undecoded
from shodohflo.columns.batch import Quote
from shodohflo.columns.frames import ETHERTYPE
from shodohflo.model import ICMP, Kind
from shodohflo.pcap_config import DST, SRC, Assign, FlowMapping, LowerPort, NetworkEnumeration
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.packet import Packet
from shodohflo.wire.decode import Packets
from support.made_packets import FAMILIES, batch_of, messages_of, packets, policies
from support.rule_sets import OPERATORS, OURS, rule_sets

US = ip_network("10.0.0.0/8")
NETWORKS = NetworkEnumeration(("ours", US), ("far", "8.0.0.0/8"))
MAPPING = FlowMapping(
    ("far", "ours", Assign(DST, SRC, {53}, drop=True)),
    (None, "ours", LowerPort(SRC)),
    ("ours", None, LowerPort(DST)),
)
RULES = CompiledRules(NETWORKS, MAPPING)
POLICY = CompiledPolicy(Policy((US,), ignored=(IgnoredFlow(ip_network("8.8.4.4/32"), 80),)))

BATCH = batch_of(
    [
        Packet.from_text(text)
        for text in (
            "8.8.8.8:443 > 10.0.0.1:40000 tcp",
            "8.8.8.8:22 > 10.0.0.1:50000 tcp rst",
            "10.0.0.1:40000 > 8.8.4.4:80 tcp",
            "8.8.8.8:53 > 10.0.0.1:40000 udp",
            "8.8.8.8:1 > 8.8.4.4:2 udp",
            "10.0.0.1:1 > 9.9.9.9:2 udp",
            "10.0.0.1:1 > 8.8.8.8:2 tcp syn",
        )
    ]
)


def test_recorded_rows_become_observations_in_their_order() -> None:
    """A flow has its client first, whoever sent, and no client port; a reset has both ports and no rule."""
    seen = observe(BATCH, decide(BATCH, RULES, POLICY))

    assert seen.kind.tolist() == [Kind.FLOW, Kind.RESET, Kind.FLOW_IGNORED]
    assert seen.client.texts() == ["10.0.0.1"] * 3
    assert seen.remote.texts() == ["8.8.8.8", "8.8.8.8", "8.8.4.4"]
    assert seen.client_port.tolist() == [0, 50000, 0]
    assert seen.port.tolist() == [443, 22, 80]
    assert seen.rule.tolist() == [1, 0, 2]


def test_every_packet_is_counted_under_its_outcome() -> None:
    """Packets are counted by outcome, dropped ones by rule, and unmatched ones also by pair of networks."""
    counted = tally(BATCH, decide(BATCH, RULES, POLICY))

    assert counted.outcomes == {
        "recorded.flow": 1,
        "recorded.flow_ignored": 1,
        "recorded.rst": 1,
        "dropped.FLOW_MAPPING[0]": 1,
        "unmatched.no_rule": 1,
        "unmatched.no_network": 1,
        "handshake": 1,
    }
    ours, far = NETWORKS.network_id["ours"], NETWORKS.network_id["far"]
    assert counted.unmatched == {(far, far): 1, (ours, 0): 1}


def test_an_unreachable_is_recorded_under_the_end_that_it_was_sent_to() -> None:
    """An unreachable is recorded under its receiver; other messages are only counted."""
    messages = messages_of(4, [Message(ip_address("8.8.8.8"), ip_address("10.0.0.1"), quote) for quote in Quote])

    decisions = decide(messages, RULES, POLICY)

    seen = observe(messages, decisions)
    assert (seen.kind.tolist(), seen.client.texts(), seen.protocol.tolist()) == (
        [Kind.UNREACHABLE],
        ["10.0.0.1"],
        [ICMP],
    )
    assert tally(messages, decisions).outcomes == {
        "recorded.icmp": 1,
        "refused.quote_cut": 1,
        "refused.quote_fragment": 1,
        "refused.quote_malformed": 1,
        "icmp_other": 1,
    }


def test_packets_that_are_not_decoded_are_counted_by_their_reasons() -> None:
    """Packets refused by decoders are counted by reason and some by layer as well; those the host sent as `sent`."""
    unread = Counter({ETHERTYPE + 0x0806: 2})
    refused = tally_undecoded(Packets(refused=Counter(ip_cut=3, not_ip=2), unread=unread, sent=2))

    assert refused.outcomes == {"refused.ip_cut": 3, "refused.not_ip": 2, "sent": 2}
    assert refused.unread == unread
    assert tally_undecoded(Packets()).outcomes == {}


@given(st.data())
def test_observations_and_outcomes_sum_to_the_packets(data: st.DataObject) -> None:
    """Observations and outcomes sum to the packets, for any rules and policy."""
    rule_set = data.draw(rule_sets(OURS | OPERATORS))
    addresses = st.sampled_from(rule_set.addresses(data.draw(st.sampled_from(FAMILIES))))
    some = data.draw(st.lists(packets(addresses).filter(lambda each: each.protocol != ICMP), min_size=1, max_size=30))
    batch, policy = batch_of(some), CompiledPolicy(data.draw(policies(rule_set)))

    decisions = decide(batch, CompiledRules(rule_set.enumeration(), rule_set.mapping()), policy)

    outcomes, seen = tally(batch, decisions).outcomes, observe(batch, decisions)
    assert sum(outcomes.values()) == len(some)
    recorded = sum(count for name, count in outcomes.items() if name.startswith("recorded."))
    assert recorded == len(seen) == is_recorded(decisions).sum() == seen.packets.sum()
    assert seen.kind.tolist() == [RECORDED[Step(step)] for step in decisions.step.tolist() if step in RECORDED]
