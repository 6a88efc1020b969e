"""The grades of rules in sentences, as JSON, and summed over agents."""

from __future__ import annotations

import json

import pytest

from shodohflo.config import load
from shodohflo.keys.grades import grades_to_fields
from shodohflo.model import RuleGrade
from shodohflo.pcap_config import SRC, FlowMapping, LowerPort, MappingAction, Observed, PortMatch
from shodohflo.query.rows import AgentRow
from shodohflo.report.grades import (
    LONGEST,
    NONE_GRADED,
    ScoreCard,
    doubtful_lines,
    grade_sentence,
    is_doubtful,
    join_grades,
    print_grades,
    rule_codes,
    stored_cards,
)

LOWER = RuleGrade(0, graded=1244, disagreed=51, worst_port=20000, worst_graded=51, worst_disagreed=38)


class Custom(MappingAction):
    """An operator's own action."""


MAPPING = FlowMapping(
    (None, None, LowerPort(SRC)), (None, None, Custom()), (None, None, PortMatch(range(1, 1000), SRC))
)


def test_a_grade_in_one_sentence() -> None:
    """The sentence has the rule as it is written, its share of wrong answers, the worst port, and of how many flows."""
    assert grade_sentence(LOWER, rule_codes(MAPPING)) == (
        "FLOW_MAPPING[0] LowerPort(SRC): 4.1 % disagree with evidence; worst port 20000: 38 of 51; 1,244 flows graded"
    )


def test_of_a_rule_that_goes_by_evidence_the_guesses_are_graded() -> None:
    """Nothing was recorded wrong there, and the sentence says so; where nothing disagrees, there is nothing to say."""
    codes = rule_codes(FlowMapping((None, None, Observed(otherwise=LowerPort(SRC)))))

    assert grade_sentence(LOWER, codes) == (
        "FLOW_MAPPING[0] Observed(otherwise=LowerPort(SRC)): 4.1 % disagree with evidence, which decides before"
        " otherwise; worst port 20000: 38 of 51; 1,244 flows graded"
    )
    assert grade_sentence(RuleGrade(0, 3, 0), codes).endswith(": 0 % disagree with evidence; 3 flows graded")


def test_a_rule_that_is_only_known_by_its_number_has_the_same_sentence_without_it() -> None:
    """What the rule says is left out where only the agent knows it."""
    assert grade_sentence(LOWER).startswith("FLOW_MAPPING[0]: 4.1 % disagree")


@pytest.mark.parametrize(
    ("graded", "disagreed", "told"),
    [
        (1, 0, "0 % disagree with evidence; 1 flow graded"),
        (2, 2, "100 % disagree with evidence; worst port 7: 1 of 1; 2 flows graded"),
        (100_000, 1, "less than 0.1 % disagree with evidence; worst port 7: 1 of 1; 100,000 flows graded"),
        (100_000, 99_999, "99.9 % disagree with evidence; worst port 7: 1 of 1; 100,000 flows graded"),
        (9, 3, "33.3 % disagree with evidence; worst of all other ports together: 1 of 1; 9 flows graded"),
        (0, 0, "not graded: no flow that it has an opinion about has shown its client and its service"),
    ],
)
def test_only_none_and_all_are_written_as_such(graded: int, disagreed: int, told: str) -> None:
    """Rounding never makes 0 % or 100 % of anything else; a rule that was asked about nothing says what that means."""
    grade = RuleGrade(0, graded, disagreed, 0 if disagreed == 3 else 7, 1, 1) if disagreed else RuleGrade(0, graded, 0)

    assert grade_sentence(grade) == f"FLOW_MAPPING[0]: {told}"


def test_a_rule_is_written_as_in_the_configuration_but_not_at_any_length() -> None:
    """An action of an operator's own is known by its class, and thousands of ports are cut."""
    lower, custom, ports = rule_codes(MAPPING)

    assert (lower, custom) == ("LowerPort(SRC)", "Custom(...)")
    assert ports.startswith("PortMatch({1, 2, 3, ")
    assert len(ports) == LONGEST


def test_a_rule_is_doubtful_if_more_than_one_in_a_hundred_is_wrong() -> None:
    """One percent is not yet too much, and a rule that was not graded is not doubtful."""
    assert not is_doubtful(RuleGrade(0, 100, 1))
    assert is_doubtful(RuleGrade(0, 100, 2))
    assert not is_doubtful(RuleGrade(0, 0, 0))


def test_what_should_be_looked_at_is_told_and_nothing_else() -> None:
    """Doubtful rules come first, the worst of them first, then the operator's rules that overruled evidence."""
    worse, good = RuleGrade(2, 10, 5, 53, 5, 5), RuleGrade(1, 1000, 1, 80, 1, 1)

    lines = list(doubtful_lines([LOWER, good, worse], {0: 51, 1: 7, 2: 0}, MAPPING))

    assert [line.partition(":")[0].partition(" ")[0] for line in lines] == [f"FLOW_MAPPING[{n}]" for n in (2, 0, 1)]
    assert lines[0].endswith("; 10 flows graded")
    assert lines[1].endswith("; 1,244 flows graded, 51 recorded against evidence")
    assert lines[2] == "FLOW_MAPPING[1] Custom(...): 7 flows recorded against evidence"
    assert list(doubtful_lines([good], {}, MAPPING)) == []


def test_grades_of_several_agents_add_up() -> None:
    """Counts add up by rule, and the worst port is that with most wrong answers, summed where agents name the same."""
    other = RuleGrade(0, 100, 60, 443, 50, 30)

    (joined,) = join_grades([LOWER, other, RuleGrade(0, 50, 20, 443, 30, 20)])

    assert joined == RuleGrade(0, 1394, 131, 443, 80, 50)
    assert [grade.rule for grade in join_grades([RuleGrade(3, 1, 0), LOWER])] == [0, 3]


def _agent(name: str, digest: str, *grades: RuleGrade) -> AgentRow:
    return AgentRow(name, "unix:///s", 1.0, {"configuration.digest": digest} | grades_to_fields(grades))


def test_agents_of_other_configurations_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """Only agents with the same configuration are summed, and rules are named only where they are these rules."""
    settings = load(None, {})
    agents = [
        _agent("bert", settings.digest, LOWER),
        _agent("ernie", settings.digest, LOWER),
        _agent("oscar", "f" * 64),
    ]
    agents.append(_agent("grobi\x1b", "e" * 64, LOWER))

    cards = stored_cards(agents, settings)
    print_grades(cards, as_json=False)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "the configuration of bert, ernie:"
    assert lines[1].startswith("FLOW_MAPPING[0] LowerPort(SRC): 4.1 %")
    assert lines[1].endswith("2,488 flows graded")
    assert lines[2] == r"the configuration of grobi\x1b:"
    assert lines[3].startswith("FLOW_MAPPING[0]: 4.1 %")
    assert len(lines) == 4


def test_json_has_an_object_for_each_grade(capsys: pytest.CaptureFixture[str]) -> None:
    """The objects have the numbers as they are, and the action as far as it is known."""
    print_grades([ScoreCard((LOWER, RuleGrade(7, 3, 0)), ["LowerPort(SRC)"], ("bert",))], as_json=True)

    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {
        "place": "FLOW_MAPPING[0]",
        "action": "LowerPort(SRC)",
        "graded": 1244,
        "disagreed": 51,
        "worst_port": 20000,
        "worst_graded": 51,
        "worst_disagreed": 38,
        "agents": ["bert"],
    }
    assert (second["action"], second["worst_port"]) == (None, None)


@pytest.mark.parametrize("cards", [[], [ScoreCard(())]])
def test_no_grade_at_all_is_told_with_what_it_means(cards: list[ScoreCard], capsys: pytest.CaptureFixture[str]) -> None:
    """Without any grade the text says what would have given one, and JSON has no line."""
    print_grades(cards, as_json=False)
    assert capsys.readouterr().out == f"{NONE_GRADED}\n"

    print_grades(cards, as_json=True)
    assert capsys.readouterr().out == ""
