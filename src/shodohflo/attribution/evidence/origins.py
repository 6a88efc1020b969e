"""Origins: attempts that led to nothing, summed up by the outsider who made them, within bounds.

An origin is one address as long as there is room. Where more than 64 origins of one /24 (IPv4) or /64 (IPv6) come, or
the table of single origins is full, those that come later are summed up under that prefix. So a flood of forged
origins takes nothing from the counts of those who are known: their table evicts nobody. The table of prefixes is a
segmented LRU as every `Memory`; a flood from more prefixes than it holds makes it forget those seen once. For example,
of 256 knocks, one of each address of 203.0.113.0/24, 64 origins have one each, and the prefix has 192.

Distinct hosts and ends are exact up to 1,024, as long as the pairs of origin and end that are remembered (32 for each
origin in the mean) have room: an end that is tried again after its pair was forgotten counts again.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.memory import Memory, hashed
from shodohflo.columns.merging import merge_rows
from shodohflo.columns.table import Role, Table, column, table
from shodohflo.model import End, Knock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import DTypeLike, NDArray

    from shodohflo.model import Network

    Keys = NDArray[np.uint64]
    Slots = NDArray[np.int32]
    Rows = NDArray[np.int64]
    Mask = NDArray[np.bool_]

LIFETIME: Final = 86_400 * 10**9
"""In ns: an origin is forgotten a day after its last attempt."""

MOST_OF_A_PREFIX: Final = 64
"""Origins of one /24 or /64 that are told apart."""

MOST_DISTINCT: Final = 1_024
"""Hosts, and ends, of an origin that are told apart; more are this many."""

MOST_TARGETS: Final = 32
"""Ends of an origin that are listed."""

_HOST: Final = np.uint64(1) << np.uint64(32)
"""Marks a pair of origin and host; a pair of origin and end has protocol and port in its place."""

_FIELDS: Final[dict[str, DTypeLike]] = {
    "version": np.uint8,
    "high": np.uint64,
    "low": np.uint64,
    "prefix": np.uint64,
    "born": np.int64,
    "first": np.int64,
    "last": np.int64,
    "refused": np.int64,
    "silent": np.int64,
    "hosts": np.int64,
    "ports": np.int64,
    "is_changed": np.bool_,
    "target_high": (np.uint64, (MOST_TARGETS,)),
    "target_low": (np.uint64, (MOST_TARGETS,)),
    "target_port": (np.uint16, (MOST_TARGETS,)),
    "target_protocol": (np.uint8, (MOST_TARGETS,)),
}


@table
class Attempts(Table):
    """Attempts of outsiders that led to nothing, by origin and the end that was tried."""

    origin: Addresses = column(Addresses, Role.KEY)
    target: Addresses = column(Addresses, Role.KEY)
    """The address of ours that was tried; of the same family."""
    port: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    protocol: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    """6 or 17."""
    refused: NDArray[np.int64] = column(np.int64, Role.SUM)
    """Attempts that were refused."""
    silent: NDArray[np.int64] = column(np.int64, Role.SUM)
    """Attempts that nothing followed."""
    first: NDArray[np.int64] = column(np.int64, Role.EARLIEST)
    last: NDArray[np.int64] = column(np.int64, Role.LATEST)
    """When the first and the last of them were made, in ns since 1970."""


class Origins:
    """What the origins of attempts have tried so far."""

    def __init__(self, capacity: int, prefixes: int) -> None:
        """Tell up to `capacity` origins apart, in sets of 8 (so the first are summed up before), and `prefixes`."""
        self._single = _Sums(capacity, {4: 32, 6: 128})
        self._summed = _Sums(prefixes, {4: 24, 6: 64})
        self.octets = self._single.octets + self._summed.octets
        """Bytes of memory it takes, from the start to the end."""
        self.lost = 0
        """Attempts that found no place, as too many origins came in one call."""

    def add(self, attempts: Attempts) -> None:
        """Add `attempts` to the counts of their origins."""
        if not len(attempts):
            return
        attempts = merge_rows(attempts)
        keys, prefixes = _keys(attempts.origin), _keys(_prefixes(attempts.origin))
        may_be_single = self._single.knows(keys, attempts.last)
        strange = np.flatnonzero(~may_be_single)
        may_be_single[strange] = self._single.has_room(keys[strange], prefixes[strange], int(attempts.last.max()))
        is_summed = ~may_be_single
        single = np.flatnonzero(may_be_single)
        is_summed[single] = ~self._single.add(keys[single], prefixes[single], attempts[single])
        summed = np.flatnonzero(is_summed)
        if len(summed):
            rest = attempts[summed]
            added = self._summed.add(prefixes[summed], prefixes[summed], rest, evicting=True)
            self.lost += int((rest.refused + rest.silent)[~added].sum())

    def take(self) -> list[Knock]:
        """Return what is known of each origin that has tried something since the last call."""
        return [*self._single.take(), *self._summed.take()]


class _Sums:
    """Counts by origin; of one address, or of a prefix of one length."""

    def __init__(self, capacity: int, lengths: dict[int, int]) -> None:
        self._memory = Memory(_FIELDS, capacity, LIFETIME)
        # Enough for 1,024 hosts and as many ends of every 64th origin.
        self._pairs = Memory({}, capacity * MOST_DISTINCT // 32, LIFETIME)
        self._lengths = lengths
        self.octets = self._memory.octets + self._pairs.octets

    def knows(self, keys: Keys, times: NDArray[np.int64]) -> Mask:
        """Return which origins have an entry."""
        return self._memory.find(keys, times) >= 0

    def has_room(self, keys: Keys, prefixes: Keys, now: int) -> Mask:
        """Return which origins without an entry may get one: so many of each prefix that there are 64."""
        each, row, which = np.unique(keys, return_index=True, return_inverse=True)
        prefix = prefixes[row]
        known = np.sort(self._memory["prefix"][self._memory.live(now)])
        already = np.searchsorted(known, prefix, side="right") - np.searchsorted(known, prefix, side="left")
        order = np.argsort(prefix, kind="stable")
        room = np.empty(len(each), np.bool_)
        room[order] = already[order] + ranks(prefix[order]) < MOST_OF_A_PREFIX
        return room[which]

    def add(self, keys: Keys, prefixes: Keys, attempts: Attempts, *, evicting: bool = False) -> Mask:
        """Add `attempts` of the origins with these keys, and return which rows have an entry."""
        enter = self._memory.enter if evicting else self._memory.admit
        slots, fresh = enter(keys, attempts.last)
        has_entry = slots >= 0
        if not has_entry.all():
            keys, prefixes, slots, fresh = keys[has_entry], prefixes[has_entry], slots[has_entry], fresh[has_entry]
            attempts = attempts.keep(has_entry)
        self._begin(slots[fresh], prefixes[fresh], attempts.keep(fresh))
        memory = self._memory
        np.minimum.at(memory["first"], slots, attempts.first)
        np.maximum.at(memory["last"], slots, attempts.last)
        np.add.at(memory["refused"], slots, attempts.refused)
        np.add.at(memory["silent"], slots, attempts.silent)
        memory["is_changed"][slots] = True
        self._count_hosts(keys, slots, attempts)
        self._count_ends(keys, slots, attempts)
        return has_entry

    def _begin(self, slots: Slots, prefixes: Keys, attempts: Attempts) -> None:
        """Fill in the entries of new origins."""
        memory, origin = self._memory, attempts.origin
        memory["version"][slots] = origin.version
        memory["high"][slots] = origin.high
        memory["low"][slots] = origin.low
        memory["prefix"][slots] = prefixes
        memory["born"][slots] = memory["first"][slots] = attempts.first

    def _count_hosts(self, keys: Keys, slots: Slots, attempts: Attempts) -> None:
        rows = np.flatnonzero(self._memory["hosts"][slots] < MOST_DISTINCT)
        new = self._first_seen(keys, slots, attempts, rows, np.full(len(rows), _HOST))
        np.add.at(self._memory["hosts"], slots[new], 1)

    def _count_ends(self, keys: Keys, slots: Slots, attempts: Attempts) -> None:
        """Count distinct ends, and list the first ones."""
        memory = self._memory
        rows = np.flatnonzero(memory["ports"][slots] < MOST_DISTINCT)
        ends = attempts.protocol[rows].astype(np.uint64) << np.uint64(16) | attempts.port[rows]
        new = self._first_seen(keys, slots, attempts, rows, ends)
        new = new[np.lexsort((attempts.first[new], slots[new]))]
        place = memory["ports"][slots[new]] + ranks(slots[new])
        np.add.at(memory["ports"], slots[new], 1)
        listed = place < MOST_TARGETS
        new, place = new[listed], place[listed]
        memory["target_high"][slots[new], place] = attempts.target.high[new]
        memory["target_low"][slots[new], place] = attempts.target.low[new]
        memory["target_port"][slots[new], place] = attempts.port[new]
        memory["target_protocol"][slots[new], place] = attempts.protocol[new]

    def _first_seen(self, keys: Keys, slots: Slots, attempts: Attempts, rows: Rows, ends: Keys) -> Rows:
        """Return those of `rows` whose origin has not tried this host, or this end of it, before; one for each."""
        # The time of its first attempt tells an origin from itself before it was forgotten.
        born = self._memory["born"][slots[rows]].astype(np.uint64)
        pairs = hashed([keys[rows], born, ends, attempts.target.high[rows], attempts.target.low[rows]])
        _, fresh = self._pairs.enter(pairs, attempts.last[rows])
        _, first = np.unique(pairs[fresh], return_index=True)
        new: Rows = rows[fresh][first]
        return new

    def take(self) -> Iterator[Knock]:
        """Yield what is known of each origin that has changed, and note that it was taken."""
        memory = self._memory
        changed = np.flatnonzero(memory["is_changed"][:-1])
        changed = changed[memory.keys_of(changed.astype(np.int32)) != 0]
        memory["is_changed"][:] = False
        targets = self._targets(changed)
        names = ("version", "high", "low", "first", "last", "refused", "silent", "hosts", "ports")
        rows = zip(*(memory[name][changed].tolist() for name in names), targets, strict=True)
        for version, high, low, first, last, refused, silent, hosts, ports, ends in rows:
            yield Knock(
                origin=self._network(version, high << 64 | low),
                first=first,
                last=last,
                refused=refused,
                silent=silent,
                hosts=min(hosts, MOST_DISTINCT),
                ports=min(ports, MOST_DISTINCT),
                targets=ends,
            )

    def _network(self, version: int, number: int) -> Network:
        of_version = IPv4Network if version == 4 else IPv6Network
        return of_version((number, self._lengths[version]), strict=False)

    def _targets(self, slots: Rows) -> Iterator[tuple[End, ...]]:
        """Yield the ends that are listed for each of `slots`."""
        memory = self._memory
        counts = np.minimum(memory["ports"][slots], MOST_TARGETS)
        is_listed = np.arange(MOST_TARGETS) < counts[:, np.newaxis]
        high, low, port, protocol = (
            memory[f"target_{name}"][slots][is_listed] for name in ("high", "low", "port", "protocol")
        )
        addresses = Addresses(np.repeat(memory["version"][slots], counts), high, low).objects()
        ends = map(End, addresses, protocol.tolist(), port.tolist())
        for count in counts.tolist():
            yield tuple(dict.fromkeys(next(ends) for _ in range(count)))


def _keys(addresses: Addresses) -> Keys:
    return hashed([addresses.version.astype(np.uint64), addresses.high, addresses.low])


def _prefixes(addresses: Addresses) -> Addresses:
    """Return the first address of the /24 or /64 of each address."""
    low = np.where(addresses.version == 4, addresses.low & ~np.uint64(0xFF), np.uint64(0))
    return Addresses(addresses.version, addresses.high, low)


def ranks(ordered: NDArray[Any]) -> NDArray[np.int64]:
    """Return for each element how many equal ones are before it, where equal ones are neighbours."""
    begins = np.ones(len(ordered), np.bool_)
    begins[1:] = ordered[1:] != ordered[:-1]
    places = np.arange(len(ordered))
    return places - np.maximum.accumulate(np.where(begins, places, 0))
