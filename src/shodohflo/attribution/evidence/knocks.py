"""Knocks: attempts of outsiders to reach our ends that led to nothing.

An outsider is an address in none of our networks, and an attempt is a flow that it opens to one of our ends. Of TCP, it
begins with a bare SYN, and ends with what follows within 10 s:

    a reset that our end sends, or an unreachable about the SYN    refused
    a SYN-ACK of our end, or payload of the flow                   no knock
    none of these                                                  silent

The first of them decides. Repeated SYNs with the same number belong to the same attempt at any time, as do all SYNs
before its end; a SYN with another number after it begins another attempt. Where no SYN of a flow is remembered, a reset
that our end sends means refused as well, once for each flow, unless the flow is known otherwise (then the reset ends a
connection). So does an unreachable. The message does not say which protocol it is about: it counts for TCP where a SYN
of such a flow is remembered, else for UDP.

Of packets that are merged, only the first and the last time are known: where an attempt begins between two payload
segments of its flow in one batch, they follow it at once. Of one flow, a batch has at most 4 attempts.

Where only received packets are seen, as on a server itself, our answers are not among them: every attempt without
payload is silent there, refused or not. For example, an outsider tries two ports of ours, and a router sees

    10.000 s   203.0.113.9:4000 > 10.0.0.5:22     SYN, number 7
    10.000 s   203.0.113.9:4001 > 10.0.0.5:23     SYN, number 8
    10.001 s   10.0.0.5:23 > 203.0.113.9:4001     RST               port 23: refused
    11.000 s   203.0.113.9:4000 > 10.0.0.5:22     SYN, number 7
    20.001 s                                                        port 22: silent, from 10.000 s

All tables are bounded. Attempts that wait for their 10 s are a segmented LRU: under a flood of SYNs some are forgotten
before they are counted, so counts are lower bounds.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.attribution.evidence.origins import Attempts, Origins, ranks
from shodohflo.columns.addresses import Addresses
from shodohflo.columns.batch import ACK, ADDRESS, FIN, RST, SYN, Quote
from shodohflo.columns.memory import Memory, hashed
from shodohflo.columns.table import Table, column, shared, table
from shodohflo.model import TCP, UDP

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from shodohflo.columns.batch import Batch, Family, Messages
    from shodohflo.model import Knock

    Keys = NDArray[np.uint64]
    Times = NDArray[np.int64]
    Slots = NDArray[np.int32]
    Rows = NDArray[np.int64]
    Mask = NDArray[np.bool_]
    Ours = Callable[[NDArray[Any]], Mask]

WINDOW: Final = 10 * 10**9
"""In ns: an attempt that nothing follows for so long is silent."""

LIFETIME: Final = 300 * 10**9
"""In ns: how long an attempt is remembered after its last SYN, to recognise its repetitions."""

MOST_TURNS: Final = 4
"""SYNs of one flow, with different numbers, that one batch may have; those after them are ignored."""

PENDING: Final = 1 << 15
"""Flows whose attempts are remembered, unless the caller says otherwise."""


class _State(IntEnum):
    """What is known of the last attempt of a flow."""

    WAITING = 1
    ANSWERED = 2
    REFUSED = 3
    SILENT = 4


@table
class Tries(Table):
    """Flows from an outsider to an end of ours."""

    family: Family = shared()
    origin: NDArray[Any] = column(ADDRESS)
    origin_port: NDArray[np.uint16] = column(np.uint16)
    target: NDArray[Any] = column(ADDRESS)
    port: NDArray[np.uint16] = column(np.uint16)
    """The port that is tried."""
    number: NDArray[np.uint32] = column(np.uint32)
    """The sequence number of a SYN."""
    time: NDArray[np.int64] = column(np.int64)
    """When it was tried, in ns since 1970."""

    @classmethod
    def sent(cls, rows: Batch) -> Tries:
        """Return the flows of packets that outsiders send."""
        source, destination = (rows.src_addr, rows.src_port), (rows.dst_addr, rows.dst_port)
        return cls(rows.family, *source, *destination, rows.number, rows.first)

    @classmethod
    def received(cls, rows: Batch) -> Tries:
        """Return the flows of packets that outsiders receive."""
        source, destination = (rows.src_addr, rows.src_port), (rows.dst_addr, rows.dst_port)
        return cls(rows.family, *destination, *source, rows.number, rows.first)

    @classmethod
    def quoted(cls, told: Messages) -> Tries:
        """Return the flows of the packets that messages to outsiders quote."""
        source, destination = (told.dst_addr, told.client_port), (told.remote_addr, told.remote_port)
        return cls(told.family, *source, *destination, np.zeros(len(told), np.uint32), told.time)

    def flow_keys(self, protocol: int) -> Keys:
        """Return the key of each flow, the same for both directions."""
        one, other = (
            _end_keys(self.family, self.origin, self.origin_port),
            _end_keys(self.family, self.target, self.port),
        )
        kind = np.full(len(one), protocol << 8 | self.family, np.uint64)
        return hashed([np.minimum(one, other), np.maximum(one, other), kind])


class Knocks:
    """The attempts of outsiders, batch by batch; times are those of packets."""

    def __init__(self, pending: int = PENDING, origins: int = 4_096, prefixes: int = 1_024) -> None:
        """Remember at most so many attempts, origins and prefixes of origins, rounded up to a multiple of 8 each."""
        self._flows = Memory(
            {
                "state": np.uint8,
                "number": np.uint32,
                "since": np.int64,
                "until": np.int64,
                "version": np.uint8,
                "protocol": np.uint8,
                "port": np.uint16,
                **{f"{end}_{half}": np.uint64 for end in ("origin", "target") for half in ("high", "low")},
            },
            pending,
            LIFETIME,
        )
        self._origins = Origins(origins, prefixes)
        self._waits_until = -1
        self.octets = self._flows.octets + self._origins.octets
        """Bytes of memory it takes, from the start to the end."""

    @property
    def lost(self) -> int:
        """Attempts that were not counted, as too many origins came at once."""
        return self._origins.lost

    def take_in(self, rows: Batch, is_ours: Ours, known: Mask) -> None:
        """Take in the packets of a batch, merged by `columns.merging.merge_packets`.

        `is_ours` says which addresses of a column are in our networks. `known` says of which rows the flow is
        remembered from before the batch, because it had payload or an opening; only rows with resets are asked.
        """
        if not len(rows):
            return
        begin = int(rows.first.min())
        self._give_up(begin, rows.family)
        flags, is_tcp = rows.tcp_flags, rows.protocol == TCP
        opens = np.flatnonzero(is_tcp & (flags & np.uint8(SYN | RST) != 0))
        if not len(opens) and begin > self._waits_until:
            return
        from_us, to_us, flags_of = is_ours(rows.src_addr[opens]), is_ours(rows.dst_addr[opens]), flags[opens]
        is_try, answers = flags_of == SYN, from_us & ~to_us
        tries = Tries.sent(rows[opens[is_try & to_us & ~from_us]])
        resets = opens[answers & (flags_of & np.uint8(RST) != 0)]
        syn_acks = opens[answers & (flags_of == SYN | ACK)]
        payload = np.flatnonzero(is_tcp & (flags & np.uint8(SYN | FIN | RST) == 0))
        ends = _Ends.of(rows, np.concatenate([payload, syn_acks]), resets)
        self._resolve(ends)
        self._try(tries, ends)
        unasked = Tries.received(rows[resets[~known[resets]]])
        if len(unasked):
            opened = Tries.sent(rows[opens[is_try]]).flow_keys(TCP)
            others = np.concatenate([opened, ends.keys[~ends.refuses]])
            self._refuse(unasked.keep(~np.isin(unasked.flow_keys(TCP), others)), TCP)

    def take_in_messages(self, messages: Messages, is_ours: Ours, known: Mask) -> None:
        """Take in ICMP messages of a batch, after its packets: unreachables to outsiders about what they sent to us.

        `known` says of which messages the quoted flow, if it is UDP, is remembered to have had payload of ours: a late
        answer to one of our clients is no knock.
        """
        quoting = np.flatnonzero(messages.quote == Quote.PORTS)
        about_us = is_ours(messages.remote_addr[quoting]) & ~is_ours(messages.dst_addr[quoting])
        chosen = quoting[about_us]
        told = Tries.quoted(messages[chosen])
        if not len(told):
            return
        keys = told.flow_keys(TCP)
        self._resolve(_Ends(keys, told.time, told.time, np.ones(len(told), np.bool_)))
        self._refuse(told.keep(~known[chosen] & (self._flows.find(keys, told.time) < 0)), UDP)

    def take(self, now: int) -> list[Knock]:
        """Return what is known of each origin that has changed since the last call.

        `now` is the time, in ns since 1970, up to which all packets have been taken in; attempts that have waited for
        10 s by then are silent. The `origin` of a `Knock` is a network of one address, or a /24 or /64 under which many
        origins are summed up; see `origins`.
        """
        for family in (4, 6):
            self._give_up(now, family)
        return self._origins.take()

    def _give_up(self, now: int, family: int) -> None:
        """Count the attempts of one family that nothing can follow any more, if no packet before `now` will come."""
        flows = self._flows
        waiting = np.flatnonzero(flows["state"][:-1] == _State.WAITING)
        is_late = (flows["until"][waiting] < now) & (flows["version"][waiting] == family)
        self._count(waiting[is_late], _State.SILENT)

    def _try(self, tries: Tries, ends: _Ends) -> None:
        """Take in bare SYNs to our ends, one of each flow at a time, each with what ends the attempt."""
        keys = tries.flow_keys(TCP)
        order = np.lexsort((tries.time, keys))
        turns = np.empty(len(tries), np.int64)
        turns[order] = ranks(keys[order])
        for turn in range(min(MOST_TURNS, int(turns.max(initial=-1)) + 1)):
            chosen = np.flatnonzero(turns == turn)
            if self._begin(tries[chosen], keys[chosen]):
                self._resolve(ends)

    def _begin(self, tries: Tries, keys: Keys) -> bool:
        """Begin an attempt for each SYN, of different flows, that does not belong to an earlier one; say if any did."""
        flows = self._flows
        slots, fresh = flows.enter(keys, tries.time)
        is_later = ~fresh & (slots >= 0) & (tries.time > flows["until"][slots])
        self._count(slots[is_later & (flows["state"][slots] == _State.WAITING)], _State.SILENT)
        is_new = fresh & (slots >= 0)
        begins = np.flatnonzero(is_new | (is_later & (flows["number"][slots] != tries.number)))
        if not len(begins):
            return False
        slots, tries = slots[begins], tries[begins]
        self._describe(slots, tries, TCP)
        flows["state"][slots] = _State.WAITING
        flows["until"][slots] = tries.time + WINDOW
        self._waits_until = max(self._waits_until, int(tries.time.max()) + WINDOW)
        return True

    def _resolve(self, ends: _Ends) -> None:
        """End the attempts that something follows within 10 s; the first thing decides."""
        flows = self._flows
        slots = flows.find(ends.keys, ends.first)
        follows = (ends.first <= flows["until"][slots]) & (ends.last >= flows["since"][slots])
        rows = np.flatnonzero((slots >= 0) & (flows["state"][slots] == _State.WAITING) & follows)
        if not len(rows):
            return
        slots, refuses = slots[rows], ends.refuses[rows]
        when = np.maximum(ends.first[rows], flows["since"][slots])
        order = np.lexsort((refuses, when, slots))
        order = order[ranks(slots[order]) == 0]
        slots, refuses = slots[order], refuses[order]
        flows["until"][slots] = when[order]
        flows["state"][slots] = _State.ANSWERED
        self._count(slots[refuses], _State.REFUSED)

    def _refuse(self, tries: Tries, protocol: int) -> None:
        """Count flows that are refused without a SYN that was seen, each once while it is remembered."""
        if not len(tries):
            return
        keys = tries.flow_keys(protocol)
        new = np.flatnonzero(self._flows.find(keys, tries.time) < 0)
        slots, _ = self._flows.enter(keys[new], tries.time[new])
        slots, first = np.unique(slots, return_index=True)
        new, slots = new[first[slots >= 0]], slots[slots >= 0]
        self._describe(slots, tries[new], protocol)
        self._count(slots, _State.REFUSED)

    def _describe(self, slots: Slots, tries: Tries, protocol: int) -> None:
        """Write down what is known of one flow for each slot."""
        flows = self._flows
        for name, addresses in (("origin", tries.origin), ("target", tries.target)):
            columns = Addresses.from_column(tries.family, addresses)
            flows[f"{name}_high"][slots] = columns.high
            flows[f"{name}_low"][slots] = columns.low
        flows["version"][slots] = tries.family
        flows["protocol"][slots] = protocol
        flows["port"][slots] = tries.port
        flows["number"][slots] = tries.number
        flows["since"][slots] = flows["until"][slots] = tries.time

    def _count(self, slots: Slots | Rows, state: _State) -> None:
        """End the attempts of `slots`, all different, and count them."""
        if not len(slots):
            return
        flows = self._flows
        flows["state"][slots] = state
        version, since = flows["version"][slots], flows["since"][slots]
        self._origins.add(
            Attempts(
                origin=Addresses(version, flows["origin_high"][slots], flows["origin_low"][slots]),
                target=Addresses(version, flows["target_high"][slots], flows["target_low"][slots]),
                port=flows["port"][slots],
                protocol=flows["protocol"][slots],
                refused=np.full(len(slots), state == _State.REFUSED, np.int64),
                silent=np.full(len(slots), state == _State.SILENT, np.int64),
                first=since,
                last=since,
            )
        )


class _Ends:
    """What may end an attempt: its flow, when it was first and last seen, and whether it refuses."""

    def __init__(self, keys: Keys, first: Times, last: Times, refuses: Mask) -> None:
        self.keys, self.first, self.last, self.refuses = keys, first, last, refuses

    @classmethod
    def of(cls, rows: Batch, accepting: Rows, resets: Rows) -> _Ends:
        """Take some rows of a batch."""
        some = rows[np.concatenate([accepting, resets])]
        refuses = np.arange(len(some)) >= len(accepting)
        return cls(Tries.sent(some).flow_keys(TCP), some.first, some.last, refuses)


def _end_keys(family: Family, addresses: NDArray[Any], ports: NDArray[np.uint16]) -> Keys:
    """Return a number for each end, different for different ends of one family."""
    columns = Addresses.from_column(family, addresses)
    if family == 4:
        return columns.low << np.uint64(16) | ports
    return hashed([columns.high, columns.low, ports.astype(np.uint64)])
