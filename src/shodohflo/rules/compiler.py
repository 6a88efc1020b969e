"""Compiled rules: the verdicts on a batch by table lookup, from tables made by asking the readable rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shodohflo.columns.addresses import Addresses
from shodohflo.rules.actions import is_built_in
from shodohflo.rules.mapping import Ends, FlowMapping, Verdict
from shodohflo.rules.networks import NetworkEnumeration, NetworkTable
from shodohflo.rules.opinions import Opinions
from shodohflo.rules.table import ASK, Case, PortClasses, ReachableRules, combinations, port_set
from shodohflo.rules.tables import Tables
from shodohflo.rules.verdicts import Answer, Decision, Verdicts

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from shodohflo.columns.batch import Batch


class CompiledRules:
    """A snapshot of `enumeration` and `mapping` that judges batches.

    Tables are compiled when a pair of networks is first seen. Only built-in actions are tabulated. Where a custom
    action is reached, or a table would be too large, the readable rules are asked once for each distinct
    (addresses, ports) of a batch.
    """

    asked: int
    """How often the readable rules were asked: once for each distinct (addresses, ports) of a batch."""

    def __init__(self, enumeration: NetworkEnumeration, mapping: FlowMapping) -> None:
        """Compile `mapping`, which is numbered in place.

        Raise ValueError with the place of a rule that names an unknown network.
        """
        self.mapping = mapping.number_networks(enumeration)
        self.networks = NetworkTable.compile(enumeration)
        actions = [rule.action for rule in mapping.rules]
        self._classes = PortClasses.compile(port_set(action) for action in actions if is_built_in(action))
        self._tables = Tables(mapping, self._classes, networks=len(enumeration.network_id) - 1)
        self._rungs = np.array(mapping.rungs, np.uint8)
        self.opinions = Opinions(mapping, self._classes)
        """The rules about ports, to be asked by themselves."""
        self.asked = 0

    @property
    def failures(self) -> Counter[int]:
        """How often the action of each rule raised an exception or gave a malformed answer."""
        return self.mapping.failures

    @property
    def last_failure(self) -> dict[int, str]:
        """The most recent failure of each rule, as one line."""
        return self.mapping.last_failure

    def cases(self, src_network: int, dst_network: int) -> Iterator[Case]:
        """Yield every combination of port classes between two networks, given by ids, with the verdict of the rules."""
        return combinations(self.mapping, ReachableRules.find(self.mapping, src_network, dst_network), self._classes)

    def judge(self, batch: Batch, among: NDArray[np.bool_] | None = None) -> Verdicts:
        """Return the verdict on each row of `batch`; if `among` is given, only on the rows where it is true."""
        if among is None:
            return self._judge(batch, np.ones(len(batch), np.bool_))
        chosen = np.flatnonzero(among)
        if 2 * len(chosen) < len(batch):
            return _spread(self._judge(batch[chosen], among[chosen]), chosen, len(batch))
        # Looking up a few rows too many costs less than to copy the columns of all others.
        verdicts = self._judge(batch, among)
        others = np.flatnonzero(~among)
        for name in Verdicts.names:
            getattr(verdicts, name)[others] = 0
        return verdicts

    def _judge(self, batch: Batch, among: NDArray[np.bool_]) -> Verdicts:
        """Look up every row, and ask the readable rules about rows of `among` that the tables leave open."""
        src_network, dst_network = self.networks.find(batch.src_addr), self.networks.find(batch.dst_addr)
        # Rows from nowhere need no table: a port scan beside ordinary traffic must not make us compile any.
        src_network *= among
        found = self._tables.look_up(src_network, dst_network, batch.src_port, batch.dst_port)
        cells = found.cells
        decision = cells.astype(np.uint8)  # the low 8 of the 32 bits
        port = np.where(cells & 0x100, batch.dst_port, batch.src_port)
        rule = (cells >> 16).astype(np.uint16)
        observed = _observed(decision, rule, found.first_observed)
        rows = np.flatnonzero((decision == ASK) & among)
        answers: tuple[Answer, ...] = ()
        if len(rows):
            firsts, group = _distinct(batch, rows)
            asked = self._ask(batch, firsts, src_network, dst_network)
            decision[rows] = np.array([verdict.decision for verdict in asked], np.uint8)[group]
            port[rows] = np.array([verdict.port for verdict in asked], np.uint16)[group]
            rule[rows] = np.array([verdict.rule or 0 for verdict in asked], np.uint16)[group]
            observed[rows] = np.array([_next_number(verdict.observed) for verdict in asked], np.uint16)[group]
            answers = _answers([asked[number] for number in group.tolist()])
        rung = self._rungs[rule] if len(self._rungs) else np.zeros(len(rule), np.uint8)
        return Verdicts(answers, decision, port, rule, observed, rung, src_network, dst_network)

    def _ask(
        self,
        batch: Batch,
        rows: NDArray[np.intp],
        src_network: NDArray[np.uint16],
        dst_network: NDArray[np.uint16],
    ) -> list[Verdict]:
        """Return the verdicts of the readable rules on `rows`, one by one."""
        self.asked += len(rows)
        packets = zip(
            Addresses.from_column(batch.family, batch.src_addr[rows]).objects(),
            batch.src_port[rows].tolist(),
            Addresses.from_column(batch.family, batch.dst_addr[rows]).objects(),
            batch.dst_port[rows].tolist(),
            strict=True,
        )
        pairs = zip(src_network[rows].tolist(), dst_network[rows].tolist(), strict=True)
        return [
            self.mapping.first_opinion(self._tables.reachable(*pair).rules, Ends(*ends))
            for pair, ends in zip(pairs, packets, strict=True)
        ]


def _spread(verdicts: Verdicts, rows: NDArray[np.intp], total: int) -> Verdicts:
    """Return verdicts for `total` rows: those given at `rows`, zeros elsewhere."""
    spread = Verdicts.zeros(total, verdicts.answers)
    for name in Verdicts.names:
        getattr(spread, name)[rows] = getattr(verdicts, name)
    return spread


def _observed(
    decision: NDArray[np.uint8], rule: NDArray[np.uint16], first_observed: NDArray[np.uint16] | None
) -> NDArray[np.uint16]:
    """Return the column `Verdicts.observed` of rows that the tables decide."""
    if first_observed is None:
        return np.zeros_like(rule)
    # Rules are tried in the order of their numbers: the first `Observed` rule between two networks was reached unless
    # one with a lower number has decided.
    was_reached = (rule + np.uint16(1) >= first_observed) | (decision == Decision.NO_RULE)
    observed: NDArray[np.uint16] = first_observed * was_reached
    return observed


def _next_number(rule: int | None) -> int:
    """Return the number after that of a rule, as columns have it, or 0 for none."""
    return 0 if rule is None else rule + 1


def _distinct(batch: Batch, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first row of each distinct (addresses, ports) in order, and the group number of each of `rows`."""
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
    """Return the ends that custom actions named where these are not the ends of the packet."""
    answered = (verdict for verdict in verdicts if verdict.decision == Decision.ANSWERED)
    return tuple(Answer(v.client, v.service) for v in answered if v.client is not None and v.service is not None)
