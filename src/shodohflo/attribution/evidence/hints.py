"""Hints: which ends may be known. Most ends are not, and a hint says so without a look into the tables.

A hint is a mark at two places that the key of the end selects, as in a Bloom filter (B. Bloom, "Space/time trade-offs
in hash coding with allowable errors", 1970). A place without a mark proves that nothing is known of the end; two marks
may be those of others, or of an end that has been forgotten since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Keys = NDArray[np.uint64]

_FEWEST: Final = 10
_MOST: Final = 30
"""Bits of the number of a place."""

_SECOND: Final = np.uint32(0x9E3779B1)
"""An odd number: the upper bits of the product select the second place, the lower bits of a key the first."""


class Hints:
    """A byte for each place, since these are read and written as columns."""

    def __init__(self, ends: int) -> None:
        """Make room for hints about so many `ends`: there are at least four places for each."""
        bits = min(max(_FEWEST, int(4 * ends - 1).bit_length()), _MOST)
        self._mask, self._shift = np.uint32((1 << bits) - 1), np.uint32(32 - bits)
        self._marked = np.zeros(1 << bits, np.bool_)
        self._count = 0

    @property
    def octets(self) -> int:
        """The memory taken."""
        return self._marked.nbytes

    @property
    def is_full(self) -> bool:
        """Whether so many places are marked that hints are worth little."""
        return self._count > len(self._marked) // 2

    def add(self, keys: Keys) -> None:
        """Note that the ends with these keys are known."""
        for places in self._places(short(keys)):
            self._count += int(np.count_nonzero(~self._marked[places]))
            self._marked[places] = True

    def find(self, keys: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Return of which ends something may be known, by their `short` keys."""
        first, second = self._places(keys)
        return self._marked[first] & self._marked[second]

    def renew(self, tables: Iterable[Keys]) -> None:
        """Forget all hints but those about the keys of `tables`."""
        self._marked.fill(False)
        self._count = 0
        for keys in tables:
            self.add(keys)

    def _places(self, keys: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        return keys & self._mask, keys * _SECOND >> self._shift


def short(keys: Keys) -> NDArray[np.uint32]:
    """Return the part of each key that hints are found by."""
    return keys.astype(np.uint32)
