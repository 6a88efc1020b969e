"""Compiled rules: a batch of packets judged by table look-ups, from tables made by asking the readable rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.addresses import Addresses
from shodohflo.rules.actions import is_built_in
from shodohflo.rules.mapping import FlowMapping, Packet, Verdict
from shodohflo.rules.networks import NOWHERE, NetworkEnumeration, NetworkTable
from shodohflo.rules.table import ASK, Cell, PortClasses, Reach, Table, combinations, port_set
from shodohflo.rules.verdicts import Answer, Decision, Verdicts

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from shodohflo.batch import Batch

MOST_ELEMENTS: Final = 1 << 23
"""Bounds the memory of all tables together; rules whose table does not fit any more are asked."""

_LAST_PAIR: Final = 0xFFFF_FFFF
"""Greater than any pair that occurs, so that every search ends on an element."""

_ALWAYS_NO_NETWORK, _ALWAYS_ASK = 0, 1
"""The tables that are there from the start."""


class CompiledRules:
    """`enumeration` and `mapping` as they are now, ready for batches.

    Tables are made when a pair of networks is first seen. Only our own actions are tabled; where an operator's own
    is reached, or a table would be too large, the readable rules are asked, once for each distinct (addresses,
    ports) of a batch.
    """

    asked: int
    """How often the readable rules were asked about a packet."""

    def __init__(self, enumeration: NetworkEnumeration, mapping: FlowMapping) -> None:
        """Compile; a rule that names an unknown network is a ValueError that says which."""
        self.mapping = mapping.number_networks(enumeration)
        self.networks = NetworkTable.compile(enumeration)
        actions = [rule.action for rule in mapping.rules]
        self._classes = PortClasses.compile(port_set(action) for action in actions if is_built_in(action))
        self._tables = _Tables(len(self._classes))
        self._table_of: dict[Reach, int] = {}
        self._reach: dict[int, Reach] = {}
        self.asked = 0

    @property
    def failures(self) -> Counter[int]:
        """How often the action of each rule raised an exception or gave a malformed answer."""
        return self.mapping.failures

    @property
    def last_failure(self) -> dict[int, str]:
        """What went wrong the last time, by rule."""
        return self.mapping.last_failure

    def cells(self, src_network: int, dst_network: int) -> Iterator[Cell]:
        """Go through all that packets from one network to another can be, with what the rules say of each."""
        return combinations(self.mapping, Reach.find(self.mapping, src_network, dst_network), self._classes)

    def judge(self, batch: Batch) -> Verdicts:
        """Return the verdict on each row of `batch`."""
        src_network, dst_network = self.networks.find(batch.src_addr), self.networks.find(batch.dst_addr)
        pairs = (src_network.astype(np.uint32) << np.uint32(16)) | dst_network
        cells = self._cells(pairs, batch.src_port, batch.dst_port)
        decision = cells.astype(np.uint8)  # the low 8 of the 32 bits
        port = np.where(cells & 0x100, batch.dst_port, batch.src_port)
        rule = (cells >> 16).astype(np.uint16)
        rows = np.flatnonzero(decision == ASK)
        answers: tuple[Answer, ...] = ()
        if len(rows):
            firsts, group = _distinct(batch, rows)
            asked = self._ask(batch, pairs, firsts)
            decision[rows] = np.array([verdict.decision for verdict in asked], np.uint8)[group]
            port[rows] = np.array([verdict.port for verdict in asked], np.uint16)[group]
            rule[rows] = np.array([verdict.rule or 0 for verdict in asked], np.uint16)[group]
            answers = _answers([asked[number] for number in group.tolist()])
        return Verdicts(decision, port, rule, src_network, dst_network, answers)

    def _cells(
        self, pairs: NDArray[np.uint32], src_ports: NDArray[np.uint16], dst_ports: NDArray[np.uint16]
    ) -> NDArray[np.uint32]:
        """Look up what the tables say of each row, after making those that are missing."""
        slots, unknown = self._tables.find(pairs)
        if len(unknown):
            self._tables.assign({pair: self._table(*divmod(pair, 1 << 16)) for pair in np.unique(unknown).tolist()})
            slots, _ = self._tables.find(pairs)
        src_classes, dst_classes = self._classes.of_port[src_ports], self._classes.of_port[dst_ports]
        comparison = (src_ports >= dst_ports).view(np.uint8) + (src_ports > dst_ports)
        return self._tables.look_up(slots, src_classes, dst_classes, comparison)

    def _table(self, src_network: int, dst_network: int) -> int:
        """Return the number of the table for two networks; pairs that the same rules reach share one."""
        if NOWHERE in (src_network, dst_network):
            return _ALWAYS_NO_NETWORK
        reach = Reach.find(self.mapping, src_network, dst_network)
        self._reach[src_network << 16 | dst_network] = reach
        if reach not in self._table_of:
            self._table_of[reach] = self._tables.add(Table.compile(self.mapping, reach, self._classes))
        return self._table_of[reach]

    def _ask(self, batch: Batch, pairs: NDArray[np.uint32], rows: NDArray[np.intp]) -> list[Verdict]:
        """Ask the readable rules about some rows, one by one."""
        self.asked += len(rows)
        packets = zip(
            Addresses.from_column(batch.family, batch.src_addr[rows]).objects(),
            batch.src_port[rows].tolist(),
            Addresses.from_column(batch.family, batch.dst_addr[rows]).objects(),
            batch.dst_port[rows].tolist(),
            strict=True,
        )
        reaches = [self._reach[pair] for pair in pairs[rows].tolist()]
        return [
            self.mapping.first_opinion(reach.rules, Packet(*packet))
            for reach, packet in zip(reaches, packets, strict=True)
        ]


class _Tables:
    """All tables end to end, so that rows of many pairs are looked up at once."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._tables = [Table.constant(classes, Decision.NO_NETWORK), Table.constant(classes, ASK)]
        self._table_of_pair: dict[int, int] = {}
        self._join_tables()
        self.assign({})

    def find(self, pairs: NDArray[np.uint32]) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
        """Return the place of each pair, and those pairs that have none yet."""
        slots = np.searchsorted(self._pairs, pairs)
        return slots, pairs[self._pairs[slots] != pairs]

    def add(self, table: Table | None) -> int:
        """Keep `table`, if there is one and it fits, and return its number; else that of the table that asks."""
        if table is None or table.size + sum(known.size for known in self._tables) > MOST_ELEMENTS:
            return _ALWAYS_ASK
        self._tables.append(table)
        return len(self._tables) - 1

    def assign(self, table_of_pair: dict[int, int]) -> None:
        """Say by number which table is for which pair."""
        self._table_of_pair.update(table_of_pair)
        pairs = sorted(self._table_of_pair)
        self._pairs = np.array([*pairs, _LAST_PAIR], np.uint32)
        self._first_step = np.array([self._table_of_pair[pair] * self._classes for pair in pairs], np.int64)
        if len(self._tables) != self._joined:
            self._join_tables()

    def look_up(
        self,
        slots: NDArray[np.intp],
        src_classes: NDArray[np.uint16],
        dst_classes: NDArray[np.uint16],
        comparison: NDArray[np.uint8],
    ) -> NDArray[np.uint32]:
        """Return the cell of each row, given by the place of its pair, its classes of ports, and how they compare."""
        first_step = self._first_step[slots]
        src_step = self._src_steps[first_step + src_classes]
        cells: NDArray[np.uint32] = self._cells[src_step + self._dst_steps[first_step + dst_classes] + comparison]
        return cells

    def _join_tables(self) -> None:
        """Make the arrays anew; rare, because tables are shared and soon all known."""
        offsets = np.cumsum([0, *(len(table.cells) for table in self._tables)])
        shifted = [table.src_steps + offset for table, offset in zip(self._tables, offsets, strict=False)]
        self._src_steps = np.concatenate(shifted, dtype=np.int64)
        self._dst_steps = np.concatenate([table.dst_steps for table in self._tables])
        self._cells = np.concatenate([table.cells for table in self._tables])
        self._joined = len(self._tables)


def _distinct(batch: Batch, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first row of each distinct (addresses, ports), in order, and for each of `rows` which that is."""
    columns = [column[rows] for column in (batch.src_addr, batch.dst_addr, batch.src_port, batch.dst_port)]
    order = np.lexsort(columns)
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = np.logical_or.reduce([column[order[1:]] != column[order[:-1]] for column in columns])
    firsts = order[begins]  # the sort is stable: the first of its group is the earliest row
    rank = np.argsort(np.argsort(firsts))
    group = np.empty(len(rows), np.intp)
    group[order] = rank[np.cumsum(begins) - 1]
    return rows[np.sort(firsts)], group


def _answers(verdicts: list[Verdict]) -> tuple[Answer, ...]:
    """Take the ends from those verdicts that name ends which are not the packet's."""
    answered = (verdict for verdict in verdicts if verdict.decision == Decision.ANSWERED)
    return tuple(Answer(v.client, v.service) for v in answered if v.client is not None and v.service is not None)
