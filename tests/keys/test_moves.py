"""Moves: the keys that a correction takes packets from, and those that it adds them to."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from hypothesis import given

from shodohflo.columns.corrections import Corrections
from shodohflo.keys import counts, details
from shodohflo.keys.detail import Detail
from shodohflo.keys.moves import moves
from shodohflo.model import TCP, Kind, Rung
from support.observing import CORRECTIONS, SECOND, Swapped, corrected, observed

ONE = Swapped(
    ip_address("10.0.0.5"),
    ip_address("10.0.0.9"),
    port=54321,
    wrong_port=40000,
    packets=12,
    octets=700,
    first=SECOND,
    last=2 * SECOND,
    rule=1,
    rung=Rung.HANDSHAKE,
)


def test_the_example_of_the_module_is_true() -> None:
    """A flow has three keys on each side; what is added has the rule and the evidence that decide now."""
    [move] = moves(corrected(ONE), ("a", "b"))

    assert move.wrong == ("10.0.0.9;10.0.0.5;40000;flow", "client;10.0.0.9", "detail;10.0.0.9;10.0.0.5;40000")
    assert move.right == ("10.0.0.5;10.0.0.9;54321;flow", "client;10.0.0.5", "detail;10.0.0.5;10.0.0.9;54321")
    assert move.added == Detail(move.right[2], "tcp", 12, 700, SECOND, 2 * SECOND, 1, "b", "handshake")


def test_of_an_ignored_flow_only_the_clients_are_moved() -> None:
    """It has no flow key and no detail; a rule without a text has an empty sentence."""
    [move] = moves(corrected(replace(ONE, kind=Kind.FLOW_IGNORED)))

    assert (move.wrong, move.right) == (("client;10.0.0.9",), ("client;10.0.0.5",))
    assert move.added.sentence == ""


def test_no_corrections_move_nothing() -> None:
    """An empty table has no moves."""
    assert moves(Corrections.empty()) == []


@given(CORRECTIONS)
def test_the_keys_are_those_that_rows_have(swapped: Swapped) -> None:
    """The wrong keys are those of the rows as they were written, the right ones those of rows decided right."""
    [move] = moves(corrected(swapped))

    for keys, row in ((move.wrong, swapped.as_written()), (move.right, swapped.as_it_is())):
        rows = observed(row)
        counted = {key for key in counts(rows) if not key.endswith(";peer")}
        assert set(keys) == counted | {detail.key for detail in details(rows)}
    assert move.added.protocol == ("tcp" if swapped.protocol == TCP else "udp")
