"""Conversations whose client and service are told apart wrong at first, and what a store should have in the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from shodohflo.keys import counts
from shodohflo.keys.key_columns import FlowKeys
from shodohflo.model import PROTOCOL_NAMES, TCP, UDP, Address, Kind, Rung
from support.observing import SECOND, Seen, Swapped, corrected, observed

if TYPE_CHECKING:
    from random import Random

    from shodohflo.columns.corrections import Corrections
    from shodohflo.columns.observations import Observations

_ADDRESSES: Final = tuple(map(ip_address, ("10.0.0.1", "10.0.0.2", "2001:db8::1")))
_PORTS: Final = (53, 1024, 40000)
"""So few that keys of one conversation are often those of another."""


@dataclass(slots=True)
class Conversation:
    """Packets between two ends, of which one is taken for the client at present."""

    ends: tuple[tuple[Address, int], tuple[Address, int]]
    """The client, as it is taken at present, and the service."""
    protocol: int
    kind: Kind
    rows: list[Seen] = field(default_factory=list)

    def goes_on(self, packets: int, octets: int, now: int) -> Seen:
        """Return a row of further packets."""
        (client, _), (service, port) = self.ends
        row = Seen(client, service, port, kind=self.kind, protocol=self.protocol, packets=packets, octets=octets)
        self.rows.append(replace(row, first=now, last=now, rung=Rung.LISTED))
        return self.rows[-1]

    def turns(self) -> Swapped:
        """Take the other end for the client from now on, and return the correction of all rows so far."""
        (service, port), (client, wrong_port) = self.ends
        self.ends = (client, wrong_port), (service, port)
        return Swapped(
            client,
            service,
            port,
            wrong_port,
            kind=self.kind,
            protocol=self.protocol,
            packets=sum(row.packets for row in self.rows),
            octets=sum(row.octets for row in self.rows),
            first=min(row.first for row in self.rows),
            last=max(row.last for row in self.rows),
        )

    def as_it_is(self) -> list[Seen]:
        """Return the rows as they would have been from the start."""
        (client, _), (service, port) = self.ends
        return [replace(row, client=client, remote=service, port=port) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Happening:
    """What is added at once: rows, then corrections of rows so far."""

    observations: Observations
    swapped: tuple[Swapped, ...] = ()

    @property
    def corrections(self) -> Corrections:
        """The corrections as columns."""
        return corrected(*self.swapped)


class Conversations:
    """Some conversations, of whose packets and turns `happen` makes up the next ones."""

    def __init__(self, chance: Random, number: int = 6) -> None:
        """Begin `number` conversations."""
        self._chance = chance
        self._now = 0
        self._all = [self._begin() for _ in range(number)]

    def happen(self, rows: int = 8) -> Happening:
        """Return at most so many rows and corrections, of any of the conversations."""
        seen: list[Seen] = []
        swapped: list[Swapped] = []
        for _ in range(self._chance.randrange(rows + 1)):
            self._now += SECOND
            one = self._chance.choice(self._all)
            if one.rows and self._chance.random() < 0.3:
                swapped.append(one.turns())
            else:
                packets = self._chance.randrange(1, 50)
                seen.append(one.goes_on(packets, packets * self._chance.randrange(28, 1500), self._now))
        return Happening(observed(*seen), tuple(swapped))

    def in_the_end(self) -> dict[str, int]:
        """Return what a store should have by now: all counts, and packets and bytes in details."""
        return totals(observed(*(row for one in self._all for row in one.as_it_is())))

    def _begin(self) -> Conversation:
        ends = [(self._chance.choice(_ADDRESSES), self._chance.choice(_PORTS)) for _ in range(2)]
        if ends[0] == ends[1]:
            return self._begin()
        kind = Kind.FLOW_IGNORED if self._chance.random() < 0.2 else Kind.FLOW
        return Conversation((ends[0], ends[1]), self._chance.choice([TCP, UDP]), kind)


def totals(observations: Observations) -> dict[str, int]:
    """Return the counts of `observations`, and the packets and bytes in their details."""
    sums = Counter(counts(observations))
    flows = observations[observations.kind == Kind.FLOW]
    names = zip(FlowKeys(flows.client, flows.remote, flows.port).detail_names(), flows.protocol.tolist(), strict=True)
    for (key, protocol), packets, octets in zip(names, flows.packets.tolist(), flows.octets.tolist(), strict=True):
        sums[f"{key} packets.{PROTOCOL_NAMES[protocol]}"] += packets
        sums[f"{key} octets.{PROTOCOL_NAMES[protocol]}"] += octets
    return dict(sums)


def corrected_totals(held: dict[str, int], swapped: Swapped) -> dict[str, int]:
    """Return what is held after a correction, in plain words: the specification of `store.moving`."""
    wrong, right = totals(observed(swapped.as_written())), totals(observed(swapped.as_it_is()))
    left = Counter(held)
    for key, count in wrong.items():
        if not key.endswith(";peer"):
            left[key] -= min(count, held.get(key, 0))
    for key, count in right.items():
        if not key.endswith(";peer"):
            left[key] += count
    return {key: count for key, count in left.items() if count}
