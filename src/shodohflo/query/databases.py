"""The databases of several stores: each is read once, and all at the same time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from shodohflo.errors import StoreError
from shodohflo.process.parallel import in_parallel
from shodohflo.store.dialogue import Dialogue
from shodohflo.store.failures import store_errors
from shodohflo.store.reading import database_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from shodohflo.store.connection import Store

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

    def read(self, read: Callable[[Dialogue, str], Result]) -> list[Result]:
        """Return what `read` returns for each database, given a dialogue and the name of the store.

        Raise the `StoreError` of the first store if all fail; otherwise note in `failures` those that did.
        """
        databases, failures = self._found
        outcomes = in_parallel(lambda places: self._read_one(places, read), databases)
        results = [result for each in outcomes for result in each.results]
        failed = failures | {place: error for each in outcomes for place, error in each.failures.items()}
        errors: dict[str, StoreError] = {}
        for place in sorted(failed):
            errors.setdefault(self._stores[place].name, failed[place])
        if not results:
            raise _all_failed(list(errors.values()))
        self.failures |= {name: str(error) for name, error in errors.items()}
        return results

    @cached_property
    def _found(self) -> tuple[list[list[int]], Failures]:
        """Return the places of the stores of each database, and why others could not be asked.

        Who did not answer is not asked again by the next query, which would cost another timeout.
        """
        if len(self._stores) == 1:
            return [[0]], {}
        databases: dict[Hashable, list[int]] = {}
        failures: Failures = {}
        for place, identity in enumerate(in_parallel(_identity, self._stores)):
            if isinstance(identity, StoreError):
                failures[place] = identity
            else:
                databases.setdefault(identity, []).append(place)
        return list(databases.values()), failures

    def _read_one(self, places: Sequence[int], read: Callable[[Dialogue, str], Result]) -> _Outcome[Result]:
        """Read a database from the first of its stores that does not fail."""
        failures: Failures = {}
        for place in places:
            store = self._stores[place]
            try:
                with store_errors(store.name), store.connect() as client:
                    return _Outcome((read(Dialogue(client), store.name),), failures)
            except StoreError as error:
                failures[place] = error
        return _Outcome((), failures)


def _identity(store: Store) -> Hashable | StoreError:
    """Return what distinguishes the database of a store, or why that is unknown."""
    try:
        with store_errors(store.name), store.connect() as client:
            return database_of(Dialogue(client)) or store.name
    except StoreError as error:
        return error


def _all_failed(errors: Sequence[StoreError]) -> StoreError:
    """Return the first error, which says how many other stores failed too."""
    first, *others = errors
    if not others:
        return first
    told = "the other store" if len(others) == 1 else f"the other {len(others)} stores"
    return StoreError(f"{first}; {told} failed too")
