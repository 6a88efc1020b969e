"""Opinions: each rule about ports says by itself what its action says, and nothing where it is about other networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from shodohflo.model import Rung
from shodohflo.pcap_config import DST, SRC, Assign, FlowMapping, LowerPort, MappingAction, NetworkEnumeration, Observed
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.mapping import Ends
from shodohflo.rules.opinions import MOST_GRADED
from support.rule_sets import RuleSet, batch_of, packets, rule_sets

if TYPE_CHECKING:
    from shodohflo.columns.batch import Family

WORLD = NetworkEnumeration(("all", "0.0.0.0/0"))


@given(rule_sets(), st.sampled_from([4, 6]), st.data())
def test_a_rule_alone_says_what_its_action_says(rule_set: RuleSet, family: Family, data: Any) -> None:  # noqa: ANN401 - hypothesis
    """Also a rule that stands behind others, and that never decides anything."""
    rows = data.draw(packets(rule_set, family))
    enumeration, mapping = rule_set.enumeration(), rule_set.mapping()
    rules = CompiledRules(enumeration, mapping)
    batch = batch_of(family, rows)
    verdicts = rules.judge(batch)
    known = (verdicts.src_network != 0) & (verdicts.dst_network != 0)

    for number in rules.opinions.rules:
        said = rules.opinions.ask(number, batch, verdicts.src_network, verdicts.dst_network)
        for row, packet in enumerate(rows):
            pair = int(verdicts.src_network[row]), int(verdicts.dst_network[row])
            reached = [number] if number in mapping.reaching(*pair) else []
            if known[row] and packet[0] != packet[2]:  # of an address with itself, either end is the client
                assert said[row] == mapping.first_opinion(reached, Ends(*packet)).decision


def test_rules_about_ports_are_those_that_guess() -> None:
    """The word of an operator, and actions of their own, are asked by nobody."""
    mapping = FlowMapping(
        (None, None, Assign(SRC, DST)),
        (None, None, MappingAction()),
        (None, None, Observed(Assign(SRC, DST))),
        (None, None, Assign(SRC, DST, {53})),
        (None, None, Observed(LowerPort())),
        (None, None, LowerPort()),
    )

    rules = CompiledRules(WORLD, mapping)

    assert rules.opinions.rules == (3, 4, 5)
    assert {mapping.rungs[number] for number in rules.opinions.rules} == {Rung.GUESSED}


def test_only_so_many_rules_are_asked() -> None:
    """A configuration of thousands of rules does not make grading slow."""
    mapping = FlowMapping(*[(None, None, LowerPort())] * (MOST_GRADED + 7))

    assert CompiledRules(WORLD, mapping).opinions.rules == tuple(range(MOST_GRADED))
