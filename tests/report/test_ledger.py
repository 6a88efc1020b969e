"""The ledger as text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from shodohflo.attribution.ledger import DROPPED, REFUSED, Ledger, Outcome
from shodohflo.report.ledger import ledger_lines, print_ledger, write_ledger
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.defaults import default_enumeration, default_mapping
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def rules() -> CompiledRules:
    """Return rules that have not failed."""
    return CompiledRules(default_enumeration(), default_mapping())


def test_the_commonest_outcome_comes_first_and_each_says_what_it_means(rules: CompiledRules) -> None:
    """Numbers stand under each other."""
    ledger = Ledger(1234, 5, Counter({"handshake": 34, "recorded.flow": 1200, "own_network": 0}))

    assert list(ledger_lines(ledger, rules)) == [
        "1,234 packets received, 5 dropped by the kernel",
        "  1,200  recorded.flow  recorded under flow, peer and client keys",
        "     34  handshake      TCP with SYN or FIN: no proof that data flowed",
    ]


def test_nothing_received_is_one_line(rules: CompiledRules) -> None:
    """An empty capture has a ledger too."""
    assert list(ledger_lines(Ledger(), rules)) == ["0 packets received, 0 dropped by the kernel"]


@pytest.mark.parametrize("name", [*Outcome, DROPPED.format(3), *(REFUSED.format(refusal) for refusal in Refusal)])
def test_every_outcome_has_its_words(rules: CompiledRules, name: str) -> None:
    """No reason is left to be looked up."""
    line = list(ledger_lines(Ledger(1, 0, Counter({str(name): 1})), rules))[1]

    count, shown, *words = line.split()
    assert (count, shown) == ("1", str(name))
    assert len(words) >= 3


def test_actions_that_failed_are_told(rules: CompiledRules) -> None:
    """With how often and what the last was."""
    rules.failures[3] = 12
    rules.last_failure[3] = "raised KeyError"

    assert (
        list(ledger_lines(Ledger(), rules))[-1]
        == "  FLOW_MAPPING[3] gave no answer 12 times, the last: raised KeyError"
    )


def test_tunnels_and_what_was_inside_are_told_beside_the_packets(rules: CompiledRules) -> None:
    """The sum stays that of the packets; a tunnel without ports has one packet, and one outcome."""
    ledger = Ledger(3, 0, Counter({"recorded.flow": 3}))
    ledger.opened.update({"vxlan": 2, "gre": 1})
    ledger.inside.update({"handshake": 1, "refused.not_ip": 1})

    assert list(ledger_lines(ledger, rules))[2:] == [
        "  2 packets opened as vxlan",
        "  1 packets opened as gre",
        "  inside the tunnels over UDP, counted beside these packets:",
        "    1  handshake       TCP with SYN or FIN: no proof that data flowed",
        "    1  refused.not_ip  the frame carries neither IPv4 nor IPv6: ARP, LLDP, spanning tree and the like",
    ]


@pytest.mark.parametrize("err", [True, False])
def test_the_ledger_goes_where_the_data_are_not(
    rules: CompiledRules, capsys: pytest.CaptureFixture[str], *, err: bool
) -> None:
    """Standard output may hold data for a script."""
    print_ledger(Ledger(), rules, err=err)

    captured = capsys.readouterr()
    assert (captured.err if err else captured.out) == "0 packets received, 0 dropped by the kernel\n"
    assert (captured.out if err else captured.err) == ""


def test_the_file_holds_the_ledger_as_json(tmp_path: Path) -> None:
    """With the closed list of names that scripts rely on."""
    write_ledger(Ledger(3, 1, Counter({"handshake": 2, "refused.not_ip": 1})), tmp_path / "l.json")

    assert json.loads((tmp_path / "l.json").read_text()) == {
        "received": 3,
        "kernel_dropped": 1,
        "outcomes": {"handshake": 2, "refused.not_ip": 1},
    }
