"""Entries and rules as source text, which evaluates to the same entries and rules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo import pcap_config
from shodohflo.analysis.suggest.draft import WIDTH, action_code, comment, entry_lines, rule_code
from shodohflo.pcap_config import DST, OUR_4NETS, SRC, Assign, LowerPort, MappingAction, Observed, PortMatch
from shodohflo.rules.networks import Entry
from support.rule_sets import OURS, RuleSet, rule_sets

WRITABLE = OURS.filter(lambda action: action[0] != "nothing")


def executed(text: str) -> Any:  # noqa: ANN401 - whatever it is
    """Evaluate `text` in the configuration language."""
    return eval(text, vars(pcap_config).copy())


def _parts(action: Any) -> Any:  # noqa: ANN401 - an action or one of its arguments
    """Return the arguments of an action, and those of an action among them."""
    return {name: _parts(part) for name, part in vars(action).items()} if isinstance(action, MappingAction) else action


@given(rule_sets(WRITABLE))
def test_what_is_written_means_what_was_meant(rule_set: RuleSet) -> None:
    """Evaluating the source gives the same entries and rules."""
    enumeration, mapping = rule_set.enumeration(), rule_set.mapping()
    lines = [line for entry in enumeration.entries for line in entry_lines(entry)]

    entries = executed(f"NetworkEnumeration(\n{chr(10).join(lines)}\n)").entries
    rules = executed(f"FlowMapping({', '.join(map(rule_code, mapping.rules))})").rules

    assert entries == enumeration.entries
    assert [(rule.src, rule.dst, rule.describe()) for rule in rules] == [
        (rule.src, rule.dst, rule.describe()) for rule in mapping.rules
    ]
    assert [_parts(rule.action) for rule in rules] == [_parts(rule.action) for rule in mapping.rules]


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (LowerPort(), "LowerPort(SRC)"),
        (LowerPort(DST), "LowerPort(DST)"),
        (PortMatch({443, 80}, DST), "PortMatch({80, 443}, DST)"),
        (PortMatch((), drop=True), "PortMatch((), SRC, drop=True)"),
        (Assign(SRC, DST), "Assign(SRC, DST)"),
        (Assign(DST, SRC, {53}, drop=True), "Assign(DST, SRC, {53}, drop=True)"),
        (Observed(PortMatch({80}, DST)), "Observed(otherwise=PortMatch({80}, DST))"),
    ],
)
def test_actions_are_written_as_people_would(action: object, code: str) -> None:
    """Ends are written as SRC and DST, ports in ascending order."""
    assert action_code(action) == code


class Custom(MappingAction):
    """A custom action without an opinion."""


def test_an_action_that_cannot_be_written_is_an_error() -> None:
    """A custom action has no source that could be written here."""
    with pytest.raises(TypeError, match="not among the actions that can be written"):
        action_code(Custom())
    with pytest.raises(TypeError, match="not among the actions that can be written"):
        action_code(Observed(Custom()))


def test_long_entries_have_a_line_for_each_prefix() -> None:
    """Each prefix of a long entry is on its own line, so that diffs are small."""
    short = Entry.parse(("ours", OUR_4NETS, "10.0.0.0/8"))
    long = Entry.parse(("names", *(f"192.0.2.{host}/32" for host in range(12))))

    assert list(entry_lines(short)) == ['    ("ours", OUR_4NETS, "10.0.0.0/8"),']
    assert list(entry_lines(Entry.parse(("empty",)))) == ['    ("empty",),']
    lines = list(entry_lines(long))
    assert lines[:3] == ["    (", '        "names",', '        "192.0.2.0/32",']
    assert lines[-1] == "    ),"


@given(st.lists(st.sampled_from(["word", "a", "61 %", "x" * 30]), min_size=1, max_size=60))
def test_comments_fit_and_keep_numbers_with_their_per_cent_sign(words: list[str]) -> None:
    """No word is lost, and no line begins with a per cent sign."""
    lines = list(comment(" ".join(words)))

    assert all(line.startswith("    # ") and len(line) <= WIDTH for line in lines)
    assert not any(line.startswith("    # %") for line in lines)
    assert " ".join(line.removeprefix("    # ") for line in lines) == " ".join(words)
