"""The tail has the latest writes, lane by lane, as far as they fit."""

from __future__ import annotations

import numpy as np

from shodohflo.store.portion import VIEWS, TakenKeys
from shodohflo.store.tail import Tail


def part(count: int) -> TakenKeys:
    """Return what a write of one key added."""
    return TakenKeys(VIEWS[0], np.zeros(1, np.int32), np.zeros(1, np.uint32), np.array([[count]], np.int64))


def added(parts: list[TakenKeys]) -> list[int]:
    """Return what the parts added."""
    return [int(each.deltas.sum()) for each in parts]


def test_writes_after_a_number_are_taken_out_once() -> None:
    """Those of other lanes and those before stay."""
    tail = Tail(10**6)
    for number in range(1, 6):
        tail.add(0, number, (part(number),))
        tail.add(7, number, (part(10 * number),))

    since, again = tail.take_since(0, 3), tail.take_since(0, 3)

    assert (added(since.parts), since.is_complete) == ([4, 5], True)
    assert again.parts == []
    assert added(tail.take_since(0, 0).parts) == [1, 2, 3]
    assert added(tail.take_since(7, 4).parts) == [50]


def test_what_does_not_fit_is_dropped_and_known_to_be_missing() -> None:
    """Numbers that the tail reaches back to are complete, others are not."""
    tail = Tail(3 * part(1).octets)
    for number in range(1, 6):
        tail.add(0, number, (part(number),))

    assert tail.take_since(0, 2).is_complete
    assert not tail.take_since(0, 1).is_complete


def test_a_write_that_adds_nothing_takes_no_room() -> None:
    """It is in no way of those that do, although it takes a number."""
    tail = Tail(2 * part(1).octets)
    for number in range(1, 10):
        tail.add(0, number, (part(number),) if number in {2, 9} else ())

    assert added(tail.take_since(0, 1).parts) == [2, 9]
    assert tail.take_since(0, 1).is_complete
