"""Hints: which ends may be known. Most ends are not, and a hint says so without a look into the tables.

A hint is a bit at a place that the key of the end selects, as in a Bloom filter with one hash (B. Bloom, "Space/time
trade-offs in hash coding with allowable errors", 1970). A bit that is not set proves that nothing is known of the end;
one that is set may be another's, or that of an end that has been forgotten since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Keys = NDArray[np.uint64]


class Hints:
    """A byte for each place, since these are read and written as columns."""

    def __init__(self, ends: int) -> None:
        """Make room for hints about so many `ends`: at most one of four places is set then."""
        places = 1 << max(10, int(4 * ends - 1).bit_length())
        self._mask = np.uint64(places - 1)
        self._set = np.zeros(places, np.bool_)
        self._count = 0

    @property
    def octets(self) -> int:
        """The memory taken."""
        return self._set.nbytes

    @property
    def is_full(self) -> bool:
        """Whether so many places are set that hints are worth little."""
        return self._count > len(self._set) // 2

    def add(self, keys: Keys) -> None:
        """Note that these ends are known."""
        places = self._places(keys)
        self._count += np.count_nonzero(~self._set[places])
        self._set[places] = True

    def find(self, keys: Keys) -> NDArray[np.bool_]:
        """Return which ends may be known."""
        return self._set[self._places(keys)]

    def at(self, places: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Return what `find` returns for keys with these `places`."""
        return self._set[places]

    def places(self, keys: Keys) -> NDArray[np.uint32]:
        """Return the places of keys, which stay the same."""
        return self._places(keys).astype(np.uint32)

    def renew(self, tables: Iterable[Keys]) -> None:
        """Forget all hints but those about the keys of `tables`."""
        self._set.fill(False)
        self._count = 0
        for keys in tables:
            self.add(keys)

    def _places(self, keys: Keys) -> NDArray[np.int64]:
        return (keys & self._mask).view(np.int64)
