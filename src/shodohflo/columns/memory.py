"""Memory of bounded size: a table of entries found by key, in which what is used again outlives what is seen once.

The table is divided into sets of 8 entries, and the upper bits of a key select its set, so that a whole column of keys
is found by reading one row of 8 keys for each. Within its set, a new entry takes the place of an empty or expired one,
or else of the one not used for the longest time among those that are not protected (segmented LRU: R. Karedla et al.,
"Caching strategies to improve disk system performance", 1994). An entry becomes protected when it is used again. Of
the 8 at most 6 are, so any number of entries that are seen once, forged ones perhaps, share the rest: a quarter of a
full table.

For example, a full set, with p for protected, and the time of the last use below each key:

    A    B    C    D    E    F    G    H        key J comes at time 90: it takes the place of G, the older of the two
    p    p    p    p    p    p                  that are not protected. H is used at time 91: it becomes protected, the
    10   20   30   40   50   60   15   70       seventh, so A, which was used first of these, is no longer protected.

Keys are 64-bit hashes (`hashed`) and stand for what was hashed: that any two of a million ends have the same key has a
probability of 2.7e-8, half a million million pairs in 2**64. Two rows that were hashed to one key share an entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import DTypeLike, NDArray

    Keys = NDArray[np.uint64]
    Times = NDArray[np.int64]
    Slots = NDArray[np.int32]
    Mask = NDArray[np.bool_]
    Choice = Callable[[NDArray[np.int64], Times], Slots]

WAYS: Final = 8
"""Entries in a set; their keys fill one cache line of 64 bytes."""

PROTECTED: Final = 6
"""Entries of a set that may be protected."""

_LINE: Final = 64

_NEVER: Final = np.iinfo(np.int64).min
"""The last use of an empty entry: expired at any time."""

_WAY_OF_BYTE: Final = np.uint64(sum(way << (61 - 8 * way) for way in range(WAYS)))
"""`(1 << 8 * way) * _WAY_OF_BYTE >> 61` is `way`: each factor shifts another three bits to the top."""

_HALF: Final = np.uint64(32)
_LOWER: Final = np.uint64(2**32 - 1)
_UPPER: Final = np.uint64(2**64 - 2**32)

MOST_COLUMNS: Final = 16
"""Columns that `hashed` takes at most."""

_SECRETS: Final = np.random.default_rng().integers(2**64, size=(MOST_COLUMNS, 2, 2), dtype=np.uint64)
"""The multipliers of `hashed`: for each column, for the upper and the lower half of the hash, for both halves of a
value."""

_STARTS, _ROUNDS = np.random.default_rng().integers(2**64, size=(2, 2), dtype=np.uint64)
"""What both sums of `hashed` begin with, and the multipliers of its two rounds."""


def hashed(columns: Sequence[NDArray[np.uint64]]) -> Keys:
    """Hash each row of up to 16 columns to 64 bits, never 0; equal rows alike as long as the process lives.

    The multipliers are random and secret. For any two different rows of as many columns, chosen without knowing any
    hash, the probability of equal hashes is 2**-64: each half of the hash is the upper half of a sum of products, one
    for each 32 bits of the row (M. Dietzfelbinger, "Universal hashing and k-wise independent random variables via
    integer arithmetic without primes", 1996). A sum keeps regular distances between rows, as those of consecutive
    addresses, so two rounds of multiplying and shifting, which merge no two hashes, scatter them over the sets.
    """
    upper, lower = (np.full(len(columns[0]), start) for start in _STARTS)
    for column, multipliers in zip(columns, _SECRETS[: len(columns)], strict=True):
        low, high = column & _LOWER, column >> _HALF
        upper += low * multipliers[0, 0] + high * multipliers[0, 1]
        lower += low * multipliers[1, 0] + high * multipliers[1, 1]
    key = (upper & _UPPER) | (lower >> _HALF)
    for multiplier in _ROUNDS | np.uint64(1):
        key ^= key >> _HALF
        key *= multiplier
    key ^= key >> _HALF
    return np.maximum(key, np.uint64(1), out=key)


class Memory:
    """Entries found by key, each with its time of last use and the values of its fields; see the module.

    Times are in ns since 1970, not negative, in any order. An entry has expired at a time that is more than the
    lifetime after its last use. It keeps its slot until it is forgotten or another takes its place in an `enter`.

    `memory["name"]` is the array of a field, to be read and written by slot. It has one element more than there are
    slots, which slot -1 selects and which belongs to no entry: to write there does no harm, and what `find` and `enter`
    return -1 for reads as zero, unless it has been written since.
    """

    def __init__(self, fields: Mapping[str, DTypeLike], capacity: int, lifetime: int) -> None:
        """Make room for `capacity` entries, rounded up to whole sets, that live `lifetime` ns after their last use."""
        self._sets = max(1, -(-capacity // WAYS))
        self._lifetime = np.int64(lifetime)
        count = self._sets * WAYS + 1
        # Flat, by slot; the last element belongs to slot -1. A row of 8 of the others is a set.
        self._key: Keys = _aligned(count, np.uint64)
        self._last: Times = _aligned(count, np.int64)
        self._last.fill(_NEVER)
        self._protected: Mask = _aligned(count, np.bool_)
        self._rows, self._fields = _entries(fields, count)
        self._key_sets, self._last_sets, self._protected_sets = (
            column[:-1].reshape(self._sets, WAYS) for column in (self._key, self._last, self._protected)
        )
        columns = [self._key, self._last, self._protected, self._rows]
        self.octets = sum(column.nbytes for column in columns)
        """Bytes of memory it takes from the start to the end."""

    @property
    def capacity(self) -> int:
        """How many entries there is room for, which is also the number of slots."""
        return self._sets * WAYS

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the array of a field, by slot."""
        return self._fields[name]

    def find(self, keys: Keys, times: Times) -> Slots:
        """Return the slot of each key, or -1 where it is absent or has expired at the time beside it; no use of it."""
        slots = self.locate(keys)
        slots[self._last[slots] < times - self._lifetime] = -1
        return slots

    def locate(self, keys: Keys) -> Slots:
        """Return the slot of each key, or -1 where it is absent; no use of it, and it may have expired."""
        slots = self._locate(keys)
        self._clear(-1)
        return slots

    def use(self, slots: Slots, times: Times) -> None:
        """Mark each slot, one in use, as used at the time beside it, which is what `enter` does with one it finds."""
        self._use(slots, times)

    def enter(self, keys: Keys, times: Times) -> tuple[Slots, Mask]:
        """Find or insert each key and mark it as used at the time beside it; return the slots, and which are fresh.

        Fresh is every row of a key that was absent before the call, or had expired at all of its times in the call;
        the fields of its entry are zero. Rows with equal keys have one slot, rows with different keys never do: where
        more new keys fall into one set than it has room for, some of them, or rarely an entry used before, do not
        outlast the call, and all rows of these keys have slot -1. The caller goes on as if it remembered nothing of
        them. A set has room for 8 new keys if it is empty, and for 2 at least.
        """
        return self._enter(keys, times, self._oldest)

    def admit(self, keys: Keys, times: Times) -> tuple[Slots, Mask]:
        """Do as `enter` does, but evict nothing: a new key whose set has no empty or expired place has slot -1."""
        return self._enter(keys, times, self._vacant)

    def _enter(self, keys: Keys, times: Times, choose: Choice) -> tuple[Slots, Mask]:
        """Enter keys; `choose` says which slots new ones take."""
        slots = self._locate(keys)
        fresh = self._is_fresh(slots, times)
        self._clear(-1)
        if not fresh.any():
            self._use(slots, times)
            return slots, fresh
        if not fresh.all():
            self._use(slots[~fresh], times[~fresh])
        self.forget(slots[fresh])
        rows = np.flatnonzero(fresh)
        slots[rows] = self._insert(keys[rows], times[rows], choose)
        slots[self._key[slots] != keys] = -1
        return slots, fresh

    def forget(self, slots: Slots) -> None:
        """Remove the entries of `slots`; -1 stands for none."""
        self._key[slots] = 0
        self._last[slots] = _NEVER
        self._protected[slots] = False

    def keys(self) -> Keys:
        """Return the keys of all slots in use, expired or not."""
        keys: Keys = self._key[self._key != 0]
        return keys

    def keys_of(self, slots: Slots) -> Keys:
        """Return the key of each slot, 0 if it is not in use."""
        return self._key[slots]

    def last_of(self, slots: Slots) -> Times:
        """Return when each slot, one in use, was used last."""
        return self._last[slots]

    def live(self, time: int) -> Slots:
        """Return all slots in use that have not expired at `time`, in ascending order."""
        last = self._last[:-1]
        oldest = max(int(time) - int(self._lifetime), _NEVER)  # as of a capture made up to be from 1677
        return np.flatnonzero((last != _NEVER) & (last >= oldest)).astype(np.int32)

    def _clear(self, slots: Slots | int) -> None:
        """Set all fields of `slots` to zero."""
        self._rows[slots] = 0

    def _set_of(self, keys: Keys) -> NDArray[np.int64]:
        """Return the set of each key; never a smaller one for a greater key."""
        return ((keys >> _HALF) * np.uint64(self._sets) >> _HALF).view(np.int64)

    def _locate(self, keys: Keys) -> Slots:
        """Return the slot of each key, or -1; expired or not."""
        sets = self._set_of(keys)
        is_key = self._key_sets[sets] == keys[:, np.newaxis]
        # The 8 answers of a row are 8 bytes, of which at most one is 1: a power of two that says which.
        answers = is_key.view(np.uint64).ravel()
        ways = ((answers * _WAY_OF_BYTE) >> np.uint64(61)).view(np.int64)
        slots: Slots = (sets * WAYS + ways).astype(np.int32)
        slots[answers == 0] = -1
        return slots

    def _is_fresh(self, slots: Slots, times: Times) -> Mask:
        """Return which rows are of keys that are absent, or that have expired at each of their times."""
        gone = self._last[slots] < times - self._lifetime
        expired = gone & (slots >= 0)
        if expired.any():
            gone[expired] = ~np.isin(slots[expired], slots[~gone], kind="sort")
        return gone

    def _use(self, slots: Slots, times: Times) -> None:
        """Mark entries as used; those that were used before become protected."""
        again = times > self._last[slots]
        np.maximum.at(self._last, slots, times)
        promoted = slots[again & ~self._protected[slots]]
        if len(promoted) == 0:
            return
        self._protected[promoted] = True
        sets = promoted // WAYS
        while len(sets := sets[self._protected_in(sets) > PROTECTED]):
            last = np.where(self._protected_sets[sets], self._last_sets[sets], np.iinfo(np.int64).max)
            self._protected_sets[sets, last.argmin(axis=1)] = False

    def _protected_in(self, sets: Slots) -> NDArray[np.uint8]:
        """Return how many entries of each set are protected."""
        # 8 bytes of 0 or 1 are one number, with as many bits.
        counts: NDArray[np.uint8] = np.bitwise_count(self._protected_sets.view(np.uint64)[sets, 0])
        return counts

    def _insert(self, keys: Keys, times: Times, choose: Choice) -> Slots:
        """Insert keys that are not there; return the slot that each was given, which the last to be given it keeps."""
        order = np.argsort(keys)
        ordered = keys[order]
        begins = _begins(ordered)
        starts = np.flatnonzero(begins)
        each, latest = ordered[starts], np.maximum.reduceat(times[order], starts)
        # Keys in ascending order are in ascending order of their sets.
        sets = self._set_of(each)
        begins_set = _begins(sets)
        if begins_set.all():
            placed = self._place(each, latest, choose(sets, latest))
        else:
            placed = np.full(len(each), -1, np.int32)
            first = np.flatnonzero(begins_set)
            rank = np.arange(len(sets)) - np.repeat(first, np.diff(first, append=len(sets)))
            for turn in range(min(WAYS, int(rank.max()) + 1)):
                rows = np.flatnonzero(rank == turn)
                placed[rows] = self._place(each[rows], latest[rows], choose(sets[rows], latest[rows]))
        slots = np.empty(len(keys), np.int32)
        slots[order] = placed[np.cumsum(begins) - 1]
        return slots

    def _oldest(self, sets: NDArray[np.int64], times: Times) -> Slots:
        """Return the slot of each set that a new entry takes: empty, or expired, or the oldest unprotected one."""
        last = self._last_sets[sets]
        is_safe = self._protected_sets[sets] & (last >= (times - self._lifetime)[:, np.newaxis])
        last[is_safe] = np.iinfo(np.int64).max
        slots: Slots = (sets * WAYS + last.argmin(axis=1)).astype(np.int32)
        return slots

    def _vacant(self, sets: NDArray[np.int64], times: Times) -> Slots:
        """Return an empty or expired slot of each set, or -1."""
        slots = self._oldest(sets, times)
        slots[self._last[slots] >= times - self._lifetime] = -1
        return slots

    def _place(self, keys: Keys, times: Times, slots: Slots) -> Slots:
        """Put new keys into `slots`, all different; -1 takes none. Return `slots`."""
        taken = slots >= 0
        if not taken.all():
            self._place(keys[taken], times[taken], slots[taken])
            return slots
        self._key[slots] = keys
        self._last[slots] = times
        self._protected[slots] = False
        self._clear(slots)
        return slots


def _begins(ordered: NDArray[Any]) -> Mask:
    """Return which elements differ from the one before."""
    begins = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    return begins


def _entries(fields: Mapping[str, DTypeLike], count: int) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
    """Return zeros for `count` entries in two forms: rows of unsigned integers, and the arrays of all fields.

    The fields of an entry lie beside each other, so that one access to memory reads them and one assignment clears
    them. They are ordered by size, and so aligned; a row is filled up to a multiple of the largest.
    """
    types = {name: np.dtype(dtype) for name, dtype in fields.items()}
    names = sorted(types, key=lambda name: -types[name].alignment)
    unit = types[names[0]].alignment if names else 1
    *offsets, octets = np.cumsum([0, *(types[name].itemsize for name in names)]).tolist()
    units = -(-octets // unit)
    rows = _aligned(count * units, f"u{unit}").reshape(count, units)
    formats = [types[name] for name in names]
    layout = np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": max(units * unit, 1)})
    return rows, {name: rows.view(layout)[name][:, 0] for name in names}


def _aligned(count: int, dtype: DTypeLike) -> NDArray[Any]:
    """Return `count` zeros that begin at a cache line."""
    octets = count * np.dtype(dtype).itemsize
    room = np.zeros(octets + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    return room[start : start + octets].view(dtype)
