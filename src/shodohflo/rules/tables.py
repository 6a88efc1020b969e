"""The shelf: all tables end to end, so that rows of many pairs of networks are looked up at once.

Networks that the same rules name are all one to the rules: they share a role, one as sources and one as
destinations. Each pair of roles has a place on the shelf, which gets its table when it is first looked at.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.rules.networks import NOWHERE
from shodohflo.rules.table import ASK, PortClasses, Reach, Table
from shodohflo.rules.verdicts import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from shodohflo.rules.mapping import FlowMapping

MOST_ELEMENTS: Final = 1 << 23
"""Bounds the memory of all tables together; rules whose table does not fit any more are asked."""

MOST_PLACES: Final = 1 << 22
"""The same for the places; with more than some 2,000 roles on each side, everything is asked."""

_EMPTY: Final = -1
"""Marks a place without a table."""

_NO_NETWORK, _ASK_ALWAYS = 0, 1
"""The tables that are there from the start."""


class Shelf:
    """The tables made so far, and which pair of networks has which."""

    def __init__(self, mapping: FlowMapping, classes: PortClasses, networks: int) -> None:
        """Start empty, for the rules of a numbered `mapping` between `networks` networks."""
        self._mapping = mapping
        self._classes = classes
        self._src_roles = _roles((src for src, _ in mapping.pairs), networks)
        self._dst_roles = _roles((dst for _, dst in mapping.pairs), networks)
        self._is_too_wide = self._count_places() > MOST_PLACES
        if self._is_too_wide:
            self._src_roles, self._dst_roles = np.minimum(self._src_roles, 1), np.minimum(self._dst_roles, 1)
        # Where a place's table begins among the steps. Role 0 is that of an address in no network, and its places
        # come first in each direction.
        self._first_step = np.full(self._count_places(), _EMPTY, np.int64)
        self._src_places = self._src_roles * (self._dst_roles.max() + 1)
        self._tables = [Table.constant(len(classes), Decision.NO_NETWORK), Table.constant(len(classes), ASK)]
        self._table_of: dict[Reach, int] = {}
        self._reach: dict[tuple[int, int], Reach] = {}
        self._join()

    def look_up(
        self,
        src_network: NDArray[np.uint16],
        dst_network: NDArray[np.uint16],
        src_port: NDArray[np.uint16],
        dst_port: NDArray[np.uint16],
    ) -> NDArray[np.uint32]:
        """Return the encoded `Cell` of each row, after making the tables that are missing."""
        first_step = self._first_steps(src_network, dst_network)
        src_step = self._src_steps[first_step + self._classes.of_port[src_port]]
        dst_step = self._dst_steps[first_step + self._classes.of_port[dst_port]]
        comparison = (src_port >= dst_port).view(np.uint8) + (src_port > dst_port)
        cells: NDArray[np.uint32] = self._cells[src_step + dst_step + comparison]
        return cells

    def reach(self, src_network: int, dst_network: int) -> Reach:
        """Return the rules between two networks; found once, then remembered."""
        pair = src_network, dst_network
        if pair not in self._reach:
            self._reach[pair] = Reach.find(self._mapping, *pair)
        return self._reach[pair]

    def _count_places(self) -> int:
        return int(self._src_roles.max() + 1) * int(self._dst_roles.max() + 1)

    def _first_steps(self, src_network: NDArray[np.uint16], dst_network: NDArray[np.uint16]) -> NDArray[np.int64]:
        places = self._src_places[src_network] + self._dst_roles[dst_network]
        first_step: NDArray[np.int64] = self._first_step[places]
        missing = np.flatnonzero(first_step == _EMPTY)
        if len(missing):
            found, at = np.unique(places[missing], return_index=True)
            for place, row in zip(found.tolist(), missing[at].tolist(), strict=True):
                table = self._choose(int(src_network[row]), int(dst_network[row]))
                self._first_step[place] = table * len(self._classes)
            if len(self._tables) != self._joined:
                self._join()
            first_step = self._first_step[places]
        return first_step

    def _choose(self, src_network: int, dst_network: int) -> int:
        """Return the number of the table for two networks; pairs that the same rules reach share one."""
        if NOWHERE in (src_network, dst_network):
            return _NO_NETWORK
        if self._is_too_wide:
            return _ASK_ALWAYS
        reach = self.reach(src_network, dst_network)
        if reach not in self._table_of:
            self._table_of[reach] = self._add(Table.compile(self._mapping, reach, self._classes))
        return self._table_of[reach]

    def _add(self, table: Table | None) -> int:
        """Keep `table`, if there is one and it fits, and return its number; else that of the table that asks."""
        if table is None or table.size + sum(known.size for known in self._tables) > MOST_ELEMENTS:
            return _ASK_ALWAYS
        self._tables.append(table)
        return len(self._tables) - 1

    def _join(self) -> None:
        """Put the tables end to end; rare, because they are shared and soon all known."""
        offsets = np.cumsum([0, *(len(table.cells) for table in self._tables)])
        shifted = [table.src_steps + offset for table, offset in zip(self._tables, offsets, strict=False)]
        self._src_steps = np.concatenate(shifted, dtype=np.int64)
        self._dst_steps = np.concatenate([table.dst_steps for table in self._tables])
        self._cells = np.concatenate([table.cells for table in self._tables])
        self._joined = len(self._tables)


def _roles(named: Iterable[int], networks: int) -> NDArray[np.int64]:
    """Return the role of each network, by id, given the network that each rule names, or 0 for any."""
    rules: defaultdict[int, list[int]] = defaultdict(list)
    for number, network in enumerate(named):
        rules[network].append(number)
    roles: dict[tuple[int, ...], int] = {}
    of_network = [roles.setdefault(tuple(rules.get(n, ())), len(roles) + 1) for n in range(1, networks + 1)]
    return np.array([NOWHERE, *of_network], np.int64)
