"""Topologies: what CLUSTER SLOTS may answer, and what it may not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from valkey.exceptions import InvalidResponse, ResponseError

from shodohflo.store.topology import MOST_NODES, Redirection, Topology, redirection
from shodohflo.store.urls import Endpoint

ASKED = Endpoint("bert", 1)
ONE = ["10.0.0.1", 6379, "c0", []]
TWO = ["10.0.0.2", 6379, "a1", ["hostname", "x"]]


def test_each_slot_has_its_node() -> None:
    """Primaries are in the order of their ids; replicas and further data are left out."""
    topology = Topology.of([[0, 99, ONE, TWO], [101, 16383, TWO], [100, 100, ONE]], ASKED)

    assert topology.primaries == (Endpoint("10.0.0.2", 6379), Endpoint("10.0.0.1", 6379))
    assert [topology.node_of(slot) for slot in (0, 100, 101)] == [Endpoint(f"10.0.0.{n}", 6379) for n in (1, 1, 2)]
    assert not topology.without_node


def test_slots_without_a_node_are_known() -> None:
    """A slot that no node serves has none."""
    topology = Topology.of([[0, 16381, ONE]], ASKED)

    assert topology.without_node == [16382, 16383]
    assert topology.node_of(16383) is None


@pytest.mark.parametrize("host", ["", None])
def test_a_node_without_a_name_is_that_which_was_asked(host: str | None) -> None:
    """A node that does not know its own address leaves it out."""
    assert Topology.of([[0, 1, [host, 7, "c0"]]], ASKED).primaries == (Endpoint("bert", 7),)
    assert redirection(ResponseError("ASK 1 :7"), ASKED) == Redirection(Endpoint("bert", 7), asks=True)


def test_the_nodes_that_gained_slots_are_found() -> None:
    """What moved from one node to the other is at the other."""
    before, after = Topology.of([[0, 9, ONE], [10, 19, TWO]], ASKED), Topology.of([[0, 8, ONE], [9, 19, TWO]], ASKED)

    assert after.gains(before) == (Endpoint("10.0.0.2", 6379),)
    assert before.gains(before) == ()
    assert (after.changes(before), before.changes(before)) == ([9], [])


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "OK",
        [None],
        [[0, 1]],
        [[0, 16384, ONE]],
        [[-1, 1, ONE]],
        [[2, 1, ONE]],
        [[0, 9, ONE], [9, 10, TWO]],
        [[0, 9, ONE], [10, 10, ["10.0.0.9", 6379, "c0"]]],
        [[0, 1, ["10.0.0.1", 0, "c0"]]],
        [[0, 1, ["10.0.0.1", 65536, "c0"]]],
        [[0, 1, ["10.0.0.1", 6379, ""]]],
        [[0, 1, ["?", 6379, "c0"]]],
        [[0, 1, ["a\x1b[2J", 6379, "c0"]]],
        [[slot, slot, ["h", 1, str(slot)]] for slot in range(MOST_NODES + 1)],
    ],
)
def test_an_odd_answer_is_refused(answer: Any) -> None:  # noqa: ANN401 - anything at all
    """Whatever is no topology is an error of the client library."""
    with pytest.raises(InvalidResponse):
        Topology.of(answer, ASKED)


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=20))
def test_anything_is_a_topology_or_an_error(answer: Any) -> None:  # noqa: ANN401 - as above
    """No answer raises anything else."""
    try:
        Topology.of(answer, ASKED)
    except InvalidResponse:
        return


def test_a_redirection_leads_to_a_node() -> None:
    """MOVED is for good, ASK for this time."""
    assert redirection(ResponseError("MOVED 1234 10.0.0.1:7"), ASKED) == Redirection(
        Endpoint("10.0.0.1", 7), asks=False
    )
    assert redirection(ResponseError("ASK 1234 ::1:7"), ASKED) == Redirection(Endpoint("::1", 7), asks=True)


@pytest.mark.parametrize("answer", [None, 7, "MOVED 1 h:1", ResponseError("ERR no"), ResponseError("MOVEDNESS")])
def test_other_answers_lead_nowhere(answer: object) -> None:
    """Only an error of the server is a redirection."""
    assert redirection(answer, ASKED) is None


@pytest.mark.parametrize(
    "text", ["1234", "1234 10.0.0.1", "1234 10.0.0.1:0", "1234 10.0.0.1:99999", "1 a b:1", "1 ?:1"]
)
def test_an_odd_redirection_is_refused(text: str) -> None:
    """A redirection to nowhere is an error of the client library."""
    with pytest.raises(InvalidResponse):
        redirection(ResponseError(f"MOVED {text}"), ASKED)
