"""Networks that no rule distinguishes share a slot, and pairs without a table ask the readable rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shodohflo.model import SRC
from shodohflo.rules import tables
from shodohflo.rules.actions import LowerPort, Observed, PortMatch
from shodohflo.rules.mapping import FlowMapping, Rule
from shodohflo.rules.networks import NetworkEnumeration
from shodohflo.rules.table import ASK, PortClasses
from shodohflo.rules.tables import LookedUp, Tables
from shodohflo.rules.verdicts import Decision

if TYPE_CHECKING:
    import pytest

WORLD = NetworkEnumeration(*((f"n{number}", f"10.{number}.0.0/16") for number in range(1, 101)))

RULES = FlowMapping(("n1", "n2", PortMatch({22})), (None, "n2", LowerPort()), (None, "n3", LowerPort(SRC)))


def make(rules: FlowMapping) -> Tables:
    """Return the tables of `rules` between the hundred networks of the world."""
    return Tables(rules.number_networks(WORLD), PortClasses.compile([frozenset({22})]), networks=100)


def look_up(made: Tables, *pairs: tuple[int, int]) -> LookedUp:
    """Look up one packet from port 40000 to port 22 for each pair of networks."""
    src, dst = (np.array([pair[end] for pair in pairs], np.uint16) for end in (0, 1))
    return made.look_up(src, dst, np.full(len(pairs), 40000, np.uint16), np.full(len(pairs), 22, np.uint16))


def decisions(made: Tables, *pairs: tuple[int, int]) -> list[int]:
    """Return the decision on one packet from port 40000 to port 22 for each pair of networks."""
    return [cell & 0xFF for cell in look_up(made, *pairs).cells.tolist()]


def test_networks_that_no_rule_names_share_a_role() -> None:
    """Here each network that a rule names has a role of its own, all others share one, and role 0 is no network."""
    made = make(RULES)

    assert np.unique(made._src_roles).tolist() == [0, 1, 2]
    assert np.unique(made._dst_roles).tolist() == [0, 1, 2, 3]


def test_a_table_is_compiled_when_its_slot_is_first_used() -> None:
    """99 pairs of networks to which only the second rule applies need one table."""
    made = make(RULES)
    before = len(made._tables)

    found = decisions(made, *((src, 2) for src in range(2, 101)), *((src, 2) for src in range(2, 101)))

    assert set(found) == {Decision.SRC_IS_CLIENT}
    assert len(made._tables) == before + 1


def test_pairs_of_roles_with_the_same_rules_share_a_table() -> None:
    """Rule 0 gives n1 and n2 different roles as sources, but does not apply to packets to n3 from either."""
    made = make(RULES)
    before = len(made._tables)

    decisions(made, (1, 3), (2, 3))

    assert len(made._tables) == before + 1


def test_tables_compiled_later_do_not_change_earlier_ones() -> None:
    """Lookups give the same answers after the tables have been concatenated again."""
    made = make(RULES)

    found = [
        decisions(made, (1, 2), (0, 2), (2, 0)),
        decisions(made, (9, 3), (1, 2)),
        decisions(made, (2, 1), (1, 2)),
    ]

    client = Decision.SRC_IS_CLIENT
    assert found == [[client, Decision.NO_NETWORK, Decision.NO_NETWORK], [client] * 2, [Decision.NO_RULE, client]]


def test_with_too_many_roles_everything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """With too many slots, all packets ask the readable rules, except those with an address in no network."""
    monkeypatch.setattr(tables, "MOST_SLOTS", 11)

    found = decisions(make(RULES), (1, 2), (2, 1), (0, 2), (2, 0), (0, 0))

    assert found == [ASK, ASK, *[Decision.NO_NETWORK] * 3]


def test_the_last_table_that_fits_is_made_and_the_next_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit leaves room for the two constant tables and one with two port classes; later pairs ask the rules."""
    monkeypatch.setattr(tables, "MOST_ELEMENTS", 2 * (2 * 2 + 3) + (2 * 2 + 12))
    made = make(RULES)

    found = [decisions(made, (1, 2)), decisions(made, (1, 3)), decisions(made, (1, 2))]

    assert found == [[Decision.SRC_IS_CLIENT], [ASK], [Decision.SRC_IS_CLIENT]]


def test_the_first_observed_rule_is_known_for_pairs_that_were_looked_up() -> None:
    """Pairs between which no such rule is have 0, as have packets from nowhere."""
    rules = [*RULES.rules, Rule("n1", None, Observed()), Rule("n1", "n2", Observed()), Rule("n4", "n2", Observed())]
    made = make(FlowMapping(*((rule.src, rule.dst, rule.action) for rule in rules)))

    found = look_up(made, (1, 2), (4, 2), (1, 4), (2, 1), (0, 2), (1, 0)).first_observed

    assert found is not None
    assert found.tolist() == [4, 6, 4, 0, 0, 0]


def test_configurations_without_an_observed_rule_reserve_no_memory_for_them() -> None:
    """The usual case costs nothing."""
    made = make(RULES)

    assert look_up(made, (1, 2)).first_observed is None
    assert len(made._first_observed) == 0


def test_the_rules_between_two_networks_are_cached() -> None:
    """A second call for the same two networks returns the same object."""
    made = make(RULES)

    reach = made.reachable(1, 2)

    assert reach.rules == (0, 1)
    assert made.reachable(1, 2) is reach


def test_tables_without_networks_or_rules_know_no_network() -> None:
    """An empty configuration decides NO_NETWORK for every packet."""
    nothing = FlowMapping().number_networks(NetworkEnumeration())

    assert decisions(Tables(nothing, PortClasses.compile([]), networks=0), (0, 0)) == [Decision.NO_NETWORK]
