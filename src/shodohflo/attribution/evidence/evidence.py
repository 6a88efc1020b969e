"""Evidence: the tables of all that is remembered, and what the packets of a batch add to them.

The order is always the same: `take_in` all packets of a batch; then, in `verdicts`, `settle` finds the verdicts on its
flows, and `record` notes what was recorded under which verdict, so that stronger evidence can correct it later, and
grades the rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.attribution.evidence.answers import hear
from shodohflo.attribution.evidence.conversations import Conversations, Keyed
from shodohflo.attribution.evidence.events import Arrivals, kinds
from shodohflo.attribution.evidence.flows import Flows
from shodohflo.attribution.evidence.groups import GroupAddresses
from shodohflo.attribution.evidence.handshakes import Showing, showing
from shodohflo.attribution.evidence.hints import Hints
from shodohflo.attribution.evidence.knocks import Knocks
from shodohflo.attribution.evidence.known import CLIENT, SERVICE, Churn, FlowEnds, Marks
from shodohflo.attribution.evidence.listed import listed_ports
from shodohflo.attribution.evidence.openings import Openings
from shodohflo.attribution.evidence.services import Services
from shodohflo.attribution.evidence.settled import MINUTE, Settled, divide, doubtful
from shodohflo.attribution.evidence.telling import Telling, due
from shodohflo.columns.batch import Says
from shodohflo.columns.own_ends import Saying
from shodohflo.columns.socket_ends import AskedEnds
from shodohflo.model import Rung

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.flows import Shown
    from shodohflo.columns.batch import Batch
    from shodohflo.columns.own_ends import OwnEndsTable
    from shodohflo.model import Network, ServiceSeen

_TFTP: Final = 69

_ROLES: Final = np.zeros(len(Saying), np.uint8)
_ROLES[Saying.SERVICE], _ROLES[Saying.CLIENT] = SERVICE, CLIENT
"""The bits of `known` for what the kernel says of an end."""

EVIDENCE_MEMORY: Final = 64 * 2**20
"""Bytes, unless the operator sets another limit."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a batch, and their flows with what they have shown."""

    rows: NDArray[np.intp]
    """The numbers of the rows in the batch."""
    talks: Conversations
    shown: Shown


@dataclass(frozen=True, slots=True)
class Intake:
    """A batch whose evidence has been taken in: its settled rows, and the flows of the others."""

    keyed: Keyed
    settled: Settled
    parts: tuple[Part, ...]
    """The flows that showed something, and those of which it may make an end known."""


class Evidence:
    """Everything that is remembered of flows, ends and addresses; of a fixed size."""

    def __init__(
        self,
        octets: int = EVIDENCE_MEMORY,
        our_nets: Iterable[Network] = (),
        listed: Iterable[tuple[int, int]] = (),
    ) -> None:
        """Use at most `octets` bytes, of at least 4 MB; the broadcast addresses of `our_nets` are groups.

        `listed` are protocol numbers with ports that services use, beside those of the list.
        """
        # Hundredths of the room, divided by the bytes of an entry.
        room = octets // 100
        self.flows = Flows(35 * room // 90)
        self.openings = Openings(8 * room // 40)
        services, clients, claimed_clients = 8 * room // 60, 4 * room // 20, room // 20
        self.hints = Hints(services + clients)
        self.services = Services(services, 4 * room // 20, self.hints)
        self.claims = Services(services, 6 * room // 20)
        self.clients = Marks(clients, self.hints)
        self.claimed_clients = Marks(claimed_clients)
        self.roles = Marks(3 * room // 20)
        self.churn = Churn(5 * room // 20, 1 * room // 20)
        self.one_way_churn = Churn(5 * room // 20, 1 * room // 20)
        self.knocks = Knocks(3 * room // 70, origins=7 * room // 1200, prefixes=2 * room // 1200)
        self.groups = GroupAddresses(our_nets)
        self.listed = listed_ports(listed)
        self.own_ends: OwnEndsTable | None = None
        """The sockets of this host; None if they are not known, as in captures."""

    @property
    def octets(self) -> int:
        """The memory taken."""
        return sum(
            each.octets
            for each in (
                self.flows,
                self.openings,
                self.hints,
                self.services,
                self.claims,
                self.clients,
                self.claimed_clients,
                self.roles,
                self.churn,
                self.one_way_churn,
                self.knocks,
            )
        )

    def adapt(self, our_nets: Iterable[Network], listed: Iterable[tuple[int, int]]) -> None:
        """Go by other networks of ours and other listed ports from now on; nothing is forgotten."""
        self.listed = listed_ports(listed)
        self.groups = GroupAddresses(our_nets)

    def news(self, now: int) -> list[ServiceSeen]:
        """Return the services that are new or were used since the last call, at `now` in ns since 1970."""
        claims = [replace(claim, claimed=True) for claim in self.claims.news(now)]
        return [*claims, *self.services.news(now)]  # the last about an end counts

    def recall(self, seen: Sequence[ServiceSeen]) -> None:
        """Remember the services that another run, or another agent, saw."""
        self.services.recall([each for each in seen if not each.claimed])
        self.claims.recall([each for each in seen if each.claimed])

    def sockets(self, flows: FlowEnds, side: int) -> NDArray[np.uint8]:
        """Return `SERVICE` or `CLIENT` where the end of `side` is a socket of this host for the flow, else 0.

        Of packets in UDP tunnels none is: networks in there may have the addresses of this host for other hosts.
        """
        if self.own_ends is None or flows.talks.is_inside:
            return np.zeros(len(flows), np.uint8)
        family, protocols = flows.talks.rows.family, flows.talks.ends[0].protocol[flows.which]
        ends, peers = flows.at(side), flows.at(1 - side)
        said = self.own_ends.find(
            AskedEnds(family, protocols, ends.addresses, ends.ports, peers.addresses, peers.ports)
        )
        return _ROLES[said]

    def take_in(self, packets: Batch, rows: Batch, row_of: NDArray[np.int32], *, is_inside: bool = False) -> Intake:
        """Take in what `packets` show; `is_inside` if they were in UDP tunnels.

        `rows` are the packets, merged by `columns.merging.group_packets`, and `row_of` is the row of each packet. What
        the flows have shown may be changed until the next call, and is kept by `flows.keep`.
        """
        self._renew_hints()
        keyed, kind = Keyed.of(rows, is_inside=is_inside), kinds(rows)
        settled, others, slots = divide(keyed, kind, self.flows, self.own_ends)
        talks = Conversations.of(keyed[others])
        shown = self.flows.of(talks, slots[talks.example])
        arrivals = Arrivals.of(packets, row_of, len(rows), others)
        self.openings.take_in(talks, kind[others], arrivals, shown)
        hear(talks, shown)
        shown.seen |= talks.spoke
        tcp = (talks.spoke != 0) & talks.is_tcp
        shown.shows[tcp] |= showing(shown.own[tcp], shown.verified[tcp], shown.seen[tcp])
        self._remember(talks, shown)
        settled = settled.that_stayed(keyed, self.flows)
        doubts = doubtful(settled, self.flows, self.hints)
        parts = [Part(others, talks, shown)]
        if doubts.any():
            parts.append(self._looked_at_again(keyed, settled.keep(doubts)))
            settled = settled.keep(~doubts)
        return Intake(keyed, settled, tuple(parts))

    def _looked_at_again(self, keyed: Keyed, settled: Settled) -> Part:
        """Return the flows of settled rows, which are not settled after all."""
        talks = Conversations.of(keyed[settled.rows])
        shown = self.flows.of(talks, settled.slots[talks.example])
        shown.last = settled.last[talks.example]
        return Part(settled.rows, talks, shown)

    def _renew_hints(self) -> None:
        if self.hints.is_full:
            self.hints.renew([self.services.keys, self.clients.keys])

    def _remember(self, talks: Conversations, shown: Shown) -> None:
        """Remember ends and addresses of the flows that have something to tell, but of those with groups."""
        tells = due(talks, shown)
        telling = np.flatnonzero(tells)
        tells[telling[self._is_grouped(talks, telling)]] = 0
        shown.told |= tells
        present = int(np.bitwise_or.reduce(tells))

        def ends(bit_0: int, bit_1: int) -> FlowEnds:
            """Return the ends of side 0 of the flows with one bit, and those of side 1 of the flows with another."""
            if not present & (bit_0 | bit_1):
                return FlowEnds(talks, np.empty(0, np.intp))
            return FlowEnds.of_both(talks, (tells & np.uint8(bit_0) != 0, tells & np.uint8(bit_1) != 0))

        self.services.remember(ends(Showing.SERVICE, Showing.SERVICE << 1))
        self.claims.remember(ends(Showing.CLAIM, Showing.CLAIM << 1))
        self._remember_roles(ends(Showing.BOTH, Showing.BOTH << 1))
        self.one_way_churn.remember(ends(Telling.ONE_WAY, Telling.ONE_WAY))
        self.churn.remember(ends(Telling.TWO_WAY, Telling.TWO_WAY))
        self._remember_transfers(talks)

    def _is_grouped(self, talks: Conversations, flows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which of `flows` are UDP and have an end that is a group."""
        grouped = ~talks.is_tcp[flows]
        udp = flows[grouped]
        if len(udp):
            grouped[grouped] = self.groups.holds(talks.addresses[:, udp].ravel()).reshape(2, -1).any(axis=0)
        return grouped

    def remember_own(self, part: Part) -> None:
        """Remember the services that sockets of this host have shown, by verdicts on flows with payload.

        Like other evidence of services once in a minute, or in a batch in which the verdict is new.
        """
        talks, shown = part.talks, part.shown
        is_new = (shown.rung_before != Rung.OWN_SOCKET) | shown.anew
        is_due = is_new | (talks.last_payload // MINUTE != shown.last // MINUTE)
        own = np.flatnonzero((shown.rung == Rung.OWN_SOCKET) & (talks.spoke != 0) & is_due)
        if len(own):
            own = own[~self._is_grouped(talks, own)]
            self.services.remember(FlowEnds(talks, own, shown.service[own].astype(np.intp) - 1), Rung.OWN_SOCKET)

    def _remember_roles(self, services: FlowEnds) -> None:
        """Remember the client ends and the addresses of verified two-way flows with these `services`."""
        if not len(services):
            return
        clients, count = services.others, len(services)
        self.clients.mark(clients.keys, clients.times, np.full(count, CLIENT, np.uint8))
        addresses = np.concatenate([services.address_keys, clients.address_keys])
        bits = np.repeat(np.array([SERVICE, CLIENT], np.uint8), count)
        self.roles.mark(addresses, np.tile(services.times, 2), bits)

    def _remember_transfers(self, talks: Conversations) -> None:
        """Claim the ends that ask for a transfer by TFTP as clients: the answer comes from another port (RFC 1350)."""
        rows = talks.rows
        asks = (rows.dst_port == _TFTP) & (rows.says == Says.REQUEST)
        if not asks.any():
            return
        for side in (0, 1):
            chosen = np.unique(talks.flow[asks & (talks.side == side)])
            ends = FlowEnds(talks, chosen[~self._is_grouped(talks, chosen)], side)
            self.claimed_clients.mark(ends.keys, ends.times, np.full(len(ends), CLIENT, np.uint8))
