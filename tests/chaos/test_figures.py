"""The figures of a run find what is wrong: too much, too little without a name, no lifetime."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from chaos.figures import Figures, Found, look

from support.serving import Server, programs

if TYPE_CHECKING:
    from pathlib import Path

FLOW = "10.0.0.1;198.51.100.1;53;flow"
DETAIL = "detail;10.0.0.1;198.51.100.1;53"
CLIENT = "client;10.0.0.1"
WELL = {"status": 0, "received": 9, "kernel_dropped": 0}


def figures(found: dict[str, int], *, agent: dict[str, str] | None = None, **more: int) -> Figures:
    """Return the figures of a run that sent 9 packets of one flow; `more` are keys evicted."""
    return Figures(
        "calm",
        1,
        9,
        Counter({FLOW: 9, DETAIL: 9, CLIENT: 9}),
        Found(Counter(found), agent or {}, more.get("evicted", 0), 0),
        WELL,
    )


def test_nothing_is_wrong_if_the_store_has_everything() -> None:
    """A store that has all counts leaves nothing to explain."""
    whole = figures({FLOW: 9, DETAIL: 9, CLIENT: 9})

    assert whole.faults() == []
    assert "difference 0" in whole.line()


def test_what_is_missing_without_a_name_is_wrong() -> None:
    """A count that is too low, and has no name, is a fault with its key."""
    assert any(FLOW in fault for fault in figures({FLOW: 7, DETAIL: 7, CLIENT: 9}).faults())


def test_what_is_missing_under_a_name_is_not() -> None:
    """A loss that the agent names, of the same kind, makes up the difference."""
    assert figures({FLOW: 7, DETAIL: 7, CLIENT: 9}, agent={"store.lost.flow": "2"}).faults() == []


def test_a_name_for_another_kind_does_not_help() -> None:
    """A loss is named by kind."""
    assert figures({FLOW: 7, DETAIL: 7, CLIENT: 9}, agent={"store.lost.client": "1"}).faults()


def test_losses_of_two_kinds_do_not_cancel_out() -> None:
    """Too much of one kind is not made good by too little of another."""
    assert figures({FLOW: 8, DETAIL: 8, CLIENT: 9}, agent={"store.lost.flow": "2", "store.lost.client": "-1"}).faults()


def test_keys_that_are_gone_may_have_been_evicted() -> None:
    """A key that is gone is explained by the store's own number of evicted keys, a lower count is not."""
    assert figures({FLOW: 9, DETAIL: 9}, evicted=1).faults() == []
    assert figures({FLOW: 9, DETAIL: 9, CLIENT: 8}, evicted=1).faults()


def test_too_much_is_always_wrong() -> None:
    """A key above what was sent is a fault, whatever has a name."""
    assert any(
        "too much" in fault
        for fault in figures({FLOW: 10, DETAIL: 10, CLIENT: 9}, agent={"store.lost.flow": "1"}).faults()
    )


def test_what_a_killed_agent_had_not_written_may_be_missing() -> None:
    """After a kill, each key may miss what it may, and no more."""
    killed = replace(figures({FLOW: 7, DETAIL: 7, CLIENT: 9}), may_miss=Counter({FLOW: 2, DETAIL: 2}))

    assert killed.faults() == []
    assert replace(killed, may_miss=Counter({FLOW: 1, DETAIL: 2})).faults()


def test_keys_may_expire_but_not_those_that_go_on() -> None:
    """Where keys expire, what was written counts; the keys of flows that go on must be whole."""
    written = {"store.written.flow": "9", "store.written.client": "9"}
    expired = replace(figures({FLOW: 9, DETAIL: 9}, agent=written), expires=True)

    assert expired.faults() == []
    assert replace(expired, steady=frozenset({CLIENT})).faults()


@pytest.mark.parametrize(("name", "value"), [("status", 1), ("kernel_dropped", 3)])
def test_a_run_that_did_not_end_well_is_no_proof(name: str, value: int) -> None:
    """An agent that ends with a status, or a kernel that dropped packets, is a fault."""
    assert replace(figures({FLOW: 9, DETAIL: 9, CLIENT: 9}), ended=WELL | {name: value}).faults()


def test_losses_of_details_have_the_names_of_their_flows() -> None:
    """A `detail` hash loses what its flow loses, and not a packet more."""
    lost = {"store.lost.flow": "2"}

    assert figures({FLOW: 7, DETAIL: 7, CLIENT: 9}, agent=lost).faults() == []
    assert figures({FLOW: 7, DETAIL: 8, CLIENT: 9}, agent=lost).faults()


def test_a_traceback_in_a_log_is_wrong() -> None:
    """What an agent's log says of a mistake is a fault."""
    assert (
        "Traceback"
        in replace(figures({FLOW: 9, DETAIL: 9, CLIENT: 9}), mistakes=("Traceback (most recent",)).faults()[0]
    )


def test_a_key_without_a_lifetime_is_wrong() -> None:
    """Every key in the store must have a lifetime."""
    whole = figures({FLOW: 9, DETAIL: 9, CLIENT: 9})

    assert "no lifetime" in replace(whole, found=replace(whole.found, lifeless=1)).faults()[0]


def test_a_key_in_two_nodes_counts_twice(tmp_path: Path) -> None:
    """What several servers hold is summed, so a key that was copied and not moved is too much."""
    held = ({FLOW: 7, CLIENT: 9}, {FLOW: 2})
    servers = [Server(programs()["valkey"](), tmp_path / str(number)) for number in range(len(held))]
    for server, keys in zip(servers, held, strict=True):
        server.directory.mkdir()
        with server.start().client() as client:
            client.mset(keys)

    found = look(servers)

    for server in servers:
        server.kill()
    assert (found.counts, found.lifeless, found.redirects) == ({FLOW: 9, CLIENT: 9}, 3, 0)
