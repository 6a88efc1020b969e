"""Services: ends that answered, with what an inventory shows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.attribution.evidence.conversations import end_keys
from shodohflo.attribution.evidence.known import DAY
from shodohflo.columns.addresses import Addresses
from shodohflo.columns.memory import Memory, hashed
from shodohflo.model import MOST_CLIENTS, End, Rung, ServiceSeen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.hints import Hints
    from shodohflo.attribution.evidence.known import FlowEnds
    from shodohflo.columns.batch import Family

TOLD_EVERY: Final = 60 * 10**9
"""In ns: a service that goes on answering is reported this often."""

MOST_NEWS: Final = 5_000
"""Services that are reported at a time; the others wait for their turn, since a flood of ends may be new at once."""

_FIELDS: Final = {
    "version": np.uint8,
    "high": np.uint64,
    "low": np.uint64,
    "protocol": np.uint8,
    "port": np.uint16,
    "rung": np.uint8,
    "clients": np.uint16,
    "first": np.int64,
    "told": np.int64,
}


class Services:
    """Ends of services, their strongest evidence, and how many addresses were their clients."""

    def __init__(self, capacity: int, callers: int, hints: Hints | None = None) -> None:
        """Remember at most `capacity` services, and tell `callers` pairs of service and client apart.

        `hints`, if they are for these, are told of each service.
        """
        self._hints = hints
        self._memory = Memory(_FIELDS, capacity, DAY)
        self._callers = Memory({}, callers, DAY)
        # A store keeps a service for a day, so a flood must not make as many there as pass through here in a day: as
        # many new ones are reported as fit into the memory, and in a day as many again.
        self._new_ones = float(self._memory.capacity)
        self._reported_at: int | None = None
        self._turn = 0

    @property
    def octets(self) -> int:
        """The memory taken."""
        return self._memory.octets + self._callers.octets

    @property
    def keys(self) -> NDArray[np.uint64]:
        """The keys of all that are remembered."""
        return self._memory.keys()

    def marked(self, ends: FlowEnds) -> NDArray[np.bool_]:
        """Return which ends are remembered."""
        return self._memory.find(ends.keys, ends.times) >= 0

    def remember(self, ends: FlowEnds, evidence: Rung = Rung.NONE) -> None:
        """Note that these are ends of services, by `evidence`; if it is `NONE`, by the own evidence of their flows."""
        if not len(ends):
            return
        keys, times = ends.keys, ends.times
        self._hint(keys)
        slots, fresh = self._memory.enter(keys, times)
        rung = np.where(ends.is_tcp, np.uint8(Rung.HANDSHAKE), np.uint8(Rung.BITS))
        if evidence != Rung.NONE:
            rung[:] = evidence
        kept = slots >= 0
        new, slots, rung = kept & fresh, slots[kept], rung[kept]
        if new.any():
            some = ends.keep(new)
            addresses = Addresses.from_column(some.talks.rows.family, some.addresses)
            protocol = some.talks.ends[0].protocol[some.which]
            self._describe(slots[fresh[kept]], addresses, protocol, some.ports, some.times)
        held = self._memory["rung"]
        # NONE, in a fresh entry, is no evidence and not the strongest.
        held[slots[held[slots] == Rung.NONE]] = Rung.RULE
        np.minimum.at(held, slots, rung)
        self._count(slots, hashed([keys, ends.others.address_keys])[kept], times[kept])

    def news(self, now: int) -> list[ServiceSeen]:
        """Return the services that are new, or were used since they were last reported, at `now` (ns since 1970).

        At most `MOST_NEWS`, in turn; and of new ones, in a day at most as many as the memory has room for.
        """
        slots = self._memory.live(now)
        last, told = self._memory.last_of(slots), self._memory["told"][slots]
        due = np.flatnonzero((told == 0) | ((last > told) & (now - told > TOLD_EVERY)))
        due = np.roll(due, -int(np.searchsorted(slots[due], self._turn)))
        self._refill(now)
        is_new = told[due] == 0
        due = due[~is_new | (np.cumsum(is_new) <= self._new_ones)][:MOST_NEWS]
        if not len(due):
            return []
        self._new_ones -= np.count_nonzero(told[due] == 0)
        slots, last = slots[due], last[due]
        self._turn = int(slots[-1]) + 1
        self._memory["told"][slots] = np.maximum(last, 1)
        return self._rows(slots, last)

    def _refill(self, now: int) -> None:
        """Allow as many new services to be reported as have become due by `now`."""
        most, before = self._memory.capacity, now if self._reported_at is None else self._reported_at
        self._new_ones = min(self._new_ones + most * max(now - before, 0) / DAY, most)
        self._reported_at = now

    def all(self, now: int) -> list[ServiceSeen]:
        """Return every service that is remembered at `now`."""
        slots = self._memory.live(now)
        return self._rows(slots, self._memory.last_of(slots))

    def recall(self, seen: Sequence[ServiceSeen]) -> None:
        """Remember what another run, or another agent, saw, as far as there is room: nothing is forgotten for it."""
        for family in (4, 6):
            some = [each for each in seen if each.end.address.version == family]
            if some:
                self._recall(some, family)

    def _recall(self, seen: Sequence[ServiceSeen], family: Family) -> None:
        addresses = Addresses.from_objects(each.end.address for each in seen)
        protocol = np.array([each.end.protocol for each in seen], np.uint8)
        port = np.array([each.end.port for each in seen], np.uint16)
        first = np.array([each.first for each in seen], np.int64)
        last = np.array([each.last for each in seen], np.int64)
        keys = end_keys(family, addresses.column(family), protocol, port)
        self._hint(keys)
        slots, fresh = self._memory.admit(keys, last)
        new = fresh & (slots >= 0)
        self._describe(slots[new], addresses[new], protocol[new], port[new], first[new])
        self._memory["rung"][slots[new]] = np.array([each.rung for each in seen], np.uint8)[new]
        self._memory["clients"][slots[new]] = np.array([min(each.clients, MOST_CLIENTS) for each in seen])[new]
        self._memory["told"][slots[new]] = np.maximum(last[new], 1)

    def _hint(self, keys: NDArray[np.uint64]) -> None:
        if self._hints is not None:
            self._hints.add(keys)

    def _describe(
        self,
        slots: NDArray[np.int32],
        addresses: Addresses,
        protocol: NDArray[np.uint8],
        port: NDArray[np.uint16],
        first: NDArray[np.int64],
    ) -> None:
        """Fill the fields of new entries."""
        memory = self._memory
        memory["version"][slots], memory["high"][slots], memory["low"][slots] = (
            addresses.version,
            addresses.high,
            addresses.low,
        )
        memory["protocol"][slots], memory["port"][slots], memory["first"][slots] = protocol, port, first

    def _count(self, slots: NDArray[np.int32], callers: NDArray[np.uint64], times: NDArray[np.int64]) -> None:
        """Count the clients that were not seen with a service before."""
        _, fresh = self._callers.enter(callers, times)
        if not fresh.any():
            return
        _, once = np.unique(callers[fresh], return_index=True)
        counts = self._memory["clients"]
        grown, added = np.unique(slots[fresh][once], return_counts=True)
        counts[grown] = np.minimum(counts[grown] + added, MOST_CLIENTS)

    def _rows(self, slots: NDArray[np.int32], last: NDArray[np.int64]) -> list[ServiceSeen]:
        names = ("version", "high", "low", "protocol", "port", "rung", "clients", "first")
        version, high, low, *rest = (self._memory[name][slots] for name in names)
        addresses = Addresses(version, high, low).objects()
        numbers = zip(*(column.tolist() for column in rest), last.tolist(), strict=True)
        return [
            ServiceSeen(End(address, protocol, port), first, until, Rung(rung), clients)
            for address, (protocol, port, rung, clients, first, until) in zip(addresses, numbers, strict=True)
        ]
