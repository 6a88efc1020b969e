"""The rules as rows and as objects for JSON, with the packets and flows that each decided."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from shodohflo.attribution.ledger import Ledger
from shodohflo.config import load
from shodohflo.model import Kind
from shodohflo.query.rows import AgentRow
from shodohflo.report.rules import (
    Decided,
    RuleText,
    count_decided,
    count_stored,
    other_configurations,
    print_rules,
    rule_objects,
    rule_rows,
    rule_texts,
)
from support.observing import flow, observed

if TYPE_CHECKING:
    import pytest


def test_rules_stand_beside_what_they_decided_and_others_are_marked() -> None:
    """A rule of another configuration that decided something is listed by its number and marked as such."""
    settings = load(None, {})
    first, second = rule_texts(settings)
    decided = Decided()
    decided.packets[first], decided.flows[first], decided.dropped[RuleText(1, "old words")] = 1200, 2, 7

    rows = rule_rows(settings, decided)

    assert [row[0] for row in rows] == [
        "NETWORK_ENUMERATION[0]",
        "NETWORK_ENUMERATION[1]",
        "FLOW_MAPPING[0]",
        "FLOW_MAPPING[1]",
        "FLOW_MAPPING[1]",
    ]
    assert rows[2] == ("FLOW_MAPPING[0]", "1,200", "2", "0", "", first.sentence)
    assert rows[4] == ("FLOW_MAPPING[1]", "0", "0", "7", "", "old words (in another configuration)")
    told = list(rule_objects(settings, decided))[1:]
    assert [(rule["place"], rule["sentence"]) for rule in told] == [
        ("FLOW_MAPPING[1]", second.sentence),
        ("FLOW_MAPPING[1]", "old words"),
    ]
    counts = [(rule["packets"], rule["flows"], rule["dropped"], rule["contradicted"]) for rule in told]
    assert counts == [(0, 0, 0, 0), (0, 0, 7, 0)]


def test_json_has_one_rule_a_line_and_the_table_has_the_networks_too(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has one object for each rule, and the table has the networks too."""
    settings = load(None, {})

    print_rules(settings, None, as_json=True)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == list(rule_objects(settings, None))

    print_rules(settings, None, as_json=False)
    table = capsys.readouterr().out
    assert all(row[0] in table for row in rule_rows(settings, None))


def test_without_counts_and_without_a_configuration_only_what_is_known_is_shown() -> None:
    """Objects have no counts if nothing was counted; rows have no networks without a configuration."""
    decided = Decided()
    decided.dropped[RuleText(3, "words")] = 1

    assert next(iter(rule_objects(load(None, {}), None))).keys() == {"place", "sentence"}
    assert rule_rows(None, decided) == [("FLOW_MAPPING[3]", "0", "0", "1", "", "words")]


def test_flows_are_counted_once_for_each_rule() -> None:
    """Each flow counts once for its rule, resets do not count, and the drops are those of the ledger."""
    first = flow("10.0.0.1", "10.0.0.2", 53, 3)
    seen = observed(
        first,
        replace(first, protocol=17),
        replace(first, port=54),
        replace(first, rule=2, kind=Kind.FLOW_IGNORED),
        replace(first, rule=1, kind=Kind.RESET),
    )

    rules = [RuleText(number, f"rule {number}") for number in range(3)]
    decided = count_decided(seen, Ledger(outcomes=Counter({"dropped.FLOW_MAPPING[1]": 5})), rules, {2: 4, 0: 0})

    assert decided.packets == {rules[0]: 9, rules[2]: 3}
    assert decided.flows == {rules[0]: 2, rules[2]: 1}
    assert +decided.dropped == {rules[1]: 5}
    assert decided.contradicted == {rules[2]: 4}
    assert count_decided(observed(), Ledger(), rules, {}).packets == {}


def test_contradictions_have_a_column_where_there_are_any(capsys: pytest.CaptureFixture[str]) -> None:
    """The column is there with the first rule of the operator that decided a flow against evidence, and only then."""
    agents = [AgentRow(name, "db", 1.0, {"contradicted.FLOW_MAPPING[1]": "600"}) for name in ("bert", "ernie")]
    settings = load(None, {})

    print_rules(settings, count_stored([], [], rule_texts(settings)), as_json=False)
    assert "CONTRADICTED" not in capsys.readouterr().out

    print_rules(settings, count_stored([], agents, rule_texts(settings)), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["PLACE", "PACKETS", "FLOWS", "DROPPED", "CONTRADICTED", "SENTENCE"]
    assert lines[-1].split()[:5] == ["FLOW_MAPPING[1]", "0", "0", "0", "1,200"]


def test_malformed_fields_of_an_agents_hash_are_skipped() -> None:
    """Malformed fields of a heartbeat are skipped, and the drops of several agents are added up."""
    place = "outcomes.dropped.FLOW_MAPPING"
    agents = [
        AgentRow("bert", "db", 1.0, {f"{place}[3]": "5", f"{place}[x]": "1"}),
        AgentRow("ernie", "db", 1.0, {f"{place}[3]": "2", f"{place}[4]": "-", f"{place}[5]": "9" * 5000}),
    ]

    assert count_stored([], agents, [RuleText(3, "now")]).dropped == {RuleText(3, "now"): 7}


def test_only_agents_with_another_configuration_are_named() -> None:
    """Running agents whose configuration has another digest are named; without a configuration, none is."""
    settings = replace(load(None, {}), digest="d1")
    agents = [AgentRow("bert", "db", 1.0, {"configuration.digest": settings.digest}), AgentRow("ernie", "db", 1.0, {})]
    agents += [AgentRow(state, "db", 900.0, {"state": state}) for state in ("ended", "cut short")]

    assert list(other_configurations(agents, settings)) == ["agent ernie runs another configuration: ?, since ?"]
    assert list(other_configurations(agents, None)) == []


def test_what_an_agents_hash_says_is_escaped() -> None:
    """No control character of a store reaches the terminal."""
    settings = replace(load(None, {}), digest="d1")
    strange = AgentRow("b\x1b[2J", "db", 1.0, {"configuration": "\x1b]0;x\x07", "configuration.since": "\n"})

    assert list(other_configurations([strange], settings)) == [
        "agent b\\x1b[2J runs another configuration: \\x1b]0;x\\x07, since "
    ]
