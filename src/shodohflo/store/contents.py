"""What a store holds, in numbers: the keys of one kind, and the keys of its other databases.

A reader that has found nothing asks for it, to be able to say why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shodohflo.store.scanning import Scan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shodohflo.store.dialogue import Dialogue

MOST: Final = 100_000
"""Counting ends there, since it is the same reason with more keys."""

_KEYSPACE: Final = re.compile(r"^db([0-9]{1,5}):keys=([0-9]{1,18})\b", re.MULTILINE)
"""A database that has keys, in the answer to INFO."""


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


def read_contents(dialogue: Dialogue, store: str, patterns: tuple[str, ...]) -> Contents:
    """Count the keys that match one of `patterns`; `store` is the name of the store."""
    matching = sum(_count(dialogue, pattern) for pattern in patterns)
    others = {number: keys for number, keys in _databases(dialogue).items() if number != dialogue.database}
    return Contents(store, matching, dialogue.database, others)


def _count(dialogue: Dialogue, pattern: str) -> int:
    counted = 0
    for names in Scan(dialogue, pattern):
        counted += len(names)
        if counted >= MOST:
            break
    return counted


def _databases(dialogue: Dialogue) -> dict[int, int]:
    """Return the number of keys by database; nothing if the store does not say, or may not."""
    [told] = dialogue.ask([("INFO", "keyspace")])
    return {int(number): int(keys) for number, keys in _KEYSPACE.findall(told)} if isinstance(told, str) else {}
