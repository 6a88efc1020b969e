"""What a store holds, in numbers: the keys of one kind, and the keys of its other databases.

A reader that has found nothing asks for it, to be able to say why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from valkey.exceptions import ResponseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valkey import Valkey

MOST: Final = 100_000
"""Counting ends there, since it is the same reason with more keys."""

_STEP: Final = 2_000
_MOST_STEPS: Final = 5_000
"""Of a store whose scan never ends."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What one database holds, and which others of the same store hold anything."""

    store: str
    matching: int
    """Keys that match the patterns, at least; counting ends at `MOST`."""
    database: int
    others: Mapping[int, int]
    """The number of keys of each other database that has any; empty if the store does not say."""

    @property
    def has_more(self) -> bool:
        """Whether counting ended early."""
        return self.matching >= MOST


def read_contents(client: Valkey, store: str, patterns: tuple[str, ...]) -> Contents:
    """Count the keys of `client` that match one of `patterns`; `store` is its name."""
    database = int(client.connection_pool.connection_kwargs.get("db") or 0)
    matching = sum(_count(client, pattern) for pattern in patterns)
    return Contents(store, matching, database, {n: keys for n, keys in _databases(client).items() if n != database})


def _count(client: Valkey, pattern: str) -> int:
    counted = 0
    cursor = 0
    for _ in range(_MOST_STEPS):
        answer: Any = client.scan(cursor, match=pattern, count=_STEP)
        cursor, names = answer
        counted += len(names)
        if cursor == 0 or counted >= MOST:
            break
    return counted


def _databases(client: Valkey) -> dict[int, int]:
    """Return the number of keys by database."""
    try:
        told: Any = client.info("keyspace")
    except ResponseError:  # INFO is forbidden
        return {}
    return {
        int(name[2:]): counts["keys"]
        for name, counts in (told.items() if isinstance(told, dict) else ())
        if name[:2] == "db"
        and name[2:].isdecimal()
        and isinstance(counts, dict)
        and isinstance(counts.get("keys"), int)
    }
