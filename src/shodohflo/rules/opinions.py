"""Opinions: what each rule about ports says by itself, whether or not it is the one that decides.

Grading asks every such rule about the same flow, also one that stands behind others. Each has a lookup table of its own
(`table.LookupTable`), made when it is first asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.model import Rung
from shodohflo.rules.actions import is_built_in
from shodohflo.rules.table import LookupTable, ReachableRules, compared
from shodohflo.rules.verdicts import Decision

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.columns.batch import Batch
    from shodohflo.rules.mapping import FlowMapping
    from shodohflo.rules.table import PortClasses

MOST_GRADED: Final = 100
"""Rules that are asked by themselves: the first ones."""


class Opinions:
    """The rules about ports of a mapping, to be asked one by one."""

    def __init__(self, mapping: FlowMapping, classes: PortClasses) -> None:
        """Ask the rules of `mapping`, which is numbered; `classes` are those of its ports."""
        self._mapping = mapping
        self._classes = classes
        self._tables: dict[int, LookupTable | None] = {}
        about_ports = (
            number
            for number, (rule, rung) in enumerate(zip(mapping.rules, mapping.rungs, strict=True))
            if rung == Rung.GUESSED and is_built_in(rule.action)
        )
        self.rules = tuple(about_ports)[:MOST_GRADED]
        """The numbers of the rules that go by ports."""

    def ask(
        self, rule: int, rows: Batch, src_network: NDArray[np.uint16], dst_network: NDArray[np.uint16]
    ) -> NDArray[np.uint8]:
        """Return the `Decision` of one of `rules` on each row, `NO_RULE` where it has no opinion or is not about it.

        The networks of both ends are given by their ids.
        """
        if rule not in self._tables:
            alone = ReachableRules((rule,), (rule,), None)
            self._tables[rule] = LookupTable.compile(self._mapping, alone, self._classes)
        table = self._tables[rule]
        decision = np.full(len(rows), Decision.NO_RULE, np.uint8)
        if table is None:
            return decision
        src, dst = self._mapping.pairs[rule]
        is_about = np.flatnonzero(((src == 0) | (src_network == src)) & ((dst == 0) | (dst_network == dst)))
        src_port, dst_port = rows.src_port[is_about], rows.dst_port[is_about]
        steps = table.src_steps[self._classes.of_port[src_port]] + table.dst_steps[self._classes.of_port[dst_port]]
        decision[is_about] = table.cells[steps + compared(src_port, dst_port)].astype(np.uint8)
        return decision
