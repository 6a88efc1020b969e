"""Charts agree with the readable rules for every pair of ports."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from shodohflo.analysis.check.ports import Block, Chart, Takes, claimed, example
from shodohflo.pcap_config import DST, SRC, Assign, FlowMapping, LowerPort, MappingAction, Observed, PortMatch
from shodohflo.rules.mapping import Ends
from shodohflo.rules.table import PortClasses, port_set
from support.rule_sets import OURS, PORTS, RuleSet

WORLD = (("all", ("0.0.0.0/0",)),)


def charted(mapping: FlowMapping) -> tuple[Chart, list[Takes], PortClasses]:
    """Draw the chart of rules that all apply between the same networks."""
    classes = PortClasses.compile(port_set(rule.action) for rule in mapping.rules)
    takes = [Takes.ask(mapping, number, classes) for number in range(len(mapping.rules))]
    return Chart.draw(range(len(takes)), takes, len(classes)), takes, classes


def in_block(block: Block, classes: PortClasses, src_port: int, dst_port: int) -> bool:
    """Return whether a pair of ports is in a block."""
    src, dst = (1 << int(classes.of_port[port]) for port in (src_port, dst_port))
    return bool(block & Block(src, dst))


@given(st.lists(OURS, max_size=8), st.lists(st.tuples(PORTS, PORTS), max_size=20))
def test_a_chart_says_which_rule_decides(actions: list[tuple[object, ...]], pairs: list[tuple[int, int]]) -> None:
    """A decided pair of ports is in exactly one block of one share, an undecided one in none."""
    rule_set = RuleSet(WORLD, tuple((None, None, action) for action in actions))
    mapping = rule_set.mapping().number_networks(rule_set.enumeration())
    chart, _, classes = charted(mapping)

    for src_port, dst_port in [*pairs, *((port, port) for port, _ in pairs)]:
        told = [
            share.rule
            for share in chart.shares
            for block in share.blocks
            if in_block(block, classes, src_port, dst_port)
        ]
        address = rule_set.addresses(4)[0]
        decided = mapping.first_opinion(range(len(actions)), Ends(address, src_port, address, dst_port))
        assert told == ([] if decided.rule is None else [decided.rule])
        by_evidence = chart.evidence and in_block(chart.evidence.blocks[0], classes, src_port, dst_port)
        assert (chart.evidence.rule if chart.evidence and by_evidence else None) == decided.observed


@given(st.lists(OURS, max_size=6))
def test_the_example_of_a_block_is_in_it(actions: list[tuple[object, ...]]) -> None:
    """Well-known ports are preferred, but only if they are in the block."""
    mapping = RuleSet(WORLD, tuple((None, None, action) for action in actions)).mapping()
    chart, _, classes = charted(mapping)

    for block in (block for share in chart.shares for block in share.blocks):
        assert in_block(block, classes, *example(classes, block))


def test_what_an_action_takes_is_asked_of_the_action() -> None:
    """All kinds of built-in actions: by source port, by destination port, everything, nothing, and drops."""
    actions = (
        PortMatch({53}),
        Assign(DST, SRC, {53}, drop=True),
        Assign(SRC, DST, {53}),
        Assign(SRC, DST),
        LowerPort(),
        MappingAction(),
        PortMatch(()),
        Observed(PortMatch({53})),
        Observed(LowerPort()),
    )
    _, takes, _ = charted(FlowMapping(*((None, None, action) for action in actions)))

    assert [t.by_evidence for t in takes] == [False] * 7 + [True] * 2
    assert [(t.src, t.dst, t.rest, t.drops) for t in takes] == [
        (True, True, False, False),
        (True, False, False, True),
        (False, True, False, False),
        (True, True, True, False),
        (True, True, True, False),
        (False, False, False, False),
        (False, False, False, False),
        (True, True, False, False),
        (True, True, True, False),
    ]


class Own(MappingAction):
    """A custom action."""


def test_nothing_is_sure_behind_an_own_action() -> None:
    """A custom action may take any packet, so the next rule is left the same packets, and its share is not sure."""
    mapping = FlowMapping((None, None, PortMatch({1})), (None, None, Own()), (None, None, LowerPort()))

    chart, takes, classes = charted(mapping)

    assert [(share.rule, share.is_sure) for share in chart.shares] == [(0, True), (1, False), (2, False)]
    assert chart.shares[1].blocks == chart.shares[2].blocks
    assert chart.takers(2, takes, len(classes)) == [0]


def test_evidence_decides_what_is_left_for_the_first_observed_rule() -> None:
    """Later rules still have their shares, of packets without evidence; a second `Observed` has nothing more."""
    actions = (PortMatch({1}), Observed(PortMatch({2})), Observed(PortMatch({3})), LowerPort())

    chart, takes, classes = charted(FlowMapping(*((None, None, action) for action in actions)))

    assert chart.evidence is not None
    assert (chart.evidence.rule, chart.evidence.is_sure) == (1, True)
    assert [in_block(chart.evidence.blocks[0], classes, src, dst) for src, dst in ((1, 9), (9, 1), (2, 3))] == [0, 0, 1]
    assert [share.rule for share in chart.shares] == [0, 1, 2, 3]
    assert chart.takers(2, takes, len(classes)) == [0, 1]
    assert len(list(chart.recorded(takes))) == sum(len(share.blocks) for share in chart.shares) + 1


def test_examples_look_like_a_client_and_a_service() -> None:
    """A client's port and a service's port are chosen if the block has them."""
    _, takes, classes = charted(FlowMapping((None, None, Assign(DST, SRC, {53})), (None, None, LowerPort())))
    (answers,), (everything,) = (claimed(one, len(classes)) for one in takes)

    assert example(classes, answers) == (53, 40000)
    assert example(classes, everything) == (40000, 443)


def test_blocks_are_exact() -> None:
    """Intersection, turning and emptiness of blocks are exact."""
    some, other = Block(0b110, 0b011), Block(0b010, 0b100)

    assert not some & other
    assert some & other.turned == Block(0b100, 0b010)
    assert [pair for pair in product((0, 1), repeat=2) if Block(*pair)] == [(1, 1)]
