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

All tables are bounded. Where more attempts come in 10 s than can wait for their end, as in a flood, those that find no
place are not counted: then counts are a sample, for every origin alike.
"""

from __future__ import annotations

from dataclasses import replace
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
"""In ns: how long an attempt is remembered after its end, and each repetition, to recognise repetitions."""

_FOR_EVER: Final = 2**62

MOST_TURNS: Final = 4
"""SYNs of one flow, with different numbers, that one batch may have; those after them are ignored."""

PENDING: Final = 1 << 15
"""Flows whose attempts are remembered, unless the caller says otherwise."""


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
        kind = np.uint64(protocol << 16)
        one = _end_keys(self.family, self.origin, self.origin_port | kind)
        other = _end_keys(self.family, self.target, self.port | kind)
        return hashed([np.minimum(one, other), np.maximum(one, other)])

    def attempts(self, protocol: int) -> Attempts:
        """Return each as an attempt that was refused."""
        return Attempts(
            origin=Addresses.from_column(self.family, self.origin),
            target=Addresses.from_column(self.family, self.target),
            port=self.port,
            protocol=np.full(len(self), protocol, np.uint8),
            refused=np.ones(len(self), np.int64),
            silent=np.zeros(len(self), np.int64),
            first=self.time,
            last=self.time,
        )


class Knocks:
    """The attempts of outsiders, batch by batch; times are those of packets."""

    def __init__(self, pending: int = PENDING, origins: int = 4_096, prefixes: int = 1_024) -> None:
        """Remember so many attempts, origins and prefixes of origins, in multiples of 8.

        At most half of `pending` attempts wait for their end at a time.
        """
        # Whoever waits is not evicted: otherwise a flood would push out every attempt before its 10 s are over.
        self._waiting = Memory(
            {
                "number": np.uint32,
                "since": np.int64,
                "version": np.uint8,
                "port": np.uint16,
                "ports": np.uint16,
                **{f"{end}_{half}": np.uint64 for end in ("origin", "target") for half in ("high", "low")},
            },
            pending // 2,
            _FOR_EVER,
        )
        self._ended = Memory({"number": np.uint32, "end": np.int64}, pending, LIFETIME)
        self._origins = Origins(origins, prefixes)
        self._overlooked = 0
        self.octets = self._waiting.octets + self._ended.octets + self._origins.octets
        """Bytes of memory it takes, from the start to the end."""

    @property
    def lost(self) -> int:
        """SYNs and attempts that were not counted, as too many came at a time."""
        return self._overlooked + self._origins.lost

    def take_in(self, rows: Batch, is_ours: Ours, known: Mask) -> None:
        """Take in the packets of a batch, merged by `columns.merging.merge_packets`.

        `is_ours` says which addresses of a column are in our networks. `known` says of which rows the flow is
        remembered from before the batch, because it had payload or an opening; only rows with resets are asked.
        """
        if not len(rows):
            return
        waiting = self._give_up(int(rows.first.min()), rows.family)
        flags, is_tcp = rows.tcp_flags, rows.protocol == TCP
        opens = np.flatnonzero(is_tcp & (flags & np.uint8(SYN | RST) != 0))
        if not len(opens) and not len(waiting):
            return
        from_us, to_us, flags_of = is_ours(rows.src_addr[opens]), is_ours(rows.dst_addr[opens]), flags[opens]
        is_try, answers = flags_of == SYN, from_us & ~to_us
        resets = opens[answers & (flags_of & np.uint8(RST) != 0)]
        syn_acks = opens[answers & (flags_of == SYN | ACK)]
        # The sum of its ports tells that nearly all payload belongs to none of the flows that are asked about.
        ports = rows.src_port + rows.dst_port
        is_asked = np.zeros(1 << 16, np.bool_)
        is_asked[ports[opens]] = is_asked[self._waiting["ports"][waiting]] = True
        payload = np.flatnonzero(is_tcp & (flags & np.uint8(SYN | FIN | RST) == 0) & is_asked[ports])
        ends = _Ends.of(rows, np.concatenate([payload, syn_acks]), resets)
        self._resolve(ends)
        self._try(Tries.sent(rows[opens[is_try & to_us & ~from_us]]), ends)
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
        self._refuse(told.keep(~known[chosen] & ~self._remembers(keys, told.time)), UDP)

    def take(self, now: int) -> list[Knock]:
        """Return what is known of each origin that has changed since the last call.

        `now` is the time, in ns since 1970, up to which all packets have been taken in; attempts that have waited for
        10 s by then are silent. The `origin` of a `Knock` is a network of one address, or a /24 or /64 under which many
        origins are summed up; see `origins`.
        """
        for family in (4, 6):
            self._give_up(now, family)
        return self._origins.take()

    def _give_up(self, now: int, family: int) -> Slots:
        """End the attempts of one family that have waited long enough at `now`; return those of all others."""
        slots = self._waiting.live(now)
        is_late = (self._waiting["since"][slots] < now - WINDOW) & (self._waiting["version"][slots] == family)
        self._end_silent(slots[is_late])
        others: Slots = slots[~is_late]
        return others

    def _remembers(self, keys: Keys, times: Times) -> Mask:
        """Return whether there is an attempt of each flow, waiting or ended."""
        return (self._waiting.find(keys, times) >= 0) | (self._ended.find(keys, times) >= 0)

    def _try(self, tries: Tries, ends: _Ends) -> None:
        """Take in bare SYNs to our ends, one of each flow at a time, each with what ends the attempt."""
        keys = tries.flow_keys(TCP)
        turns = np.zeros(len(tries), np.int64)
        if len(np.unique(keys)) < len(keys):
            order = np.lexsort((tries.time, keys))
            turns[order] = ranks(keys[order])
        for turn in range(min(MOST_TURNS, int(turns.max(initial=-1)) + 1)):
            chosen = np.flatnonzero(turns == turn)
            if self._begin(tries[chosen], keys[chosen]):
                self._resolve(ends)

    def _begin(self, tries: Tries, keys: Keys) -> bool:
        """Begin an attempt for each SYN, of different flows, that does not belong to an earlier one; say if any did."""
        slots = self._waiting.find(keys, tries.time)
        is_late = (slots >= 0) & (tries.time > self._waiting["since"][slots] + WINDOW)
        self._end_silent(slots[is_late])
        is_new = ((slots < 0) | is_late) & ~self._repeats(tries, keys)
        if not is_new.any():
            return False
        tries = tries.keep(is_new)
        slots, _ = self._waiting.admit(keys[is_new], tries.time)
        has_place = slots >= 0
        self._overlooked += int(np.count_nonzero(~has_place))
        self._describe(slots[has_place], tries.keep(has_place))
        return True

    def _repeats(self, tries: Tries, keys: Keys) -> Mask:
        """Return which SYNs belong to attempts that have ended."""
        slots = self._ended.find(keys, tries.time)
        is_same = (self._ended["number"][slots] == tries.number) | (tries.time <= self._ended["end"][slots])
        repeats: Mask = (slots >= 0) & is_same
        self._ended.enter(keys[repeats], tries.time[repeats])
        return repeats

    def _resolve(self, ends: _Ends) -> None:
        """End the attempts that something follows within 10 s; the first thing decides."""
        slots = self._waiting.find(ends.keys, ends.first)
        since = self._waiting["since"][slots]
        follows = (ends.first <= since + WINDOW) & (ends.last >= since)
        rows = np.flatnonzero((slots >= 0) & follows)
        if not len(rows):
            return
        slots, refuses, when = slots[rows], ends.refuses[rows], np.maximum(ends.first, since)[rows]
        order = np.lexsort((refuses, when, slots))
        order = order[ranks(slots[order]) == 0]
        slots, refuses, when = slots[order], refuses[order], when[order]
        refused = self._attempts(slots[refuses])
        self._end(slots, when)
        self._origins.add(replace(refused, refused=np.ones(len(refused), np.int64)))

    def _refuse(self, tries: Tries, protocol: int) -> None:
        """Count flows that are refused without a SYN that was seen, each once while it is remembered."""
        keys = tries.flow_keys(protocol)
        new = np.flatnonzero(~self._remembers(keys, tries.time))
        _, first = np.unique(keys[new], return_index=True)
        new = new[first]
        slots, _ = self._ended.enter(keys[new], tries.time[new])
        self._ended["number"][slots], self._ended["end"][slots] = 0, tries.time[new]
        self._origins.add(tries[new].attempts(protocol))

    def _describe(self, slots: Slots, tries: Tries) -> None:
        """Write down what is known of the attempt of each slot."""
        waiting = self._waiting
        for name, addresses in (("origin", tries.origin), ("target", tries.target)):
            columns = Addresses.from_column(tries.family, addresses)
            waiting[f"{name}_high"][slots] = columns.high
            waiting[f"{name}_low"][slots] = columns.low
        waiting["version"][slots] = tries.family
        waiting["port"][slots] = tries.port
        waiting["ports"][slots] = tries.origin_port + tries.port
        waiting["number"][slots] = tries.number
        waiting["since"][slots] = tries.time

    def _end_silent(self, slots: Slots) -> None:
        """End the attempts of `slots`, all different, as nothing has followed them."""
        if len(slots):
            silent = self._attempts(slots)
            self._end(slots, silent.first + WINDOW)
            self._origins.add(replace(silent, silent=np.ones(len(silent), np.int64)))

    def _end(self, slots: Slots, times: Times) -> None:
        """End the attempts of `slots`, all different, at these times."""
        ended, _ = self._ended.enter(self._waiting.keys_of(slots), times)
        self._ended["number"][ended], self._ended["end"][ended] = self._waiting["number"][slots], times
        self._waiting.forget(slots)

    def _attempts(self, slots: Slots) -> Attempts:
        """Return what is known of the attempts of `slots`, not yet counted."""
        waiting = self._waiting
        version, since = waiting["version"][slots], waiting["since"][slots]
        return Attempts(
            origin=Addresses(version, waiting["origin_high"][slots], waiting["origin_low"][slots]),
            target=Addresses(version, waiting["target_high"][slots], waiting["target_low"][slots]),
            port=waiting["port"][slots],
            protocol=np.full(len(slots), TCP, np.uint8),
            refused=np.zeros(len(slots), np.int64),
            silent=np.zeros(len(slots), np.int64),
            first=since,
            last=since,
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


def _end_keys(family: Family, addresses: NDArray[Any], ports: Keys) -> Keys:
    """Return a number for each end, different for different ends of one family; `ports` has the protocol as well."""
    if family == 4:
        return addresses.astype(np.uint64) << np.uint64(32) | ports
    columns = Addresses.from_column(family, addresses)
    return hashed([columns.high, columns.low, ports])
