"""All lookup tables, concatenated, so that one lookup serves rows of many pairs of networks.

Networks that are named by the same rules are interchangeable: they share a role, one as sources and one as
destinations. Each pair of roles has a slot; its table is compiled when the first packet needs it.

A worked example, three networks and the rules (1, 2, ...), (3, 2, ...):

    network   role as source      role as destination
    1         1 (rule 0)          1 (no rule)
    2         2 (no rule)         2 (rules 0 and 1)
    3         3 (rule 1)          1 (no rule)
    none      0                   0

4 source roles x 3 destination roles make 12 slots. A packet from network 3 to 2 uses slot 3 * 3 + 2 = 11. With 100
further networks that no rule names, there are still 12: all of them share the roles of "no rule".
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.rules.actions import Observed
from shodohflo.rules.networks import NOWHERE
from shodohflo.rules.table import ASK, LookupTable, PortClasses, ReachableRules, compared
from shodohflo.rules.verdicts import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from shodohflo.rules.mapping import FlowMapping

MOST_ELEMENTS: Final = 1 << 23
"""The limit of all tables together (32 MiB); pairs whose table would exceed it ask the readable rules."""

MOST_SLOTS: Final = 1 << 22
"""The limit of slots (32 MiB), about 2,000 roles on each side; beyond it, no table of rules is compiled."""

_EMPTY: Final = -1
"""Marks a slot whose table has not been compiled yet."""

_NO_NETWORK, _ASK_ALWAYS = 0, 1
"""The numbers of the two tables that always exist."""


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What the tables say about the rows of a batch."""

    cells: NDArray[np.uint32]
    """The encoded `Case` of each."""
    first_observed: NDArray[np.uint16] | None
    """The number + 1 of the first `Observed` rule between its networks, 0 if there is none; None if there never is.

    It is 0 as well where the readable rules must be asked whatever the ports are.
    """


class Tables:
    """The tables compiled so far, and which pair of networks uses which."""

    def __init__(self, mapping: FlowMapping, classes: PortClasses, networks: int) -> None:
        """Start without tables; `mapping` is numbered, `networks` counts the networks."""
        self._mapping = mapping
        self._classes = classes
        self._src_roles = _roles((src for src, _ in mapping.pairs), networks)
        self._dst_roles = _roles((dst for _, dst in mapping.pairs), networks)
        self._is_too_wide = self._count_slots() > MOST_SLOTS
        if self._is_too_wide:
            self._src_roles, self._dst_roles = np.minimum(self._src_roles, 1), np.minimum(self._dst_roles, 1)
        # For each slot, the index of its table's first step. Role 0 stands for an address in no network; its slots
        # come first in each direction.
        self._first_step = np.full(self._count_slots(), _EMPTY, np.int64)
        self._src_slots = self._src_roles * (self._dst_roles.max() + 1)
        # For each slot, the number + 1 of its first `Observed` rule; nothing is kept if there is no such rule at all.
        self._has_observed = any(isinstance(rule.action, Observed) for rule in mapping.rules)
        self._first_observed = np.zeros(self._count_slots() if self._has_observed else 0, np.uint16)
        self._tables = [
            LookupTable.constant(len(classes), Decision.NO_NETWORK),
            LookupTable.constant(len(classes), ASK),
        ]
        self._table_of: dict[ReachableRules, int] = {}
        self._reachable: dict[tuple[int, int], ReachableRules] = {}
        self._join()

    def look_up(
        self,
        src_network: NDArray[np.uint16],
        dst_network: NDArray[np.uint16],
        src_port: NDArray[np.uint16],
        dst_port: NDArray[np.uint16],
    ) -> LookedUp:
        """Return what the tables say about each row, after compiling those that are missing."""
        slots = self._src_slots[src_network] + self._dst_roles[dst_network]
        first_step = self._first_steps(slots, src_network, dst_network)
        src_step = self._src_steps[first_step + self._classes.of_port[src_port]]
        dst_step = self._dst_steps[first_step + self._classes.of_port[dst_port]]
        comparison = compared(src_port, dst_port)
        return LookedUp(
            self._cells[src_step + dst_step + comparison],
            self._first_observed[slots] if self._has_observed else None,
        )

    def reachable(self, src_network: int, dst_network: int) -> ReachableRules:
        """Return the rules between two networks; cached."""
        pair = src_network, dst_network
        if pair not in self._reachable:
            self._reachable[pair] = ReachableRules.find(self._mapping, *pair)
        return self._reachable[pair]

    def _count_slots(self) -> int:
        return int(self._src_roles.max() + 1) * int(self._dst_roles.max() + 1)

    def _first_steps(
        self, slots: NDArray[np.int64], src_network: NDArray[np.uint16], dst_network: NDArray[np.uint16]
    ) -> NDArray[np.int64]:
        first_step: NDArray[np.int64] = self._first_step[slots]
        missing = np.flatnonzero(first_step == _EMPTY)
        if len(missing):
            found, at = np.unique(slots[missing], return_index=True)
            for slot, row in zip(found.tolist(), missing[at].tolist(), strict=True):
                table = self._choose(int(src_network[row]), int(dst_network[row]))
                self._first_step[slot] = table * len(self._classes)
                if self._has_observed and table > _ASK_ALWAYS:
                    observed = self.reachable(int(src_network[row]), int(dst_network[row])).observed
                    self._first_observed[slot] = 0 if observed is None else observed + 1
            if len(self._tables) != self._joined:
                self._join()
            first_step = self._first_step[slots]
        return first_step

    def _choose(self, src_network: int, dst_network: int) -> int:
        """Return the number of the table for two networks; pairs with the same rules share one."""
        if NOWHERE in (src_network, dst_network):
            return _NO_NETWORK
        if self._is_too_wide:
            return _ASK_ALWAYS
        rules = self.reachable(src_network, dst_network)
        if rules not in self._table_of:
            self._table_of[rules] = self._add(LookupTable.compile(self._mapping, rules, self._classes))
        return self._table_of[rules]

    def _add(self, table: LookupTable | None) -> int:
        """Keep `table` if there is one and it fits, and return its number; otherwise `_ASK_ALWAYS`."""
        if table is None or table.size + sum(known.size for known in self._tables) > MOST_ELEMENTS:
            return _ASK_ALWAYS
        self._tables.append(table)
        return len(self._tables) - 1

    def _join(self) -> None:
        """Concatenate the tables; rare, because tables are shared and soon all compiled."""
        offsets = np.cumsum([0, *(len(table.cells) for table in self._tables)])
        shifted = [table.src_steps + offset for table, offset in zip(self._tables, offsets, strict=False)]
        self._src_steps = np.concatenate(shifted, dtype=np.int64)
        self._dst_steps = np.concatenate([table.dst_steps for table in self._tables])
        self._cells = np.concatenate([table.cells for table in self._tables])
        self._joined = len(self._tables)


def _roles(named: Iterable[int], networks: int) -> NDArray[np.int64]:
    """Return the role of each network by id; `named` has the network of each rule, 0 for any."""
    rules: defaultdict[int, list[int]] = defaultdict(list)
    for number, network in enumerate(named):
        rules[network].append(number)
    roles: dict[tuple[int, ...], int] = {}
    of_network = [roles.setdefault(tuple(rules.get(n, ())), len(roles) + 1) for n in range(1, networks + 1)]
    return np.array([NOWHERE, *of_network], np.int64)
