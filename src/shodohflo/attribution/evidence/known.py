"""Known ends and addresses: what flows that showed their service say about other flows of the same ends.

*Services* and *clients* are ends of verified flows: a matched handshake and payload, or a request and its response. An
end that a socket of this host shows to be a service is one too.
*Claims* are ends of flows of which one direction was seen; anybody can forge these, so they are kept apart and asked
only where nothing else is known. *Roles* are what an address was in verified flows, on whatever port. Everything that
was not used for a day is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.memory import Memory, hashed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.conversations import Conversations
    from shodohflo.attribution.evidence.hints import Hints

DAY: Final = 86_400 * 10**9
"""In ns: how long an end or an address is remembered after its last use."""

CLIENT: Final = 1
SERVICE: Final = 2
"""Bits of the role of an address, or of a claimed end."""


@dataclass(frozen=True, slots=True)
class FlowEnds:
    """One end of each of some flows of a batch, about which something is asked or told."""

    talks: Conversations
    which: NDArray[np.intp]
    """The numbers of the flows in the batch; a flow may be there with both ends."""
    side: int | NDArray[np.intp] = 0
    """The side of the end: one for all, or one for each."""

    def __len__(self) -> int:
        """Count the ends."""
        return len(self.which)

    @classmethod
    def of_both(cls, talks: Conversations, sides: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> FlowEnds:
        """Return the ends whose flows are marked, by side."""
        which = [np.flatnonzero(marked) for marked in sides]
        return cls(talks, np.concatenate(which), np.repeat([0, 1], [len(which[0]), len(which[1])]))

    @property
    def times(self) -> NDArray[np.int64]:
        """When the last payload of each flow was received, in ns since 1970."""
        return self.talks.last_payload[self.which]

    @property
    def keys(self) -> NDArray[np.uint64]:
        """The keys of the ends."""
        keys: NDArray[np.uint64] = self.talks.end_keys[self.side, self.which]
        return keys

    @property
    def address_keys(self) -> NDArray[np.uint64]:
        """The keys of their addresses."""
        address_keys: NDArray[np.uint64] = self.talks.address_keys[self.side, self.which]
        return address_keys

    @property
    def ports(self) -> NDArray[np.uint16]:
        """Their ports."""
        ports: NDArray[np.uint16] = self.talks.ports[self.side, self.which]
        return ports

    @property
    def addresses(self) -> NDArray[Any]:
        """Their addresses, as a column of a batch."""
        addresses: NDArray[Any] = self.talks.addresses[self.side, self.which]
        return addresses

    @property
    def others(self) -> FlowEnds:
        """The other ends of the same flows."""
        return FlowEnds(self.talks, self.which, 1 - self.side)

    @property
    def is_tcp(self) -> NDArray[np.bool_]:
        """Which are TCP; all others are UDP."""
        return self.talks.is_tcp[self.which]

    def at(self, side: int) -> FlowEnds:
        """Return the ends of one side of the same flows."""
        return FlowEnds(self.talks, self.which, side)

    def keep(self, mask: NDArray[np.bool_]) -> FlowEnds:
        """Return the ends where `mask` is true."""
        return FlowEnds(self.talks, self.which[mask], self.side if isinstance(self.side, int) else self.side[mask])


class Churn:
    """Ends with which one address used several of its ports: a service has many clients' ports, a client few services'.

    The first port of each (end, address of the other side) is remembered; another one marks the end.
    """

    def __init__(self, pairs: int, ends: int) -> None:
        """Remember at most so many pairs and ends."""
        self._pairs = Memory({"port": np.uint16}, pairs, DAY)
        self._ends = Memory({}, ends, DAY)

    @property
    def octets(self) -> int:
        """The memory taken."""
        return self._pairs.octets + self._ends.octets

    def remember(self, ends: FlowEnds) -> None:
        """Note that the flows of these ends were seen."""
        if not len(ends):
            return
        keys, port, times = ends.keys, ends.others.ports, ends.times
        slots, fresh = self._pairs.enter(hashed([keys, ends.others.address_keys]), times)
        kept = slots >= 0
        new = kept & fresh
        self._pairs["port"][slots[new]] = port[new]
        churned = np.flatnonzero(kept & (self._pairs["port"][slots] != port))
        if len(churned):
            self._ends.enter(keys[churned], times[churned])

    def marked(self, ends: FlowEnds) -> NDArray[np.bool_]:
        """Return which ends are marked."""
        return self._ends.find(ends.keys, ends.times) >= 0


class Marks:
    """Ends or addresses with bits, such as `CLIENT` and `SERVICE`."""

    def __init__(self, capacity: int, hints: Hints | None = None) -> None:
        """Remember at most `capacity` of them; `hints`, if they are for these, are told of each."""
        self._hints = hints
        self._memory = Memory({"bits": np.uint8}, capacity, DAY)

    @property
    def octets(self) -> int:
        """The memory taken."""
        return self._memory.octets

    @property
    def keys(self) -> NDArray[np.uint64]:
        """The keys of all that are remembered."""
        return self._memory.keys()

    def mark(self, keys: NDArray[np.uint64], times: NDArray[np.int64], bits: NDArray[np.uint8]) -> None:
        """Add `bits` to the marks of each key."""
        if not len(keys):
            return
        if self._hints is not None:
            self._hints.add(keys)
        slots, _ = self._memory.enter(keys, times)
        kept = slots >= 0
        np.bitwise_or.at(self._memory["bits"], slots[kept], bits[kept])

    def bits(self, keys: NDArray[np.uint64], times: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the marks of each key, 0 for one that is not remembered."""
        slots = self._memory.find(keys, times)
        return np.where(slots >= 0, self._memory["bits"][slots], np.uint8(0))
