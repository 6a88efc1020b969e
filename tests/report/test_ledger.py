"""The ledger as text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from shodohflo.attribution.ledger import DROPPED, REFUSED, Ledger, Outcome
from shodohflo.columns.frames import ETHERTYPE
from shodohflo.report.ledger import MOST_KINDS, ledger_lines, print_ledger, write_ledger
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.defaults import default_enumeration, default_mapping
from shodohflo.wire.layers import IPV4_PAYLOAD
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def rules() -> CompiledRules:
    """Return rules that have not failed."""
    return CompiledRules(default_enumeration(), default_mapping())


def test_the_commonest_outcome_comes_first_and_each_says_what_it_means(rules: CompiledRules) -> None:
    """Outcomes are sorted by count, with aligned numbers and their explanations; a count of 0 is left out."""
    ledger = Ledger(1234, 5, Counter({"handshake": 34, "recorded.flow": 1200, "own_network": 0}))

    assert list(ledger_lines(ledger, rules)) == [
        "1,234 packets received, 5 dropped by the kernel",
        "  1,200  recorded.flow  recorded under flow, peer and client keys",
        "     34  handshake      TCP with SYN or FIN: no proof that data flowed",
    ]


def test_nothing_received_is_one_line(rules: CompiledRules) -> None:
    """An empty ledger is the line with the totals."""
    assert list(ledger_lines(Ledger(), rules)) == ["0 packets received, 0 dropped by the kernel"]


@pytest.mark.parametrize("name", [*Outcome, DROPPED.format(3), *(REFUSED.format(refusal) for refusal in Refusal)])
def test_every_outcome_has_its_words(rules: CompiledRules, name: str) -> None:
    """Every outcome is printed with an explanation."""
    line = list(ledger_lines(Ledger(1, 0, Counter({str(name): 1})), rules))[1]

    count, shown, *words = line.split()
    assert (count, shown) == ("1", str(name))
    assert len(words) >= 3


def test_actions_that_failed_are_told(rules: CompiledRules) -> None:
    """A rule whose action failed is printed with the number of failures and the last one."""
    rules.failures[3] = 12
    rules.last_failure[3] = "raised KeyError"

    assert (
        list(ledger_lines(Ledger(), rules))[-1]
        == "  FLOW_MAPPING[3] gave no answer 12 times, the last: raised KeyError"
    )


def test_tunnels_and_what_was_inside_are_told_beside_the_packets(rules: CompiledRules) -> None:
    """Opened tunnels are listed after the outcomes, then the outcomes of the packets inside UDP tunnels."""
    ledger = Ledger(3, 0, Counter({"recorded.flow": 3}))
    ledger.opened.update({"vxlan": 2, "gre": 1})
    ledger.inside.update({"handshake": 1, "refused.not_ip": 1})

    assert list(ledger_lines(ledger, rules))[2:] == [
        "  2 packets opened as vxlan",
        "  1 packet opened as gre",
        "  inside UDP tunnels, counted in addition to these packets:",
        "    1  handshake       TCP with SYN or FIN: no proof that data flowed",
        "    1  refused.not_ip  the frame carries neither IPv4 nor IPv6: ARP, LLDP, spanning tree and the like",
    ]


def test_refused_packets_say_what_they_were(rules: CompiledRules) -> None:
    """Below a refusal stand the kinds of its packets, the most frequent first, and what is left of many is summed."""
    ledger = Ledger(66, 0, Counter({"refused.not_ip": 64, "refused.protocol": 2}))
    ledger.unread.update({ETHERTYPE + 0x0806: 40, ETHERTYPE + 0x88CC: 12, IPV4_PAYLOAD + 132: 2})
    ledger.unread.update({ETHERTYPE + 0x1000 + number: 1 for number in range(12)})

    lines = list(ledger_lines(ledger, rules))

    assert lines[1].startswith("  64  refused.not_ip ")
    assert lines[2:5] == ["      40  0x0806 ARP", "      12  0x88cc LLDP", "      1  0x1000"]
    assert lines[1 + MOST_KINDS : 4 + MOST_KINDS] == [
        "      1  0x1005",
        "      6  of 6 other kinds",
        "   2  refused.protocol  neither TCP, UDP, ICMP nor ICMPv6",
    ]
    assert lines[-1] == "      2  132 SCTP"


@pytest.mark.parametrize("err", [True, False])
def test_the_ledger_goes_where_the_data_are_not(
    rules: CompiledRules, capsys: pytest.CaptureFixture[str], *, err: bool
) -> None:
    """The ledger is printed on standard error or on standard output, as `err` selects."""
    print_ledger(Ledger(), rules, err=err)

    captured = capsys.readouterr()
    assert (captured.err if err else captured.out) == "0 packets received, 0 dropped by the kernel\n"
    assert (captured.out if err else captured.err) == ""


def test_the_file_holds_the_ledger_as_json(tmp_path: Path) -> None:
    """The file has the ledger as JSON, with the names of the outcomes as keys."""
    write_ledger(Ledger(3, 1, Counter({"handshake": 2, "refused.not_ip": 1})), tmp_path / "l.json")

    assert json.loads((tmp_path / "l.json").read_text()) == {
        "received": 3,
        "kernel_dropped": 1,
        "outcomes": {"handshake": 2, "refused.not_ip": 1},
    }


def test_what_a_filter_left_out_is_said_to_be_uncounted(rules: CompiledRules) -> None:
    """The ledger of a run names its filters, in the order in which they were in force."""
    lines = list(ledger_lines(Ledger(received=3, filters=("port 80", "no filter")), rules))

    assert lines[1] == "  without the packets that the filter leaves out, which nobody counts: port 80, then no filter"
