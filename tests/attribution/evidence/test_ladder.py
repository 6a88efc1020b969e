"""The columns of every rung say what its plain form says, and the ladder stops at the first answer."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.attribution.evidence.facts import FlowFacts, OfEnds
from shodohflo.attribution.evidence.handshakes import Own
from shodohflo.attribution.evidence.known import CLIENT, SERVICE
from shodohflo.attribution.evidence.ladder import LADDER, PROOFS, RungRow, climb, climb_plain
from shodohflo.attribution.evidence.sides import Service
from shodohflo.model import Rung

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def of_ends(values: st.SearchStrategy[int]) -> st.SearchStrategy[OfEnds]:
    """Return facts about both ends."""
    return st.builds(OfEnds, values, values)


BITS, MARKS, FLAGS = (
    of_ends(st.integers(0, 3)),
    of_ends(st.sampled_from([0, CLIENT, SERVICE])),
    of_ends(st.integers(0, 1)),
)
FACTS = st.builds(
    FlowFacts,
    is_tcp=st.booleans(),
    is_two_way=st.booleans(),
    own=st.sampled_from(Own),
    same_port=st.booleans(),
    sockets=MARKS,
    groups=FLAGS,
    known=BITS,
    claims=BITS,
    churned=FLAGS,
    listed=FLAGS,
    roles=BITS,
    churned_one_way=FLAGS,
)
SEVERAL = st.lists(FACTS, max_size=12)


class Made:
    """The `Facts` of several flows that were made up."""

    def __init__(self, flows: Sequence[FlowFacts]) -> None:
        """Make columns of `flows`."""
        self.flows = flows
        self.is_tcp = np.array([flow.is_tcp for flow in flows], np.bool_)
        self.is_two_way = np.array([flow.is_two_way for flow in flows], np.bool_)
        self.own = np.array([flow.own for flow in flows], np.uint8)
        self.same_port = np.array([flow.same_port for flow in flows], np.bool_)

    def about(self, fact: str, side: int) -> NDArray[np.uint8]:
        """As in `Facts`."""
        return np.array([getattr(flow, fact)[side] for flow in self.flows], np.uint8)

    def keep(self, mask: NDArray[np.bool_]) -> Made:
        """As in `Facts`."""
        return Made([flow for flow, kept in zip(self.flows, mask.tolist(), strict=True) if kept])


@pytest.mark.parametrize("row", LADDER, ids=lambda row: row.rung.word)
@given(flows=SEVERAL)
def test_the_columns_of_a_rung_say_what_its_plain_form_says(row: RungRow, flows: Sequence[FlowFacts]) -> None:
    """For any facts."""
    assert row.columns(Made(flows)).tolist() == [row.plain(flow) for flow in flows]


@given(SEVERAL)
def test_the_ladder_says_of_each_flow_what_it_says_of_one(flows: Sequence[FlowFacts]) -> None:
    """The first rung that has an answer decides, flow by flow."""
    service, rung = climb(LADDER, Made(flows))

    assert [*zip(service.tolist(), rung.tolist(), strict=True)] == [climb_plain(flow) for flow in flows]


def test_the_rungs_stand_in_the_order_of_their_strength() -> None:
    """Every rung of evidence is there once, and proofs are the strong ones."""
    rungs = [row.rung for row in LADDER]

    assert rungs == [rung for rung in Rung if Rung.NONE < rung < Rung.GUESSED]
    assert [row.rung for row in PROOFS] == [rung for rung in rungs if rung.is_proof]
    assert all(row.sentence for row in LADDER)


def test_datagrams_between_equal_ports_ask_no_socket() -> None:
    """Who asks from the port of the service has a socket that looks like a service's; a TCP listener is one."""
    sockets = OfEnds(SERVICE, 0)
    said = [
        climb_plain(FlowFacts(is_tcp=is_tcp, is_two_way=True, own=0, same_port=same_port, sockets=sockets))
        for is_tcp, same_port in ((False, True), (False, False), (True, True))
    ]

    proven = (Service.SIDE_0, Rung.OWN_SOCKET)
    assert said == [(Service.UNKNOWN, Rung.NONE), proven, proven]


def test_a_tie_goes_on_to_the_next_rung() -> None:
    """Both ends are known as services, and one port is listed."""
    facts = FlowFacts(is_tcp=True, is_two_way=False, own=0, known=OfEnds(SERVICE, SERVICE), listed=OfEnds(0, 1))

    assert climb_plain(facts) == (Service.SIDE_1, Rung.LISTED)


def test_claims_are_asked_only_where_nothing_else_is_known() -> None:
    """A client in truth stands against any claim; a flow that contradicts itself asks neither."""
    claims = OfEnds(SERVICE, 0)
    silent = FlowFacts(is_tcp=True, is_two_way=True, own=0, claims=claims)
    known = FlowFacts(is_tcp=True, is_two_way=True, own=0, claims=claims, known=OfEnds(CLIENT, CLIENT))
    contradiction = FlowFacts(is_tcp=True, is_two_way=True, own=Own.CONTRADICTION, claims=claims)

    assert [climb_plain(facts)[1] for facts in (silent, known, contradiction)] == [Rung.CLAIMED, Rung.NONE, Rung.NONE]


def test_every_fact_is_one_that_a_rung_asks_for() -> None:
    """No fact is left that nobody asks for."""
    asked: set[str] = set()

    class Listening(Made):
        def about(self, fact: str, side: int) -> NDArray[np.uint8]:
            asked.add(fact)
            return super().about(fact, side)

        def keep(self, mask: NDArray[np.bool_]) -> Made:
            return Listening(super().keep(mask).flows)

    for two_way in (False, True):
        for row in LADDER:
            row.columns(Listening([FlowFacts(is_tcp=True, is_two_way=two_way, own=0)]))

    assert asked == {each.name for each in fields(FlowFacts)} - {"is_tcp", "is_two_way", "own", "same_port"}
