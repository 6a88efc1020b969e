"""The options at the end of pcapng blocks, read from many blocks at a time (draft-ietf-opsawg-pcapng section 3.5).

0  code    2  length    4  value, padded to a multiple of 4 bytes
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.capture.files.records import mixed_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MOST_OPTIONS: Final = 256
"""The most options of a block that are read; bounds the steps that a hostile block can cost."""

_HEADER: Final = 4
_END: Final = 0


@dataclass(frozen=True, slots=True)
class Options:
    """One option of each of several blocks, as columns of equal length."""

    block: NDArray[np.int64]
    """The index of the block that it belongs to."""
    code: NDArray[np.int64]
    length: NDArray[np.int64]
    """Bytes of the value."""
    value: NDArray[np.int64]
    """Where the value begins."""
    fits: NDArray[np.bool_]
    """Whether the value ends within its block; if not, this is the last option of the block."""

    def __len__(self) -> int:
        """Count the options."""
        return len(self.block)


def each_option(
    data: memoryview, begin: NDArray[np.int64], end: NDArray[np.int64], big: NDArray[np.bool_]
) -> Iterator[Options]:
    """Yield the first option of all blocks, then the second of those that have one, and so on.

    The options of a block lie from `begin` to `end`, in the byte order that `big` tells. At most `MOST_OPTIONS` are
    yielded, and then one more of each block that has more.
    """
    block = np.arange(len(begin))
    for _ in range(MOST_OPTIONS + 1):
        left = begin + _HEADER <= end
        if not left.all():
            block, begin, end, big = block[left], begin[left], end[left], big[left]
        if not len(block):
            return
        code, length = _headers(data, begin, big)
        value = begin + _HEADER
        fits = value + length <= end
        here = code != _END
        yield Options(block[here], code[here], length[here], value[here], fits[here])
        begin = np.where(here & fits, value + (length + 3) // 4 * 4, end)


def _headers(
    data: memoryview, at: NDArray[np.int64], big: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return code and length of the option at each place."""
    word = mixed_words(data, at, 1, big)[:, 0].astype(np.int64)
    high, low = word >> 16, word & 0xFFFF
    return np.where(big, high, low), np.where(big, low, high)
