"""Portions: some of their keys, and what they count."""

from __future__ import annotations

import numpy as np
import pytest

from shodohflo.store.outbox import Outbox
from shodohflo.store.portion import DETAIL, KINDS, VIEWS, counts_of, packets_in
from support.observing import flow, observed
from support.scribing import START


def test_every_view_counts_as_one_of_the_kinds_but_details() -> None:
    """Details count the same packets as their flows, and come last."""
    assert {view.kind for view in VIEWS} == {*KINDS, ""}
    assert VIEWS[-1] is DETAIL


@pytest.mark.parametrize(
    ("counts", "packets"),
    [
        ({}, 0),
        ({"client": 5, "flow": 5, "peer": 10}, 5),
        ({"client": 5, "flow": 2, "rst": 2, "icmp": 1}, 5),
        ({"client": 1, "flow": 2, "rst": 3}, 5),
        ({"peer": 3}, 2),
    ],
)
def test_packets_are_named_by_any_key_that_is_missing(counts: dict[str, int], packets: int) -> None:
    """The client of a packet may be on another node than its flow."""
    assert packets_in(counts) == packets


def test_some_of_a_portion_are_the_same_keys_with_all_that_is_said() -> None:
    """Names, numbers and facts stay together."""
    outbox = Outbox(10_000_000, 900)
    outbox.add(observed(flow("10.0.0.1", "8.8.8.8", 53, 2), flow("10.0.0.2", "8.8.8.8", 53, 3)), (), START)
    portions = outbox.take(100, START)
    details = portions[-1]

    for row, name in enumerate(details.names):
        one = details.some(np.array([row]))
        assert one.names == [name]
        assert one.deltas.tolist() == details.deltas[[row]].tolist()
        assert one.facts is not None
        assert len(one.facts.rules) == len(one) == 1

    assert counts_of(portions) == {"flow": 5, "peer": 10, "client": 5}
