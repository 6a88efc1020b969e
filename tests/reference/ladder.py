"""The ladder of evidence, slow and plain: one packet at a time, in tables without bounds.

This is the specification that the columns of `shodohflo.attribution` are held against; it imports nothing of them. A
`Ladder` takes packets in batches and answers, for each flow with payload in the batch, which side is the service and
which rung says so. For example:

    ladder = Ladder(read_listed(LISTED_PORTS))
    ladder.take_in([syn, syn_ack, request])   # {Flow(...): Verdict(service=1, rung=Rung.HANDSHAKE)}

How the specification is read where it leaves a choice:

* Evidence is taken in event by event, so what is remembered after some packets does not depend on how they were
  divided into batches. Only what was written does: the first verdict is the one at the end of the flow's first batch.
* A flow is one-way until the second end sends payload; its first payload is therefore always an event of a one-way
  flow, for one-way churn too.
* A flow is decided with the openings that followed its last payload in the batch; memory learns of them at the next
  payload.
* What a side's SYN-ACK is compared with is its latest one that was not ignored. Payload does not prolong the life of
  openings.
* An entry is used when evidence is noted in it, not when it is asked; a flow asks at the time of its last payload.
* Datagrams between two groups, which only a forger sends, have no verdict by *group* and leave nothing in memory.
* What a socket of this host proves is remembered when the flows of the batch have been decided.
* A SYN-ACK of the side that sent the first SYN, to a SYN of the other, is that of a simultaneous open: the other's
  counts as if it had come as well. After the answer of an earlier conversation it is ignored.
* Sequence numbers of payload are not read, so a bare SYN is as good as any other claim once payload follows.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from shodohflo.model import TCP, UDP, End, Rung

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from shodohflo.model import Address, Network

SECOND: Final = 1_000_000_000
"""In ns, as all times here."""

OPENINGS_LIVE: Final = 300 * SECOND
FLOWS_LIVE: Final = 900 * SECOND
MEMORY_LIVES: Final = 86_400 * SECOND

QUIET: Final = 60 * SECOND
"""So long a flow must have carried no payload for a bare SYN to begin it."""

MOST_OPENINGS: Final = 64
"""More openings of one flow in one batch contradict each other."""

LISTED_PORTS: Final = Path(__file__).parents[2] / "src" / "shodohflo" / "attribution" / "evidence" / "listed_ports.tsv"

TFTP: Final = 69

_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10
_BROADCAST: Final = IPv4Address("255.255.255.255")

Listed = frozenset[tuple[int, int]]
"""Ports of services, each with its protocol number."""


class Saying(IntEnum):
    """What a datagram says of its sender, in the numbers of `Batch.says`."""

    NOTHING = 0
    REQUEST = 1
    RESPONSE = 2


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet; the fields mean what the columns of a `Batch` mean."""

    time: int
    src: Address
    sport: int
    dst: Address
    dport: int
    protocol: int
    flags: int = 0
    number: int = 0
    says: int = Saying.NOTHING

    @property
    def opens(self) -> bool:
        """Whether it is a bare SYN or a SYN-ACK."""
        return self.protocol == TCP and self.flags & (_SYN | _FIN | _RST) == _SYN

    @property
    def answers_opening(self) -> bool:
        """Whether it is a SYN-ACK, if it is an opening at all."""
        return bool(self.flags & _ACK)

    @property
    def resets(self) -> bool:
        """Whether it is a TCP reset."""
        return self.protocol == TCP and bool(self.flags & _RST)

    @property
    def is_payload(self) -> bool:
        """Whether it is a datagram, or a segment that neither opens nor closes."""
        return self.protocol == UDP or not self.flags & (_SYN | _FIN | _RST)


@dataclass(frozen=True, slots=True)
class Flow:
    """Two ends of one protocol; side 0 is the lesser by address and port."""

    ends: tuple[End, End]

    @property
    def protocol(self) -> int:
        """TCP or UDP."""
        return self.ends[0].protocol

    @classmethod
    def between(cls, one: End, other: End) -> Flow:
        """Return the flow of two ends, in whichever order they are given."""
        swapped = (int(other.address), other.port) < (int(one.address), one.port)
        return cls((other, one) if swapped else (one, other))

    def side_of(self, end: End) -> int:
        """Return the side at which `end` is; 0 for a flow of an end with itself."""
        return 0 if end == self.ends[0] else 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """The side of the service, or `None` for a tie, and what says so."""

    service: int | None
    rung: Rung


@dataclass(frozen=True, slots=True)
class Swap:
    """A flow whose written verdict was taken back for the other side."""

    flow: Flow
    rung: Rung
    """The evidence that decides now."""


@dataclass(frozen=True, slots=True)
class OwnSockets:
    """Ends that listen, and those of connected sockets without a listener, with the remote ones."""

    services: frozenset[End] = frozenset()
    clients: frozenset[tuple[End, End]] = frozenset()


class Strength(Enum):
    """What a flow's own evidence is good for in other flows."""

    VERIFIED = "verified"
    CLAIM = "claim"
    ALONE = "alone"
    """A request without an answer: for its own flow only."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the evidence of a flow itself says."""

    service: int
    strength: Strength


class Contradiction:
    """Evidence of a flow itself that names both ends."""


CONTRADICTION: Final = Contradiction()

Own = Answer | Contradiction | None


class Accepted(IntEnum):
    """The SYN-ACK of one side."""

    NONE = 0
    UNMATCHED = 1
    MATCHED = 2
    """It acknowledges the other side's SYN."""


@dataclass(slots=True)
class Openings:
    """The opening segments of a flow, by side."""

    syn: list[int | None] = field(default_factory=lambda: [None, None])
    """The number of the last bare SYN."""
    quiet: list[bool] = field(default_factory=lambda: [False, False])
    """Whether the flow carried no payload before that SYN."""
    synack: list[Accepted] = field(default_factory=lambda: [Accepted.NONE, Accepted.NONE])
    paid_since: list[bool] = field(default_factory=lambda: [False, False])
    """Whether the flow carried payload since the SYN-ACK."""
    paid: bool = False
    """Whether the flow carried payload since these openings began."""
    opener: int | None = None
    """The side that sent the first bare SYN since the last SYN-ACK that matched."""

    def accepts(self, side: int) -> bool:
        """Say whether the SYN-ACK of `side` counts: one that matches, or one of a side that sent no SYN."""
        if self.synack[side] is Accepted.UNMATCHED:
            return self.syn[side] is None
        return self.synack[side] is Accepted.MATCHED

    def evaluate(self, *, two_way: bool) -> Own:
        """Return what these openings say."""
        accepted = [side for side in (0, 1) if self.accepts(side)]
        if len(accepted) == 1:
            matched = self.synack[accepted[0]] is Accepted.MATCHED
            return Answer(accepted[0], Strength.VERIFIED if matched else Strength.CLAIM)
        syns = [side for side in (0, 1) if self.syn[side] is not None]
        if accepted or any(self.synack) or len(syns) == 2:
            return CONTRADICTION
        if self.quiet[syns[0]] and not two_way:
            return Answer(1 - syns[0], Strength.CLAIM)
        return None


@dataclass(slots=True)
class Remembered:
    """What is remembered of one flow since its first payload."""

    seen: list[bool] = field(default_factory=lambda: [False, False])
    asked: list[bool] = field(default_factory=lambda: [False, False])
    answered: list[bool] = field(default_factory=lambda: [False, False])
    """Whether a datagram of the side said request, or response (UDP)."""
    last: int = 0
    """The time of its last payload."""
    own: Own = None
    own_from: Openings | None = None
    """The openings that said `own` (TCP)."""
    written: Verdict | None = None

    @property
    def two_way(self) -> bool:
        """Whether both ends have sent payload."""
        return all(self.seen)

    def say(self, side: int, says: int) -> None:
        """Take in what a datagram of `side` says, if it says anything."""
        if says == Saying.NOTHING:
            return
        (self.asked if says == Saying.REQUEST else self.answered)[side] = True
        clients = {side for side in (0, 1) if self.asked[side] or self.answered[1 - side]}
        if len(clients) == 2:
            self.own = CONTRADICTION
            return
        (client,) = clients
        if not self.answered[1 - client]:
            strength = Strength.ALONE
        else:
            strength = Strength.VERIFIED if self.asked[client] else Strength.CLAIM
        self.own = Answer(1 - client, strength)


K = TypeVar("K")
V = TypeVar("V")


class Table(Generic[K, V]):
    """Values that are gone for whoever asks more than `lifetime` after their last use."""

    def __init__(self, lifetime: int) -> None:
        """Make an empty table; `lifetime` in ns."""
        self._lifetime = lifetime
        self._entries: dict[K, tuple[V, int]] = {}

    def find(self, key: K, now: int) -> V | None:
        """Return the value at `key`, or `None` if there is none or it has expired."""
        value, used = self._entries.get(key, (None, now))
        return value if now - used <= self._lifetime else None

    def last(self, key: K) -> V | None:
        """Return the value that was last written at `key`, expired or not."""
        return self._entries.get(key, (None, 0))[0]

    def keep(self, key: K, value: V, now: int) -> None:
        """Write `value` at `key`, used `now`."""
        _, used = self._entries.get(key, (value, now))
        self._entries[key] = value, max(used, now)

    def drop(self, key: K) -> None:
        """Remove `key`."""
        self._entries.pop(key, None)

    def __len__(self) -> int:
        """Return the number of entries, those included that have expired."""
        return len(self._entries)

    def __iter__(self) -> Iterator[K]:
        """Yield the keys."""
        return iter(self._entries)


@dataclass(frozen=True, slots=True)
class Roles(Generic[K]):
    """Who was a service and who was a client: ends, or addresses."""

    services: Table[K, bool] = field(default_factory=lambda: Table(MEMORY_LIVES))
    clients: Table[K, bool] = field(default_factory=lambda: Table(MEMORY_LIVES))

    def knows(self, one: K, now: int) -> bool:
        """Say whether `one` was either."""
        return bool(self.services.find(one, now) or self.clients.find(one, now))

    def only_service(self, one: K, now: int) -> bool:
        """Say whether `one` was a service and no client."""
        return bool(self.services.find(one, now) and not self.clients.find(one, now))

    def only_client(self, one: K, now: int) -> bool:
        """Say whether `one` was a client and no service."""
        return bool(self.clients.find(one, now) and not self.services.find(one, now))


@dataclass(frozen=True, slots=True)
class Churn:
    """Which ends one address met with several of its ports."""

    pairs: Table[tuple[End, Address], int] = field(default_factory=lambda: Table(MEMORY_LIVES))
    """The first port that an address used with an end."""
    churned: Table[End, bool] = field(default_factory=lambda: Table(MEMORY_LIVES))

    def note(self, flow: Flow, now: int) -> None:
        """Take in payload of `flow`, once from the view of each end."""
        for end, peer in (flow.ends, flow.ends[::-1]):
            first = self.pairs.find((end, peer.address), now)
            self.pairs.keep((end, peer.address), peer.port if first is None else first, now)
            if first not in {None, peer.port}:
                self.churned.keep(end, value=True, now=now)


def only(sides: Iterable[bool]) -> int | None:
    """Return the side for which it is true, if that is exactly one.

    For example, `only([False, True])` is 1, and `only([True, True])` is `None`.
    """
    which = [side for side, is_true in enumerate(sides) if is_true]
    return which[0] if len(which) == 1 else None


def other(side: int | None) -> int | None:
    """Return the other side, if there is one."""
    return None if side is None else 1 - side


def lower_port(flow: Flow) -> int | None:
    """Return the side with the lower port, or `None` if they are equal."""
    first, second = (end.port for end in flow.ends)
    return None if first == second else int(second < first)


def read_listed(path: Path = LISTED_PORTS) -> Listed:
    """Read a list of ports: lines of a protocol's name and a port, below a heading."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return frozenset(({"tcp": TCP, "udp": UDP}[row["protocol"]], int(row["port"])) for row in rows)


EVERY_RUNG: Final = frozenset(Rung)


class Ladder:
    """The whole ladder with all it remembers."""

    def __init__(
        self,
        listed: Listed,
        our_nets: Iterable[Network] = (),
        otherwise: Callable[[Flow], int | None] = lower_port,
        own_sockets: OwnSockets = OwnSockets(),
        rungs: Collection[Rung] = EVERY_RUNG,
    ) -> None:
        """Begin with nothing remembered; only `rungs` are asked, and `otherwise` always."""
        self._listed = listed
        self._broadcasts = {
            net.broadcast_address for net in our_nets if isinstance(net, IPv4Network) and net.prefixlen < 31
        }
        self._otherwise = otherwise
        self._own_sockets = own_sockets
        self._rungs = rungs
        self._flooded: set[Flow] = set()
        self.openings: Table[Flow, Openings] = Table(OPENINGS_LIVE)
        self.flows: Table[Flow, Remembered] = Table(FLOWS_LIVE)
        self.verified: Roles[End] = Roles()
        self.claims: Roles[End] = Roles()
        self.roles: Roles[Address] = Roles()
        self.churn = Churn()
        self.one_way_churn = Churn()
        self.swaps: list[Swap] = []
        """The corrections that were made, in order."""

    def take_in(self, packets: Iterable[Packet]) -> dict[Flow, Verdict]:
        """Take in a batch, and return the verdict of each flow with payload in it."""
        events = [(packet, *_flow(packet)) for packet in sorted(packets, key=lambda packet: packet.time)]
        self._flooded = _flooded(events)
        decided: dict[Flow, None] = {}
        for packet, flow, side in events:
            if packet.opens:
                self._open(packet, flow, side)
            elif packet.resets:
                self._reset(packet, flow)
            elif packet.is_payload:
                self._pay(packet, flow, side)
                decided[flow] = None
        verdicts = {flow: self._decide(flow) for flow in decided}
        for flow, verdict in verdicts.items():
            if verdict.rung is Rung.OWN_SOCKET and verdict.service is not None and not self.is_group(flow):
                self.verified.services.keep(flow.ends[verdict.service], value=True, now=self._remembered(flow).last)
        return verdicts

    def ask(self, flow: Flow) -> Verdict:
        """Return what the evidence says of `flow` now, whatever was written; the flow must have had payload."""
        remembered = self._remembered(flow)
        answers = (verdict for verdict in self._climb(flow, remembered) if verdict.rung in self._rungs)
        return next(answers, Verdict(self._otherwise(flow), Rung.GUESSED))

    def memories(self) -> dict[str, int]:
        """Return how many entries each table has."""
        return {
            "openings": len(self.openings),
            "flows": len(self.flows),
            "services": len(self.verified.services),
            "clients": len(self.verified.clients),
            "claims": len(self.claims.services) + len(self.claims.clients),
            "pairs": len(self.churn.pairs),
            "churned": len(self.churn.churned),
            "roles": len(self.roles.services) + len(self.roles.clients),
            "one-way pairs": len(self.one_way_churn.pairs),
            "one-way churned": len(self.one_way_churn.churned),
        }

    def is_group(self, flow: Flow) -> bool:
        """Say whether an end of `flow` is a group, so that it leaves nothing in memory."""
        return flow.protocol == UDP and any(self._is_group_address(end.address) for end in flow.ends)

    # Evidence comes in.

    def _open(self, packet: Packet, flow: Flow, side: int) -> None:
        if flow in self._flooded:
            return
        openings = self.openings.find(flow, packet.time) or Openings()
        remembered = self.flows.find(flow, packet.time)
        if not packet.answers_opening:
            openings.syn[side] = packet.number
            openings.opener = side if openings.opener is None else openings.opener
            openings.quiet[side] = remembered is None or packet.time - remembered.last > QUIET
        elif not _answer(openings, remembered, side, packet.number):
            return
        self.openings.keep(flow, openings, packet.time)

    def _reset(self, packet: Packet, flow: Flow) -> None:
        openings = self.openings.find(flow, packet.time)
        if openings and not openings.paid:
            self.openings.drop(flow)

    def _pay(self, packet: Packet, flow: Flow, side: int) -> None:
        now = packet.time
        remembered = self.flows.find(flow, now) or Remembered()
        remembered.seen[side] = True
        remembered.last = max(remembered.last, now)
        self.flows.keep(flow, remembered, now)
        if flow.protocol == UDP:
            remembered.say(side, packet.says)
        else:
            self._keep_openings(flow, remembered, now)
        if not self.is_group(flow):
            self._learn(packet, flow, remembered)

    def _keep_openings(self, flow: Flow, remembered: Remembered, now: int) -> None:
        """Keep in the flow what its openings say: *nothing* replaces nothing, anything else replaces what was kept."""
        openings = self.openings.find(flow, now)
        if openings is not None:
            openings.paid, openings.paid_since = True, [True, True]
        if flow in self._flooded:
            remembered.own, remembered.own_from = CONTRADICTION, None
        elif openings is not None and (said := openings.evaluate(two_way=remembered.two_way)):
            remembered.own, remembered.own_from = said, openings

    def _learn(self, packet: Packet, flow: Flow, remembered: Remembered) -> None:
        """Remember, for other flows, what payload of this one shows."""
        now, own = packet.time, remembered.own
        if isinstance(own, Answer):
            service, client = flow.ends[own.service], flow.ends[1 - own.service]
            if own.strength is Strength.VERIFIED:
                self.verified.services.keep(service, value=True, now=now)
                if remembered.two_way:
                    self.verified.clients.keep(client, value=True, now=now)
                    self.roles.services.keep(service.address, value=True, now=now)
                    self.roles.clients.keep(client.address, value=True, now=now)
            elif own.strength is Strength.CLAIM:
                self.claims.services.keep(service, value=True, now=now)
        if flow.protocol == TCP:
            (self.churn if remembered.two_way else self.one_way_churn).note(flow, now)
        elif packet.dport == TFTP and packet.says == Saying.REQUEST:
            # The answer comes from a port of its own, so this flow will have none.
            self.claims.clients.keep(End(packet.src, UDP, packet.sport), value=True, now=now)

    # Verdicts go out.

    def _decide(self, flow: Flow) -> Verdict:
        remembered = self._remembered(flow)
        now, written = self.ask(flow), remembered.written
        if written is None:
            remembered.written = now
        elif now.rung.is_proof and now.rung < written.rung:
            remembered.written = now
            if None not in {written.service, now.service} and written.service != now.service:
                self.swaps.append(Swap(flow, now.rung))
        return remembered.written or now

    def _climb(self, flow: Flow, remembered: Remembered) -> Iterator[Verdict]:
        """Yield the verdict of each rung that has one, in order."""
        for rung, service in (
            (Rung.OWN_SOCKET, self._own_socket(flow)),
            (Rung.GROUP, self._group(flow)),
            (Rung.HANDSHAKE if flow.protocol == TCP else Rung.BITS, self._own(flow, remembered)),
            (Rung.KNOWN, self._known(flow, remembered)),
            (Rung.CHURN, self._churn(flow, remembered)),
            (Rung.LISTED, self._by_list(flow)),
            (Rung.CLAIMED, self._claimed(flow, remembered)),
            (Rung.ROLES, self._by_roles(flow, remembered)),
            (Rung.ONE_WAY_CHURN, self._one_way_churn(flow, remembered)),
        ):
            if service is not None:
                yield Verdict(service, rung)

    def _own_socket(self, flow: Flow) -> int | None:
        if flow.protocol == UDP and flow.ends[0].port == flow.ends[1].port:
            return None
        own = self._own_sockets
        serves = [end in own.services for end in flow.ends]
        asks = [
            pair in own.clients and not served
            for pair, served in zip((flow.ends, flow.ends[::-1]), serves, strict=True)
        ]
        service = only(serves)
        return other(only(asks)) if service is None else service

    def _group(self, flow: Flow) -> int | None:
        return only(flow.protocol == UDP and self._is_group_address(end.address) for end in flow.ends)

    def _is_group_address(self, address: Address) -> bool:
        return address.is_multicast or address == _BROADCAST or address in self._broadcasts

    def _own_now(self, flow: Flow, remembered: Remembered) -> Own:
        if flow in self._flooded:
            return CONTRADICTION
        openings = self.openings.find(flow, remembered.last) if flow.protocol == TCP else None
        return (openings and openings.evaluate(two_way=remembered.two_way)) or remembered.own

    def _own(self, flow: Flow, remembered: Remembered) -> int | None:
        own = self._own_now(flow, remembered)
        return own.service if isinstance(own, Answer) else None

    def _known(self, flow: Flow, remembered: Remembered) -> int | None:
        if self._own_now(flow, remembered) is CONTRADICTION:
            return None
        return _by(self.verified, flow.ends, remembered.last)

    def _claimed(self, flow: Flow, remembered: Remembered) -> int | None:
        now = remembered.last
        if self._own_now(flow, remembered) is CONTRADICTION or any(self.verified.knows(end, now) for end in flow.ends):
            return None
        return _by(self.claims, flow.ends, now)

    def _churn(self, flow: Flow, remembered: Remembered) -> int | None:
        if not remembered.two_way:
            return None
        return only(bool(self.churn.churned.find(end, remembered.last)) for end in flow.ends)

    def _by_list(self, flow: Flow) -> int | None:
        return only(
            (end.protocol, end.port) in self._listed or (end.protocol == TCP and end.port < 1024) for end in flow.ends
        )

    def _by_roles(self, flow: Flow, remembered: Remembered) -> int | None:
        if not remembered.two_way:
            return None
        addresses, now = [end.address for end in flow.ends], remembered.last
        client = only(self.roles.only_client(address, now) for address in addresses)
        if client is not None:
            return 1 - client
        return only(self.roles.only_service(address, now) for address in addresses)

    def _one_way_churn(self, flow: Flow, remembered: Remembered) -> int | None:
        if remembered.two_way:
            return None
        return only(bool(self.one_way_churn.churned.find(end, remembered.last)) for end in flow.ends)

    def _remembered(self, flow: Flow) -> Remembered:
        remembered = self.flows.last(flow)
        assert remembered, "a flow is decided only after payload"
        return remembered


def _by(roles: Roles[End], ends: tuple[End, End], now: int) -> int | None:
    """Return the service by what is known of the ends: the only service, or the end beside the only client."""
    service = only(roles.only_service(end, now) for end in ends)
    return other(only(roles.only_client(end, now) for end in ends)) if service is None else service


def _flow(packet: Packet) -> tuple[Flow, int]:
    """Return the flow of `packet`, and the side of its sender."""
    sender = End(packet.src, packet.protocol, packet.sport)
    flow = Flow.between(sender, End(packet.dst, packet.protocol, packet.dport))
    return flow, flow.side_of(sender)


def _answer(openings: Openings, remembered: Remembered | None, side: int, number: int) -> bool:
    """Take a SYN-ACK of `side` into `openings`; return `False` if it is ignored."""
    asked = openings.syn[1 - side]
    if asked not in {None, number}:
        return False
    matched = asked is not None
    crossed = matched and openings.opener == side
    earlier = _earlier(openings, remembered, 1 - side)
    if earlier is not None:
        # Payload followed the other side's SYN-ACK. Either the ports are used anew, or this one is forged.
        if crossed or (earlier is Accepted.MATCHED and not matched):
            return False
        openings.synack[1 - side] = Accepted.NONE
        if remembered:
            remembered.own = remembered.own_from = remembered.written = None
    openings.synack[side] = Accepted.MATCHED if matched else max(openings.synack[side], Accepted.UNMATCHED)
    openings.paid_since[side] = False
    if crossed:
        openings.synack[1 - side], openings.paid_since[1 - side] = Accepted.MATCHED, False
    if matched:
        openings.opener = None
    return True


def _earlier(openings: Openings, remembered: Remembered | None, side: int) -> Accepted | None:
    """Return the SYN-ACK of `side` that payload has followed, also if the openings it was in have expired."""
    if openings.accepts(side):
        return openings.synack[side] if openings.paid_since[side] else None
    if remembered and isinstance(remembered.own, Answer) and remembered.own_from is not openings:
        verified = remembered.own.strength is Strength.VERIFIED
        kept = Accepted.MATCHED if verified else Accepted.UNMATCHED
        return kept if remembered.own.service == side else None
    return None


def _flooded(events: Iterable[tuple[Packet, Flow, int]]) -> set[Flow]:
    """Return the flows with too many openings in one batch, where repetitions and runs of bare SYNs count once."""
    last: dict[Flow, tuple[bool, int, int]] = {}
    openings: Counter[Flow] = Counter()
    for packet, flow, side in events:
        if packet.opens:
            this = (packet.answers_opening, side, packet.number if packet.answers_opening else 0)
            openings[flow] += last.get(flow) != this
            last[flow] = this
    return {flow for flow, count in openings.items() if count > MOST_OPENINGS}
