"""Work that waits, such as asking many servers: done for several at the same time, in a bounded number of threads."""

from __future__ import annotations

from threading import Lock, Thread
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_THREADS: Final = 32
"""Threads that work at the same time. They mostly wait: who is away costs a timeout, and 32 of them cost one."""


def in_parallel(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return what `work` returns for each item, in their order; raise the first exception, in that order, of any.

    A single item is worked on in the calling thread. An interrupt ends the wait for the threads at once.
    """
    if len(items) < 2:
        return [work(item) for item in items]
    results: dict[int, Result] = {}
    errors: dict[int, BaseException] = {}
    left, lock = iter(enumerate(items)), Lock()

    def run() -> None:
        while True:
            with lock:
                place, item = next(left, (-1, items[0]))
            if place < 0:
                return
            try:
                results[place] = work(item)
            except BaseException as error:  # noqa: BLE001 - raised again below
                errors[place] = error

    # Daemons: a process that is interrupted does not wait until the last server has answered.
    threads = [Thread(target=run, daemon=True) for _ in range(min(len(items), MOST_THREADS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[min(errors)]
    return [results[place] for place in range(len(items))]
