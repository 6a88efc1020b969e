"""The databases of several stores: each is read once, and all at the same time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from shodohflo.errors import StoreError
from shodohflo.process.parallel import in_parallel
from shodohflo.store.failures import is_refusal, store_errors
from shodohflo.store.kinds import dialogue_with
from shodohflo.store.reading import database_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shodohflo.store.connection import Store
    from shodohflo.store.dialogue import Dialogue
    from shodohflo.store.reading import DatabaseId

Result = TypeVar("Result")


Failures = dict[int, StoreError]
"""By the place of the store among those that were named."""


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[Result]):
    """What became of one question to one database."""

    results: tuple[Result, ...]
    """One, or none if every store of the database failed."""
    failures: Failures


class Databases:
    """The databases of `stores`, for the time of one command.

    A database that is named several times, in whatever way, or together with its replica, is read once, from the first
    of these stores that answers. Stores are asked in parallel, so that several that are away cost one timeout.
    """

    def __init__(self, stores: Sequence[Store]) -> None:
        """Read from `stores`; nothing is connected yet."""
        self._stores = tuple(stores)
        self.failures: dict[str, str] = {}
        """One line for each store that has failed so far, by the name of the store."""
        self.unidentified: tuple[str, ...] = ()
        """The names of stores that may have the same data as others: see `DatabaseId.is_certain`."""

    def read(self, read: Callable[[Dialogue, str], Result]) -> list[Result]:
        """Return what `read` returns for each database, given a dialogue and the name of the store.

        Raise the `StoreError` of the first store if all fail, with notes of the others; otherwise note in `failures`
        those that did.
        """
        databases, failures = self._found
        outcomes = in_parallel(lambda places: self._read_one(places, read), databases)
        results = [result for each in outcomes for result in each.results]
        failed = failures | {place: error for each in outcomes for place, error in each.failures.items()}
        self._give_up({place: error for place, error in failed.items() if not is_refusal(error.__cause__)})
        errors: dict[str, StoreError] = {}
        for place in sorted(failed):
            errors.setdefault(self._stores[place].name, failed[place])
        if not results:
            raise _all_failed(list(errors.values()))
        self.failures |= {name: str(error) for name, error in errors.items()}
        return results

    @cached_property
    def _found(self) -> tuple[list[list[int]], Failures]:
        """Return the places of the stores of each database, and why others could not be asked, or not any more."""
        if len(self._stores) == 1:
            return [[0]], {}
        databases: dict[DatabaseId, list[int]] = {}
        certain: set[DatabaseId] = set()
        failures: Failures = {}
        for place, identity in enumerate(in_parallel(_identity, self._stores)):
            if isinstance(identity, StoreError):
                failures[place] = identity
            else:
                databases.setdefault(identity, []).append(place)
                certain |= {identity} if identity.is_certain else set()
        if len(databases) > 1:
            doubtful = (places for identity, places in databases.items() if identity not in certain)
            self.unidentified = tuple(self._stores[places[0]].name for places in doubtful)
        return list(databases.values()), failures

    def _give_up(self, failures: Failures) -> None:
        """Let later queries not ask the stores again that failed, which would cost another timeout each."""
        databases, found = self._found
        found.update(failures)
        databases[:] = [[place for place in places if place not in failures] for places in databases]

    def _read_one(self, places: Sequence[int], read: Callable[[Dialogue, str], Result]) -> _Outcome[Result]:
        """Read a database from the first of its stores that does not fail."""
        failures: Failures = {}
        for place in places:
            store = self._stores[place]
            try:
                with store_errors(store.name), dialogue_with(store) as dialogue:
                    return _Outcome((read(dialogue, store.name),), failures)
            except StoreError as error:
                failures[place] = error
        return _Outcome((), failures)


def _identity(store: Store) -> DatabaseId | StoreError:
    """Return which database a store has, or why it cannot be asked."""
    try:
        with store_errors(store.name), dialogue_with(store) as dialogue:
            return database_of(dialogue, store.name)
    except StoreError as error:
        return error


def _all_failed(errors: Sequence[StoreError]) -> StoreError:
    """Return the first error, with the others as its notes, which the command line prints too."""
    raised = StoreError(str(errors[0]))
    for other in errors[1:]:
        raised.add_note(str(other))
    return raised
