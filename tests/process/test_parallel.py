"""Work for several at the same time."""

from __future__ import annotations

import threading
from threading import Barrier, Lock

import pytest

from shodohflo.process.parallel import MOST_THREADS, in_parallel

PATIENCE = 20.0


def test_results_come_in_the_order_of_the_items() -> None:
    """However many items there are."""
    for number in (0, 1, 2, MOST_THREADS, 5 * MOST_THREADS):
        assert in_parallel(lambda item: item * item, range(number)) == [item * item for item in range(number)]


def test_all_are_worked_on_at_the_same_time() -> None:
    """Each waits until the last one has begun, up to the bound."""
    everybody = Barrier(MOST_THREADS)

    assert len(in_parallel(lambda _: everybody.wait(PATIENCE), range(MOST_THREADS))) == MOST_THREADS


def test_the_number_of_threads_is_bounded() -> None:
    """The items beyond the bound wait for a thread that is done."""
    lock, running, most = Lock(), set[int](), [0]

    def work(item: int) -> None:
        with lock:
            running.add(item)
            most[0] = max(most[0], len(running))
        with lock:
            running.discard(item)

    in_parallel(work, range(20 * MOST_THREADS))

    assert 0 < most[0] <= MOST_THREADS


def test_the_first_exception_is_raised_when_all_are_done() -> None:
    """By the order of the items, not by that of time."""
    done: list[int] = []

    def work(item: int) -> None:
        done.append(item)
        if item in {3, 5}:
            raise ValueError(item)

    with pytest.raises(ValueError, match=r"^3$"):
        in_parallel(work, range(10))

    assert sorted(done) == list(range(10))


def test_a_single_item_needs_no_thread() -> None:
    """It is worked on where it is asked for."""
    assert in_parallel(lambda _: threading.current_thread(), [1]) == [threading.current_thread()]
