"""Overflow: remembers which keys found no room, so that none of them is counted in part.

A key that was refused once stays refused until it has been silent for a lifetime, even if there is room again: a count
that lacks its first packets would look like any other. What is remembered is one bit per hash, in two halves of a fixed
size that take turns with each lifetime. So a few new keys are refused for the hash of another one: 1.5 % of them
where a million keys were refused. No I/O, no clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_BITS: Final = 26
"""Two raised to it are the hashes that are told apart: 8 MB for each half, allocated when it is needed."""


class Overflow:
    """Keys that were refused within the last lifetime, and up to two of them."""

    def __init__(self) -> None:
        """Start with none."""
        self._halves: list[NDArray[np.uint8] | None] = [None, None]
        self._turns_at = 0

    def turn(self, now: int, lifetime: int) -> None:
        """Forget what was refused before the last turn, if that is a lifetime ago; both are in ns of any clock."""
        if now >= self._turns_at:
            self._halves = [None, self._halves[0] if now < self._turns_at + lifetime else None]
            self._turns_at = now + lifetime

    @property
    def is_empty(self) -> bool:
        """Whether no key is remembered."""
        return all(half is None for half in self._halves)

    def add(self, names: Sequence[bytes]) -> None:
        """Remember keys that are refused now."""
        half = self._halves[0]
        if half is None:
            half = self._halves[0] = np.zeros(1 << (_BITS - 3), np.uint8)
        places, bits = _hashed(names)
        np.bitwise_or.at(half, places, bits)

    def has(self, names: Sequence[bytes]) -> NDArray[np.bool_]:
        """Return whether each of `names` was refused, or shares the hash of one that was."""
        found = np.zeros(len(names), np.bool_)
        places, bits = _hashed(names)
        for half in self._halves:
            if half is not None:
                found |= half[places] & bits != 0
        return found


def _hashed(names: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return the byte and the bit of each name; Python's hash of bytes is secret, so nobody can choose them."""
    hashes = np.array([hash(name) for name in names], np.int64) & ((1 << _BITS) - 1)
    return hashes >> 3, np.uint8(1) << (hashes & 7).astype(np.uint8)
