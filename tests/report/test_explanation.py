"""An explanation as text: the ends, the questions, the rules, the outcome and the keys, in this order."""

from __future__ import annotations

from ipaddress import ip_network

from shodohflo.analysis.explain import explain
from shodohflo.config import Configuration, load
from shodohflo.pcap_config import FlowMapping, Observed
from shodohflo.report.explanation import explanation_lines
from shodohflo.rules.packet import Packet

CONFIGURATION = Configuration(load(None, {}), (ip_network("10.0.0.0/8"),))


def lines(packet: str) -> list[str]:
    """Return the lines about `packet` with the default rules."""
    configuration = CONFIGURATION
    told = explain(Packet.from_text(packet), configuration.networks, configuration.mapping, configuration.policy())
    return list(explanation_lines(told))


def test_the_parts_stand_in_the_order_of_deciding() -> None:
    """Each part has its heading; the deciding rule has `yes`, and the keys come last."""
    told = lines("192.0.2.1:40000 > 10.0.0.1:22 udp")

    headings = [line for line in told if line in {"before the rules", "rules"}]
    assert told[0] == "192.0.2.1:40000 > 10.0.0.1:22 udp"
    assert headings == ["before the rules", "rules"]
    assert any(line.startswith("  FLOW_MAPPING[0]  yes") for line in told)
    assert told[-4:] == [
        "keys     192.0.2.1;10.0.0.1;22;flow",
        "         192.0.2.1;10.0.0.1;peer",
        "         10.0.0.1;192.0.2.1;peer",
        "         client;192.0.2.1",
    ]


def test_a_packet_that_comes_to_no_rule_says_so() -> None:
    """The explanation of a reset states that the rules are not asked, because it is recorded before them."""
    told = lines("192.0.2.1:22 > 10.0.0.1:40000 tcp rst")

    assert "the rules are not asked" in told
    assert told[-2:] == ["keys     10.0.0.1;192.0.2.1;40000:22;rst", "         client;10.0.0.1"]


def test_a_packet_without_keys_has_none() -> None:
    """A packet that is not recorded has `none` as its keys."""
    assert lines("192.0.2.1:40000 > 192.0.2.2:22 udp")[-1] == "keys     none"


def test_a_rule_that_asks_for_evidence_is_named_before_the_outcome_without() -> None:
    """The rules, outcome and keys of one packet are those without evidence."""
    mapping = FlowMapping((None, None, Observed())).number_networks(CONFIGURATION.networks)
    packet = Packet.from_text("192.0.2.1:22 > 10.0.0.1:40000 udp")

    told = list(explanation_lines(explain(packet, CONFIGURATION.networks, mapping, CONFIGURATION.policy())))

    assert told[-6:-3] == [
        "Where there is evidence, FLOW_MAPPING[0] decides by it; where there is none:",
        told[-5],
        "keys     10.0.0.1;192.0.2.1;22;flow",
    ]
    assert told[-5].startswith("outcome  recorded.flow: ")
    assert not any("evidence" in line for line in lines("192.0.2.1:22 > 10.0.0.1:40000 udp"))
