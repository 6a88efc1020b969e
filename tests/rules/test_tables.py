"""Networks that rules do not tell apart share a place, and what does not fit on the shelf is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shodohflo.model import SRC
from shodohflo.rules import tables
from shodohflo.rules.actions import LowerPort, PortMatch
from shodohflo.rules.mapping import FlowMapping
from shodohflo.rules.networks import NetworkEnumeration
from shodohflo.rules.table import ASK, PortClasses
from shodohflo.rules.tables import Shelf
from shodohflo.rules.verdicts import Decision

if TYPE_CHECKING:
    import pytest

WORLD = NetworkEnumeration(*((f"n{number}", f"10.{number}.0.0/16") for number in range(1, 101)))

RULES = FlowMapping(("n1", "n2", PortMatch({22})), (None, "n2", LowerPort()), (None, "n3", LowerPort(SRC)))


def make(rules: FlowMapping) -> Shelf:
    """Put `rules` between the hundred networks of the world."""
    return Shelf(rules.number_networks(WORLD), PortClasses.compile([frozenset({22})]), networks=100)


def decisions(made: Shelf, *pairs: tuple[int, int]) -> list[int]:
    """Look up one packet from port 40000 to port 22 for each pair of networks."""
    src, dst = (np.array([pair[end] for pair in pairs], np.uint16) for end in (0, 1))
    cells = made.look_up(src, dst, np.full(len(pairs), 40000, np.uint16), np.full(len(pairs), 22, np.uint16))
    return [cell & 0xFF for cell in cells.tolist()]


def test_networks_that_no_rule_names_share_a_role() -> None:
    """Besides that of no network: as sources n1 and the rest, as destinations n2, n3 and the rest."""
    made = make(RULES)

    assert np.unique(made._src_roles).tolist() == [0, 1, 2]
    assert np.unique(made._dst_roles).tolist() == [0, 1, 2, 3]


def test_a_table_is_made_when_its_place_is_first_looked_at() -> None:
    """And once: 99 pairs of networks that only the second rule reaches need one table."""
    made = make(RULES)
    before = len(made._tables)

    found = decisions(made, *((src, 2) for src in range(2, 101)), *((src, 2) for src in range(2, 101)))

    assert set(found) == {Decision.SRC_IS_CLIENT}
    assert len(made._tables) == before + 1


def test_pairs_of_roles_that_the_same_rules_reach_share_a_table() -> None:
    """Rule 0 sets n1 apart from n2 as a source, but neither reaches n3 through it."""
    made = make(RULES)
    before = len(made._tables)

    decisions(made, (1, 3), (2, 3))

    assert len(made._tables) == before + 1


def test_tables_made_later_do_not_disturb_those_made_before() -> None:
    """The same answers after the shelf has been put together anew."""
    made = make(RULES)

    found = [
        decisions(made, (1, 2), (0, 2), (2, 0)),
        decisions(made, (9, 3), (1, 2)),
        decisions(made, (2, 1), (1, 2)),
    ]

    client = Decision.SRC_IS_CLIENT
    assert found == [[client, Decision.NO_NETWORK, Decision.NO_NETWORK], [client] * 2, [Decision.NO_RULE, client]]


def test_with_too_many_roles_everything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Except packets of which the answer is known without: an address in no network."""
    monkeypatch.setattr(tables, "MOST_PLACES", 11)

    found = decisions(make(RULES), (1, 2), (2, 1), (0, 2), (2, 0), (0, 0))

    assert found == [ASK, ASK, *[Decision.NO_NETWORK] * 3]


def test_the_last_table_that_fits_is_made_and_the_next_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for the two that are always there and for one with two classes of ports; then packets are asked."""
    monkeypatch.setattr(tables, "MOST_ELEMENTS", 2 * (2 * 2 + 3) + (2 * 2 + 12))
    made = make(RULES)

    found = [decisions(made, (1, 2)), decisions(made, (1, 3)), decisions(made, (1, 2))]

    assert found == [[Decision.SRC_IS_CLIENT], [ASK], [Decision.SRC_IS_CLIENT]]


def test_the_rules_between_two_networks_are_remembered() -> None:
    """They are wanted again for every packet that is asked."""
    made = make(RULES)

    reach = made.reach(1, 2)

    assert reach.rules == (0, 1)
    assert made.reach(1, 2) is reach


def test_a_shelf_without_networks_or_rules_knows_no_network() -> None:
    """What an empty configuration comes to."""
    nothing = FlowMapping().number_networks(NetworkEnumeration())

    assert decisions(Shelf(nothing, PortClasses.compile([]), networks=0), (0, 0)) == [Decision.NO_NETWORK]
