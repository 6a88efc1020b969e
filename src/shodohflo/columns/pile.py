"""A pile: tables that arrive in parts and are kept until they are taken, merged when they need too much memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from shodohflo.columns.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T", bound=Table)


class Pile(Generic[T]):
    """Rows kept until they are taken: at most `many`, plus twice what the last merging left, plus one part.

    With `many` = 500,000, for example, and parts of 10,000 rows that merge into 100,000 different ones: the
    first merging comes at 510,000 rows, and the next ones at 710,000. The term of twice the merged rows keeps the
    cost per row constant where hardly any rows merge.
    """

    def __init__(self, merge: Callable[[Sequence[T]], T], many: int) -> None:
        """Create an empty pile; `merge` makes one table of any number of parts, also of none."""
        self._merge = merge
        self._many = many
        self._parts: list[T] = []
        self._rows = self._rows_merged = 0

    def __len__(self) -> int:
        """Count the rows in the pile; equal rows count separately until they are merged."""
        return self._rows

    def add(self, part: T) -> None:
        """Add rows; the arrays of `part` must not change until they are taken."""
        if not len(part):
            return
        self._parts.append(part)
        self._rows += len(part)
        if self._rows > self._many + 2 * self._rows_merged:
            self.merged()

    def merged(self) -> T:
        """Merge the rows and return them; they stay in the pile."""
        if len(self._parts) != 1 or self._rows != self._rows_merged:
            self._parts = [self._merge(self._parts)]
            self._rows = self._rows_merged = len(self._parts[0])
        return self._parts[0]

    def take(self) -> T:
        """Return the rows, merged, and leave the pile empty."""
        taken = self.merged()
        self._parts, self._rows, self._rows_merged = [], 0, 0
        return taken
