"""Scanning a store for names, in steps that do not block its other clients, and always with an end.

SCAN promises neither a number of steps nor that a name comes once, so a store that is broken or hostile can go on for
ever: in circles, with empty steps, or with new names. Each of these ends with an error of the client library.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from valkey.exceptions import InvalidResponse, ResponseError

from shodohflo.store.dialogue import TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shodohflo.store.dialogue import Dialogue

STEP: Final = 2_000
"""Keys that the store looks at in one step of a scan."""

_SMALLER_STEPS: Final = (200, 20, 1)
"""Tried one after the other if names are too long, so that one such name costs at most some 100 answers."""

MOST_NAMES: Final = 5_000_000
"""Names that one scan may find: rows of so many flows take some 3 GB of memory."""

_MOST_EMPTY: Final = 1_000
"""Steps without a new name, beyond those that the size of the store explains."""

_LARGEST: Final = 10**8
"""Keys of the largest store that is believed."""

_CURSOR: Final = re.compile(r"[0-9]{1,24}", re.ASCII)
"""One of 20 digits at most from a store; a cluster has the place of a node in front of it."""

HEAD: Final = re.compile(rb"\*2\r\n\$[0-9]{1,2}\r\n([0-9]{1,24})\r\n")
"""The beginning of an answer to SCAN: the next cursor comes before the names."""


class Scan:
    """The names of a store that match a pattern."""

    def __init__(self, dialogue: Dialogue, pattern: str) -> None:
        """Scan for `pattern`; nothing is asked yet."""
        self._dialogue = dialogue
        self._pattern = pattern
        self.too_long = 0
        """Steps whose names were too long to be read, at least one name in each."""

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the names in steps, each name once."""
        if not any(sign in self._pattern for sign in "*?[\\"):
            yield [self._pattern]  # whether there is such a key shows when it is read
            return
        met: set[str] = set()
        empty, most_empty = 0, self._steps() + _MOST_EMPTY
        for names in self._pages():
            fresh = set(names) - met
            met |= fresh
            empty += not fresh
            if empty > most_empty:
                raise InvalidResponse("its SCAN does not end")
            if len(met) > MOST_NAMES:
                raise InvalidResponse(f"more than {MOST_NAMES:,} of its keys match; ask for less, as with --client")
            if fresh:
                yield sorted(fresh)

    def _steps(self) -> int:
        """Return in how many steps a store goes through its keys, generously: its table may be sparse."""
        [size] = self._dialogue.ask([("DBSIZE",)])
        if isinstance(size, ResponseError):  # a user may lack the permission, and the store may be large
            size = _LARGEST
        return 10 * min(size, _LARGEST) // STEP if type(size) is int and size > 0 else 0

    def _pages(self) -> Iterator[list[str]]:
        """Yield the names of each answer."""
        cursor, visited = "0", set[str]()
        while True:
            cursor, names = self._page(cursor)
            yield names
            if cursor == "0":
                return
            if cursor in visited:
                raise InvalidResponse("its SCAN goes round in circles")
            visited.add(cursor)

    def _page(self, cursor: str) -> tuple[str, list[str]]:
        """Return the next cursor and the names of one step, which is the smaller the longer names are."""
        for step in (STEP, *_SMALLER_STEPS):
            answer = self._dialogue.demand(("SCAN", cursor, "MATCH", self._pattern, "COUNT", step))
            if not isinstance(answer, TooLarge):
                return _checked(answer)
        head = HEAD.match(answer.head)
        if not head:
            raise InvalidResponse("an answer to SCAN is too large")
        self.too_long += 1
        return head[1].decode(), []


def _checked(answer: Any) -> tuple[str, list[str]]:  # noqa: ANN401 - anything at all
    """Return the cursor and the names if `answer` has the form of an answer to SCAN."""
    match answer:
        case [str(cursor), list(names)] if _CURSOR.fullmatch(cursor) and all(type(name) is str for name in names):
            return cursor, names
        case _:
            raise InvalidResponse("an odd answer to SCAN")
