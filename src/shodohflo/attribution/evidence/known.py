"""Known ends and addresses: what flows that showed their service say about other flows of the same ends.

*Services* and *clients* are ends of verified flows: a matched handshake and payload, or a request and its response.
*Claims* are ends of flows of which one direction was seen; anybody can forge these, so they are kept apart and asked
only where nothing else is known. *Roles* are what an address was in verified flows, on whatever port. Everything that
was not used for a day is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.attribution.evidence.sides import Service, only
from shodohflo.columns.memory import Memory

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
class Asking:
    """Some flows of a batch that ask what is known."""

    talks: Conversations
    which: NDArray[np.intp]
    """Their numbers in the batch."""

    def __len__(self) -> int:
        """Count the flows."""
        return len(self.which)

    @property
    def times(self) -> NDArray[np.int64]:
        """When the last payload of each was received, in ns since 1970."""
        return self.talks.last_payload[self.which]

    def end_keys(self, side: int) -> NDArray[np.uint64]:
        """Return the keys of their ends of a side."""
        return self.talks.end_keys[side][self.which]

    def address_keys(self, side: int) -> NDArray[np.uint64]:
        """Return the keys of their addresses of a side."""
        return self.talks.address_keys[side][self.which]

    def keep(self, mask: NDArray[np.bool_]) -> Asking:
        """Return the flows where `mask` is true."""
        return Asking(self.talks, self.which[mask])


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

    def remember(self, flows: Asking) -> None:
        """Note that these flows were seen."""
        if not len(flows):
            return
        for side in (0, 1):
            port = flows.talks.port(1 - side)[flows.which]
            slots, fresh = self._pairs.enter(flows.talks.pair_keys(side, flows.which), flows.times)
            kept = slots >= 0
            new = kept & fresh
            self._pairs["port"][slots[new]] = port[new]
            churned = kept & (self._pairs["port"][slots] != port)
            if churned.any():
                self._ends.enter(flows.end_keys(side)[churned], flows.times[churned])

    def marked(self, flows: Asking, side: int) -> NDArray[np.bool_]:
        """Return whether the end of `side` of each flow is marked."""
        return self._ends.find(flows.end_keys(side), flows.times) >= 0


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
        if self._hints is not None:
            self._hints.add(keys)
        slots, _ = self._memory.enter(keys, times)
        kept = slots >= 0
        np.bitwise_or.at(self._memory["bits"], slots[kept], bits[kept])

    def bits(self, keys: NDArray[np.uint64], times: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the marks of each key, 0 for one that is not remembered."""
        slots = self._memory.find(keys, times)
        return np.where(slots >= 0, self._memory["bits"][slots], np.uint8(0))


def service_of(marks: tuple[NDArray[Any], NDArray[Any]]) -> NDArray[np.uint8]:
    """Return the `Service` that the marks of both ends of each flow say.

    Exactly one end that is a service and no client is the service; else exactly one that is a client and no service is
    the client.
    """
    services = only(marks[0] == SERVICE, marks[1] == SERVICE)
    by_client = only(marks[1] == CLIENT, marks[0] == CLIENT)
    return np.where(services != Service.UNKNOWN, services, by_client)
