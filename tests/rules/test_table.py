"""Port classes are the coarsest that the rules allow, and tables have no more classes than their own rules need."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from shodohflo.model import DST, SRC
from shodohflo.rules.actions import Assign, LowerPort, MappingAction, Observed, PortMatch
from shodohflo.rules.mapping import FlowMapping
from shodohflo.rules.networks import NetworkEnumeration
from shodohflo.rules.table import LookupTable, PortClasses, ReachableRules, combinations, port_set
from support.rule_sets import PORT_SETS, PORTS, Own

WORLD = NetworkEnumeration(("a", "10.0.0.0/8"), ("b", "11.0.0.0/8"))


@given(st.lists(PORT_SETS, max_size=6), st.lists(st.tuples(PORTS, PORTS), max_size=20))
def test_ports_share_a_class_exactly_if_the_same_sets_hold_them(
    sets: list[frozenset[int]], pairs: list[tuple[int, int]]
) -> None:
    """No set splits a class, and no two classes could be merged."""
    classes = PortClasses.compile(sets)

    for one, other in pairs:
        same = all((one in ports) == (other in ports) for ports in sets)
        assert (classes.of_port[one] == classes.of_port[other]) == same


@given(st.lists(PORT_SETS, max_size=6))
def test_a_class_knows_its_lowest_and_its_highest_port(sets: list[frozenset[int]]) -> None:
    """The lowest and the highest port of each class are those of `of_port`."""
    classes = PortClasses.compile(sets)

    for number in range(len(classes)):
        members = [port for port, name in enumerate(classes.of_port.tolist()) if name == number]
        assert (classes.lowest[number], classes.highest[number]) == (members[0], members[-1])


def test_every_port_can_be_a_class_of_its_own() -> None:
    """Sixteen sets can separate all ports, and the class numbers still fit in 16 bits."""
    classes = PortClasses.compile(frozenset(p for p in range(1, 65536) if p >> bit & 1) for bit in range(16))

    assert len(classes) == 65536
    assert sorted(classes.of_port.tolist()) == list(range(65536))


def test_only_port_matches_and_assignments_have_port_sets() -> None:
    """An action without a port set, or that compares ports, distinguishes no port."""
    actions = [PortMatch({80}), Assign(SRC, DST, {53}), Assign(SRC, DST), PortMatch([]), LowerPort(), MappingAction()]
    observed = [Observed(action) for action in actions]

    expected: list[set[int]] = [{80}, {53}, set(), set(), set(), set()]
    assert [set(port_set(action)) for action in actions + observed] == expected * 2


def test_combinations_are_exactly_those_that_a_packet_can_have() -> None:
    """With the set {22}, there is one case for each possible pair of classes and comparison, with example ports."""
    mapping = FlowMapping((None, None, PortMatch({22})), (None, None, LowerPort())).number_networks(WORLD)
    classes = PortClasses.compile([frozenset({22})])

    cells = list(combinations(mapping, ReachableRules.find(mapping, 1, 2), classes))

    def place(src: int, dst: int) -> int:
        return ((src == 22) * 2 + (dst == 22)) * 3 + (src >= dst) + (src > dst)

    possible = {place(src, dst) for src, dst in product([0, 21, 22, 23, 65535], repeat=2)}
    assert sorted(cell.index for cell in cells) == sorted(possible)
    assert all(cell.index == place(cell.src_port, cell.dst_port) for cell in cells)


def test_a_table_has_only_the_classes_of_the_rules_that_reach_it() -> None:
    """A hundred port sets between other networks do not make this table larger."""
    rules = [("b", "b", PortMatch({port})) for port in range(1, 101)]
    mapping = FlowMapping(*rules, ("a", "b", PortMatch({7}))).number_networks(WORLD)
    classes = PortClasses.compile(port_set(rule.action) for rule in mapping.rules)

    small = LookupTable.compile(mapping, ReachableRules.find(mapping, 1, 2), classes)
    large = LookupTable.compile(mapping, ReachableRules.find(mapping, 2, 2), classes)

    assert small is not None
    assert large is not None
    assert (len(small.cells), len(large.cells)) == (2 * 2 * 3, 101 * 101 * 3)


def test_the_first_observed_rule_between_two_networks_is_known() -> None:
    """It may come after a custom action, where verdicts are not tabulated."""
    rules = [("a", "b", Own(0)), ("b", "b", LowerPort()), ("a", "b", Observed()), ("a", "b", Observed())]
    mapping = FlowMapping(*rules).number_networks(WORLD)

    found = [ReachableRules.find(mapping, 1, 2), ReachableRules.find(mapping, 2, 2)]

    assert [(each.tabled, each.observed) for each in found] == [((), 2), ((1,), None)]


def test_a_table_that_would_ask_too_many_questions_is_not_made() -> None:
    """A table that would take eight million questions, as with 200 rules of a port each, is not compiled."""
    mapping = FlowMapping(*((None, None, PortMatch({port})) for port in range(1, 201))).number_networks(WORLD)
    classes = PortClasses.compile(port_set(rule.action) for rule in mapping.rules)

    assert LookupTable.compile(mapping, ReachableRules.find(mapping, 1, 1), classes) is None
