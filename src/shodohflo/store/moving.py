"""Moving: corrections as negative counts of the wrong keys and positive ones of the right keys.

12 TCP packets were counted as those of the client 10.0.0.9, which then turned out to be the service, on port 54321:

    10.0.0.9;10.0.0.5;40000;flow   -12        10.0.0.5;10.0.0.9;54321;flow   +12
    client;10.0.0.9                -12        client;10.0.0.5                +12
    detail;10.0.0.9;10.0.0.5;40000 -12        detail;10.0.0.5;10.0.0.9;54321 +12

The keys of pairs stay, since they are the same in both directions. Of a flow with an end in `IGNORE_FLOW`, which has no
key of its own, only the client is corrected. No more is moved than the wrong key has counted in this life.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shodohflo.columns.labels import key_bytes
from shodohflo.keys.key_columns import ClientKeys, FlowKeys
from shodohflo.model import TCP, Kind
from shodohflo.store.book import UNKNOWN_SLOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.corrections import Corrections
    from shodohflo.store.book import Book
    from shodohflo.store.books import Books

_TCP, _UDP = 1, 3
"""The counters of packets in a slot of a flow; that of bytes follows each."""


@dataclass(slots=True)
class Moved:
    """What corrections did."""

    packets: int = 0
    vanished: int = 0
    """Corrections that moved nothing."""


def move(books: Books, corrections: Corrections, rules: NDArray[np.int32], now: int, wall: int) -> Moved:
    """Apply `corrections` one after the other; `rules` has the number of each one's rule, as the outbox knows it.

    `now` is in ns of the outbox's clock, `wall` in ns since 1970.
    """
    mover = _Mover(books, corrections, now, wall)
    done = Moved()
    for row, (is_flow, rule) in enumerate(zip((corrections.kind == Kind.FLOW).tolist(), rules.tolist(), strict=True)):
        packets = mover.move_flow(row, rule) if is_flow else mover.move_client(row, int(corrections.packets[row]))
        done.packets += packets
        done.vanished += not packets
    return done


class _Mover:
    """Corrections with the names of their keys."""

    def __init__(self, books: Books, corrections: Corrections, now: int, wall: int) -> None:
        self._books = books
        self._rows = corrections
        self._now = now
        self._wall = wall
        client, service = corrections.client, corrections.service
        self._wrong = key_bytes(FlowKeys(service, client, corrections.wrong_port))
        self._right = key_bytes(FlowKeys(client, service, corrections.port))
        self._wrong_clients = key_bytes(ClientKeys(service))
        self._right_clients = key_bytes(ClientKeys(client))

    def move_flow(self, row: int, rule: int) -> int:
        """Move a flow and its packets from client to client; return the packets."""
        flows = self._books.flows
        wrong = self._living(flows, self._wrong[row])
        place = _TCP if self._rows.protocol[row] == TCP else _UDP
        wanted = int(self._rows.packets[row])
        packets = 0 if wrong == UNKNOWN_SLOT else max(min(wanted, int(flows.total[wrong, place])), 0)
        if not packets:
            return 0
        octets = int(self._rows.octets[row])
        if packets < wanted:
            octets = octets * packets // wanted
        counts = np.zeros(5, np.int64)
        counts[[0, place, place + 1]] = packets, packets, min(octets, int(flows.total[wrong, place + 1]))
        self._books.add(flows, wrong, -counts)
        right = self._enter(flows, self._right[row], counts, int(flows.deadline[wrong]))
        if right != UNKNOWN_SLOT:
            self._note(right, row, rule, is_fresh=flows.total[right, 0] == packets)
        self.move_client(row, packets)
        return packets

    def move_client(self, row: int, wanted: int) -> int:
        """Move packets from client to client, and return how many."""
        clients = self._books.clients
        wrong = self._living(clients, self._wrong_clients[row])
        packets = 0 if wrong == UNKNOWN_SLOT else max(min(wanted, int(clients.total[wrong, 0])), 0)
        if packets:
            counts = np.array([packets], np.int64)
            self._books.add(clients, wrong, -counts)
            self._enter(clients, self._right_clients[row], counts, int(clients.deadline[wrong]))
        return packets

    def _living(self, book: Book, name: bytes) -> int:
        slot = int(book.find([name])[0])
        return slot if slot != UNKNOWN_SLOT and book.deadline[slot] > self._now else UNKNOWN_SLOT

    def _enter(self, book: Book, name: bytes, counts: NDArray[np.int64], deadline: int) -> int:
        """Add `counts` to a key, which lives until `deadline` at least; return its slot."""
        slot = int(self._books.admit(book, [name], self._now)[0])
        if slot == UNKNOWN_SLOT:
            self._books.refuse(book, counts)
        else:
            book.deadline[slot] = max(int(book.deadline[slot]), deadline)
            self._books.add(book, slot, counts)
        return slot

    def _note(self, slot: int, row: int, rule: int, *, is_fresh: bool) -> None:
        """Note in the flow of `slot` what its `detail` hash says about the packets that were moved there."""
        flows, rows = self._books.flows, self._rows
        flows.corrected[slot] = self._wall
        flows.first[slot] = rows.first[row] if is_fresh else min(flows.first[slot], rows.first[row])
        if is_fresh or rows.last[row] >= flows.last[slot]:
            flows.last[slot], flows.rule[slot], flows.rung[slot] = rows.last[row], rule, rows.rung[row]
