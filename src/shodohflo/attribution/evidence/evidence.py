"""Evidence over a batch: what its packets show is taken in, then its flows get their verdicts.

The order is always the same: `take_in` all packets of a batch; `decide` fills in the verdicts of the rows that
`Observed` rules leave to evidence; `record` notes what was recorded under which verdict, so that stronger evidence can
correct it later, and grades the rules.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.attribution.evidence.answers import hear
from shodohflo.attribution.evidence.conversations import Conversations
from shodohflo.attribution.evidence.events import kinds
from shodohflo.attribution.evidence.flows import Flows
from shodohflo.attribution.evidence.groups import Groups
from shodohflo.attribution.evidence.handshakes import Showing, showing
from shodohflo.attribution.evidence.knocks import Knocks
from shodohflo.attribution.evidence.known import CLIENT, SERVICE, Asking, Churn, Marks
from shodohflo.attribution.evidence.listed import listed_ports
from shodohflo.attribution.evidence.openings import Openings
from shodohflo.attribution.evidence.services import Services
from shodohflo.columns.batch import Says
from shodohflo.columns.own_ends import Saying
from shodohflo.model import UDP, Rung

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


class Evidence:
    """Everything that is remembered of flows, ends and addresses; of a fixed size."""

    def __init__(self, octets: int = EVIDENCE_MEMORY, our_nets: Iterable[Network] = ()) -> None:
        """Use about `octets` bytes; the broadcast addresses of `our_nets` are groups."""
        # Hundredths of the room, divided by the bytes of an entry.
        room = octets // 100
        self.flows = Flows(40 * room // 90)
        self.openings = Openings(8 * room // 40)
        self.services = Services(10 * room // 60, 6 * room // 20)
        self.claims = Services(10 * room // 60, 6 * room // 20)
        self.clients = Marks(4 * room // 20)
        self.claimed_clients = Marks(1 * room // 20)
        self.roles = Marks(3 * room // 20)
        self.churn = Churn(5 * room // 20, 1 * room // 20)
        self.one_way_churn = Churn(5 * room // 20, 1 * room // 20)
        self.knocks = Knocks(pending=3 * room // 70)
        self.groups = Groups(our_nets)
        self.listed = listed_ports()
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

    def change_networks(self, our_nets: Iterable[Network]) -> None:
        """Take the broadcast addresses of other networks of ours for groups."""
        self.groups = Groups(our_nets)

    def news(self, now: int) -> list[ServiceSeen]:
        """Return the services that are new or were used since the last call, at `now` in ns since 1970."""
        claims = [replace(claim, claimed=True) for claim in self.claims.news(now)]
        return [*claims, *self.services.news(now)]  # the last about an end counts

    def recall(self, seen: Sequence[ServiceSeen]) -> None:
        """Remember the services that another run, or another agent, saw."""
        self.services.recall([each for each in seen if not each.claimed])
        self.claims.recall([each for each in seen if each.claimed])

    def sockets(self, flows: Asking, side: int) -> NDArray[np.uint8]:
        """Return `SERVICE` or `CLIENT` where the end of `side` is a socket of this host, else 0."""
        if self.own_ends is None:
            return np.zeros(len(flows), np.uint8)
        talks, which = flows.talks, flows.which
        protocol = talks.ends[0].protocol[which]
        said = self.own_ends.find(talks.rows.family, talks.address(side)[which], protocol, talks.port(side)[which])
        return _ROLES[said]

    def take_in(self, packets: Batch, rows: Batch, row_of: NDArray[np.int32]) -> tuple[Conversations, Shown]:
        """Take in what `packets` show, and return the flows of `rows` with what they have shown.

        `rows` are the packets, merged by `columns.merging.group_packets`, and `row_of` is the row of each packet. What
        the flows have shown may be changed until the next call, and is kept by `flows.keep`.
        """
        talks = Conversations.of(rows)
        kind = kinds(rows)
        shown = self.flows.of(talks, talks.begin)
        self.openings.take_in(talks, kind, packets, row_of, shown)
        hear(talks, shown)
        shown.seen |= talks.spoke
        tcp = (talks.spoke != 0) & talks.is_tcp
        shown.shows[tcp] |= showing(shown.own[tcp], shown.verified[tcp], shown.seen[tcp])
        self._remember(talks, shown)
        return talks, shown

    def _remember(self, talks: Conversations, shown: Shown) -> None:
        """Remember ends and addresses of the flows that had payload, but of those with groups."""
        spoke = talks.spoke != 0
        udp = np.flatnonzero(~talks.is_tcp)
        grouped = self.groups.holds(talks.address(0)[udp]) | self.groups.holds(talks.address(1)[udp])
        spoke[udp[grouped]] = False
        rung = np.where(talks.is_tcp, np.uint8(Rung.HANDSHAKE), np.uint8(Rung.BITS))
        for side in (0, 1):
            for services, bit in ((self.services, Showing.SERVICE), (self.claims, Showing.CLAIM)):
                flows = Asking(talks, np.flatnonzero(spoke & (shown.shows & np.uint8(bit << side) != 0)))
                services.remember(flows, side, rung[flows.which])
            both = shown.shows & np.uint8(Showing.BOTH << side) != 0
            self._remember_roles(Asking(talks, np.flatnonzero(spoke & both)), side)
        tcp = spoke & talks.is_tcp
        # The first payload of a flow is always of one direction, however the packets are divided into batches.
        self.one_way_churn.remember(Asking(talks, np.flatnonzero(tcp & ~shown.was_two_way)))
        self.churn.remember(Asking(talks, np.flatnonzero(tcp & shown.is_two_way)))
        self._remember_transfers(talks)

    def _remember_roles(self, flows: Asking, side: int) -> None:
        """Remember the client ends and the addresses of verified two-way flows whose service is `side`."""
        if not len(flows):
            return
        clients, services = (np.full(len(flows), bit, np.uint8) for bit in (CLIENT, SERVICE))
        self.clients.mark(flows.end_keys(1 - side), flows.times, clients)
        self.roles.mark(flows.address_keys(side), flows.times, services)
        self.roles.mark(flows.address_keys(1 - side), flows.times, clients)

    def _remember_transfers(self, talks: Conversations) -> None:
        """Claim the ends that ask for a transfer by TFTP as clients: the answer comes from another port (RFC 1350)."""
        rows = talks.rows
        asks = (rows.dst_port == _TFTP) & (rows.protocol == UDP) & (rows.says == Says.REQUEST)
        for side in (0, 1):
            chosen = np.unique(talks.flow[asks & (talks.side == side)])
            if len(chosen):
                flows = Asking(talks, chosen)
                self.claimed_clients.mark(flows.end_keys(side), flows.times, np.full(len(flows), CLIENT, np.uint8))
