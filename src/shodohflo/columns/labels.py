"""Labels: the key columns of a table, packed into as few 64-bit words per row as their values need.

Two rows of a table have the same label exactly if they are equal in all key columns, however many
there are and however large their values: a column gets as many bits as its greatest value needs, and
a column that does not fit into the words so far gets another word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from shodohflo.columns.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

T = TypeVar("T", bound=Table)

_WORD = 64


def labels(rows: Table) -> list[NDArray[np.uint64]]:
    """Return the label of each row, as at least one column of words; comparable within this call only.

    Of IPv4 flows, for example, the addresses take 32 bits each, ports up to 65,535 take 16, protocol 17
    takes 5, rule 9 takes 4, the two IP versions take 3 each, and columns that are 0 in all rows take
    none: one word for the addresses, and 31 bits of another.
    """
    sized = [(_bits(column), column) for key in rows.keys() for column in _numbers(key)]  # noqa: SIM118 - no mapping
    words: list[NDArray[np.uint64]] = []
    used: list[int] = []
    # The widest first, each into the first word that has room for it.
    for bits, column in sorted((each for each in sized if each[0]), key=lambda each: -each[0]):
        place = next((place for place, taken in enumerate(used) if taken + bits <= _WORD), None)
        if place is None:
            words.append(column.astype(np.uint64))
            used.append(bits)
        else:
            words[place] <<= np.uint64(bits)
            words[place] |= column
            used[place] += bits
    return words or [np.zeros(len(rows), np.uint64)]


def key_bytes(rows: Table) -> list[bytes]:
    """Return the key of each row as bytes that are equal for equal keys of any two tables of one type."""
    keys = list(rows.keys())
    packed = np.empty(len(rows), [(str(place), key.dtype) for place, key in enumerate(keys)])
    for place, key in enumerate(keys):
        packed[str(place)] = key
    found: list[bytes] = packed.view(f"V{packed.dtype.itemsize}").tolist()
    return found


def from_key_bytes(kind: type[T], names: Sequence[bytes]) -> T:
    """Return the table of which `key_bytes` made `names`; all columns of its type must be keys."""
    dtypes = [key.dtype for key in kind.empty().keys()]  # noqa: SIM118 - no mapping
    packed = np.frombuffer(b"".join(names), [(str(place), dtype) for place, dtype in enumerate(dtypes)])
    return _unpacked(kind, iter([packed[str(place)] for place in range(len(dtypes))]))


def _unpacked(kind: type[T], keys: Iterator[NDArray[Any]]) -> T:
    return kind(
        *[
            _unpacked(each.dtype, keys)
            if isinstance(each.dtype, type) and issubclass(each.dtype, Table)
            else next(keys)
            for each in kind.columns
        ]
    )


def _bits(column: NDArray[Any]) -> int:
    """Return how many bits the greatest value of `column` needs."""
    return int(column.max()).bit_length() if len(column) else 0


def _numbers(key: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield `key` as columns of unsigned integers; byte strings are cut into words."""
    if key.dtype.kind == "S":
        yield from np.ascontiguousarray(key).view(np.uint64).reshape(len(key), key.dtype.itemsize // 8).T
    else:
        yield key
