"""Calls of scripts in real clusters: each in its slot, exactly as often as it is sent, whatever moves."""

from __future__ import annotations

import signal
from threading import Timer
from typing import TYPE_CHECKING, Any

from valkey.exceptions import ResponseError

from shodohflo.store.announced import OwnConnections
from shodohflo.store.connection import Entrance
from shodohflo.store.nodes import Nodes
from shodohflo.store.routing import Router
from shodohflo.store.scripts import ScriptCall
from shodohflo.store.slots import SLOTS, TAGS, slot_of
from shodohflo.store.urls import Endpoint, parse_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.clusters import Cluster

ADD = "redis.call('INCR', KEYS[2]) return redis.call('INCRBY', KEYS[1], ARGV[1])"


def adding(slot: int) -> ScriptCall:
    """Return a call that adds 2 to a count in `slot`."""
    return ScriptCall(ADD, [f"a;{{{TAGS[slot]}}}", f"b;{{{TAGS[slot]}}}"], [2])


def nodes_of(cluster: Cluster) -> Nodes:
    """Return the nodes of `cluster`."""
    return Nodes(Entrance(parse_url(cluster.url), OwnConnections()), "it")


def answers_of(nodes: Nodes, calls: Sequence[ScriptCall]) -> dict[int, Any]:
    """Return the answers by the positions of their calls; some may be missing."""
    answers: dict[int, Any] = {}
    failures = Router(nodes).call(calls, answers.__setitem__)
    assert bool(failures) == (len(answers) < len(calls))
    return answers


def test_a_call_for_each_slot_is_answered(empty_cluster: Cluster) -> None:
    """16,384 calls, one for each slot, have their answers, and `meanwhile` is called once."""
    calls = [adding(slot) for slot in range(SLOTS)]
    answers: dict[int, Any] = {}
    worked = []

    with nodes_of(empty_cluster) as nodes:
        Router(nodes).call(calls, answers.__setitem__, lambda: worked.append(len(answers)))

    assert answers == dict.fromkeys(range(SLOTS), 2)
    assert worked == [0]


def test_an_error_of_a_script_is_an_answer(empty_cluster: Cluster) -> None:
    """A script that fails has an error for an answer; all others have theirs."""
    calls = [adding(1), ScriptCall("return redis.error_reply('NOT so')", ["{a}"], []), adding(2)]

    with nodes_of(empty_cluster) as nodes:
        answers = answers_of(nodes, calls)

    assert isinstance(answers[1], ResponseError)
    assert (answers[0], answers[2]) == (2, 2)


def test_a_node_that_forgot_the_script_is_sent_it_again(empty_cluster: Cluster) -> None:
    """The second call to a node has no text; a node that does not know it gets it."""
    slots = [5, 6, 7]

    with nodes_of(empty_cluster) as nodes:
        assert answers_of(nodes, [adding(slot) for slot in slots]) == dict.fromkeys(range(3), 2)
        for node in empty_cluster.nodes:
            with node.client() as client:
                client.script_flush()
        # The first call with a text fails, so that the next ones come without one.
        broken = ScriptCall(ADD, [f"x;{{{TAGS[5]}}}"], [2])
        answers = answers_of(nodes, [broken, *(adding(slot) for slot in slots)])

    assert [answers[place] for place in (1, 2, 3)] == [4, 4, 4]


def test_calls_follow_a_slot_that_has_moved(own_cluster: Cluster) -> None:
    """MOVED leads to the new node, and the new topology is known afterwards."""
    slots = range(100, 120)
    target = own_cluster.nodes[2]

    with nodes_of(own_cluster) as nodes:
        assert len(answers_of(nodes, [adding(slot) for slot in slots])) == 20
        for slot in slots:
            own_cluster.move_slot(slot, target)
        assert answers_of(nodes, [adding(slot) for slot in slots]) == dict.fromkeys(range(20), 4)
        assert {nodes.topology.node_of(slot) for slot in slots} == {Endpoint("127.0.0.1", target.port)}


def test_calls_follow_keys_that_are_on_their_way(own_cluster: Cluster) -> None:
    """ASK leads to keys that have moved; TRYAGAIN, for new ones, lasts until the move ends."""
    slot, other = 100, 101
    target = own_cluster.nodes[2]

    with nodes_of(own_cluster) as nodes:
        answers_of(nodes, [adding(slot)])
        own_cluster.open_move(slot, target)
        own_cluster.open_move(other, target)
        assert answers_of(nodes, [adding(slot)]) == {0: 4}
        own_cluster.move_keys(slot, target)
        assert answers_of(nodes, [adding(slot)]) == {0: 6}
        ending = Timer(0.05, own_cluster.close_move, (other, target))
        ending.start()
        assert answers_of(nodes, [adding(other), adding(slot)]) == {0: 2, 1: 8}
        ending.join()


def test_a_move_that_does_not_end_leaves_its_calls_unanswered(own_cluster: Cluster) -> None:
    """After some time, the calls for keys on their way are given back; all others are answered."""
    own_cluster.open_move(100, own_cluster.nodes[2])

    with nodes_of(own_cluster) as nodes:
        [failure] = Router(nodes).call([adding(100)], lambda *_: None).values()
        assert "slot 100 is being moved" in str(failure)
        assert answers_of(nodes, [adding(100), adding(99)]) == {1: 2}


def test_a_node_that_is_away_leaves_only_its_calls_unanswered(own_cluster: Cluster) -> None:
    """All calls of the other nodes are answered; the error names the one that is away."""
    slots = range(0, SLOTS, 64)
    calls = [adding(slot) for slot in slots]

    with nodes_of(own_cluster) as nodes:
        answers_of(nodes, calls)
        own_cluster.nodes[1].kill()
        answers: dict[int, Any] = {}
        failures = Router(nodes).call(calls, answers.__setitem__)
        away = Endpoint("127.0.0.1", own_cluster.nodes[1].port)
        assert f"node {away}: " in str(failures[away])

    here = {place for place, slot in enumerate(slots) if own_cluster.node_of(slot) is not own_cluster.nodes[1]}
    assert set(answers) == here


def test_answers_come_before_a_node_that_hangs_is_given_up(own_cluster: Cluster) -> None:
    """Answers are handed on while another node is silent, which is given up after some seconds."""
    calls = [adding(slot) for slot in (1, SLOTS // 2, SLOTS - 1)]
    silent = own_cluster.nodes[0]

    with nodes_of(own_cluster) as nodes:
        answers_of(nodes, calls)
        silent.send(signal.SIGSTOP)
        try:
            answers = answers_of(nodes, calls)
        finally:
            silent.send(signal.SIGCONT)

    assert own_cluster.node_of(1) is silent
    assert answers == {1: 4, 2: 4}


def test_the_slot_of_a_call_is_that_of_its_first_key() -> None:
    """A call goes by its first key: all its keys are in one slot."""
    assert {slot_of(key) for key in adding(77).keys} == {77}
