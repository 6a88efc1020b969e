"""The difference between two configurations as text: the counts, then the changes by the rules that cause them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shodohflo.analysis.compare import Change, Difference, Side, What
from shodohflo.report.difference import SHOWN, difference_lines

OLD = Side("recorded.flow", "10.0.0.1;10.0.0.2;53;flow", "FLOW_MAPPING[0]", "the old rule")
NEW = Side("dropped.FLOW_MAPPING[1]", "", "FLOW_MAPPING[1]", "the new rule")


WORDS = ("guessed", "handshake", "rule", "one-way churn", "")


def difference(*changes: Change) -> Difference:
    """Return a difference whose keys are those of its changes."""
    old = {change.old.key: change.packets for change in changes if change.old.key}
    new = {change.new.key: change.packets for change in changes if change.new.key}
    return Difference(10, old, new, changes)


def test_no_difference_is_one_line_after_the_counts() -> None:
    """The counts are shown even without a difference, so that an empty capture is noticed."""
    assert list(difference_lines(difference())) == ["10 packets; 0 keys before, 0 after", "no difference"]


def test_what_was_not_read_is_not_said_to_be_equal() -> None:
    """Without a packet nothing was compared, and after a broken capture the result is about what could be read."""
    nothing = Difference(0, {}, {}, ())

    assert list(difference_lines(nothing))[1:] == ["no packet to compare"]
    assert list(difference_lines(difference(), complete=False))[1:] == ["no difference in what could be read"]


def test_a_change_is_shown_with_both_rules_and_its_keys() -> None:
    """A change has outcome, rule and sentence before and after; the rule of a drop is not repeated."""
    assert list(difference_lines(difference(Change(What.DROPPED, 3, OLD, NEW)))) == [
        "10 packets; 1 key before, 0 after",
        "0 keys added, 1 gone, 0 with another count",
        "",
        "newly dropped: 3 packets",
        "  before  recorded.flow by FLOW_MAPPING[0], the old rule",
        "  after   dropped by FLOW_MAPPING[1], the new rule",
        "    3  10.0.0.1;10.0.0.2;53;flow",
    ]


def test_evidence_is_told_beside_its_rule_and_a_guess_is_not() -> None:
    """Changes by different evidence are apart; what a rule guesses or says needs no further word."""
    sides = [replace(NEW, outcome="recorded.flow", key="10.0.0.2;10.0.0.1;9;flow", evidence=word) for word in WORDS]

    lines = list(difference_lines(difference(*(Change(What.EXCHANGED, 1, OLD, side) for side in sides))))

    assert [line for line in lines if line.startswith("  after")] == [
        "  after   recorded.flow by FLOW_MAPPING[1], the new rule",
        "  after   recorded.flow by FLOW_MAPPING[1] (handshake), the new rule",
        "  after   recorded.flow by FLOW_MAPPING[1] (one-way churn), the new rule",
    ]


@pytest.mark.parametrize("more", [0, 1, 7])
def test_long_lists_of_keys_are_cut(more: int) -> None:
    """A longer list of keys ends with the number of further keys, which --json has."""
    sides = [
        Side(OLD.outcome, f"10.0.0.1;10.0.0.2;{port};flow", OLD.rule, OLD.sentence) for port in range(SHOWN + more)
    ]

    lines = list(difference_lines(difference(*(Change(What.DROPPED, 1, side, NEW) for side in sides))))

    assert sum(line.endswith(";flow") for line in lines) == SHOWN
    assert [line for line in lines if "more" in line] == [f"    ... and {more} more (--json has all)"] * (more > 0)
