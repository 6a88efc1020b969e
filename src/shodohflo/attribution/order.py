"""The order of decisions: what becomes of decoded packets.

It is the contract's (docs/reference/outcomes.md): the agent's own traffic, unreachables, resets,
our own network, handshakes, rules, `IGNORE_FLOW`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.attribution.ledger import DROPPED, REFUSED, Outcome
from shodohflo.columns.addresses import Addresses
from shodohflo.columns.batch import FIN, RST, SYN, Batch, Messages, Quote
from shodohflo.columns.merging import merge_packets
from shodohflo.columns.observations import Observations
from shodohflo.model import ICMP, ICMPV6, Kind
from shodohflo.rules.verdicts import Decision, Verdicts
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from collections import Counter

    from numpy.typing import NDArray

    from shodohflo.attribution.policy import CompiledPolicy
    from shodohflo.rules.compiler import CompiledRules
    from shodohflo.wire.decode import Packets


class Step(IntEnum):
    """Where a TCP or UDP packet leaves the order of decisions; the first that applies counts."""

    OWN_TRAFFIC = 0
    RESET = 1
    RESET_ELSEWHERE = 2
    OWN_NETWORK = 3
    HANDSHAKE = 4
    RULES = 5


_STEP_OUTCOMES = {
    Step.OWN_TRAFFIC: Outcome.OWN_TRAFFIC,
    Step.RESET: Outcome.RESET,
    Step.RESET_ELSEWHERE: Outcome.RESET_ELSEWHERE,
    Step.OWN_NETWORK: Outcome.OWN_NETWORK,
    Step.HANDSHAKE: Outcome.HANDSHAKE,
}

_QUOTE_REFUSALS = {
    Quote.CUT: Refusal.QUOTE_CUT,
    Quote.FRAGMENT: Refusal.QUOTE_FRAGMENT,
    Quote.MALFORMED: Refusal.QUOTE_MALFORMED,
}


class Attribution:
    """Gives every packet its outcome, and keeps what was recorded of them."""

    def __init__(
        self,
        rules: CompiledRules,
        policy: CompiledPolicy,
        outcomes: Counter[str],
        unmatched: Counter[tuple[int, int]],
    ) -> None:
        """Decide by `rules` and `policy`; count `outcomes`, and `unmatched` packets by their pair of networks."""
        self.seen: list[Observations] = []
        self._rules = rules
        self._policy = policy
        self._outcomes = outcomes
        self._unmatched = unmatched

    def decide(self, packets: Packets) -> None:
        """Give each of `packets` its outcome."""
        for reason, count in packets.refused.items():
            self._count(REFUSED.format(reason), count)
        for batch in packets.batches:
            self._decide_packets(merge_packets(batch))
        for messages in packets.messages:
            self._decide_messages(messages)

    def _decide_packets(self, batch: Batch) -> None:
        """Take the packets through the order of decisions, as far as the rules."""
        step = self._steps(batch)
        totals = np.bincount(step, weights=batch.packets, minlength=len(Step))
        for left, outcome in _STEP_OUTCOMES.items():
            self._count(outcome, totals[left])
        self._see(_resets(batch.keep(step == Step.RESET)))
        rest = batch.keep(step == Step.RULES)
        if len(rest):
            self._judge(rest)

    def _steps(self, batch: Batch) -> NDArray[np.int64]:
        """Return the `Step` at which each row leaves."""
        to_us = self._policy.is_ours(batch.dst_addr)
        reset = batch.tcp_flags & RST != 0
        conditions = {
            Step.OWN_TRAFFIC: self._policy.is_own_traffic(batch),
            Step.RESET: reset & to_us,
            Step.RESET_ELSEWHERE: reset,
            Step.OWN_NETWORK: self._is_own_network(batch, to_us),
            Step.HANDSHAKE: batch.tcp_flags & (SYN | FIN) != 0,
        }
        step = np.full(len(batch), Step.RULES, np.int64)
        for leaving, condition in reversed(conditions.items()):
            step[condition] = leaving
        return step

    def _is_own_network(self, batch: Batch, to_us: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if not self._policy.suppress_own_network:
            return np.zeros(len(batch), np.bool_)
        return to_us & self._policy.is_ours(batch.src_addr)

    def _judge(self, batch: Batch) -> None:
        """Ask the rules, and keep what they attributed."""
        verdicts = self._rules.judge(batch)
        self._count_unattributed(batch, verdicts)
        attributed = verdicts.decision >= Decision.SRC_IS_CLIENT
        flows = _flows(batch, verdicts).keep(attributed)
        ignored = self._policy.is_ignored(batch)[attributed]
        flows.kind[ignored] = Kind.FLOW_IGNORED
        self._count(Outcome.FLOW_IGNORED, flows.packets[ignored].sum())
        self._count(Outcome.FLOW, flows.packets[~ignored].sum())
        self._see(flows)

    def _count_unattributed(self, batch: Batch, verdicts: Verdicts) -> None:
        for decision, outcome in ((Decision.NO_NETWORK, Outcome.NO_NETWORK), (Decision.NO_RULE, Outcome.NO_RULE)):
            unmatched = verdicts.decision == decision
            self._count(outcome, batch.packets[unmatched].sum())
            self._count_pairs(verdicts, unmatched, batch.packets)
        dropped = verdicts.decision == Decision.DROPPED
        by_rule = np.bincount(verdicts.rule[dropped], weights=batch.packets[dropped])
        for rule in np.flatnonzero(by_rule).tolist():
            self._count(DROPPED.format(rule), by_rule[rule])

    def _count_pairs(self, verdicts: Verdicts, rows: NDArray[np.bool_], packets: NDArray[np.int64]) -> None:
        if not rows.any():
            return
        pairs = verdicts.src_network[rows].astype(np.uint32) << 16 | verdicts.dst_network[rows]
        distinct, group = np.unique(pairs, return_inverse=True)
        totals = np.bincount(group, weights=packets[rows])
        for pair, total in zip(distinct.tolist(), totals.tolist(), strict=True):
            self._unmatched[divmod(pair, 1 << 16)] += int(total)

    def _decide_messages(self, messages: Messages) -> None:
        """Take ICMP through the order of decisions: unreachables first, then our own network."""
        from_us, to_us = self._policy.is_ours(messages.src_addr), self._policy.is_ours(messages.dst_addr)
        unreachable = to_us & (messages.quote == Quote.PORTS)
        self._count(Outcome.UNREACHABLE, unreachable.sum())
        self._see(_unreachables(messages, unreachable))
        other = ~unreachable
        for quote, reason in _QUOTE_REFUSALS.items():
            refused = to_us & (messages.quote == quote)
            self._count(REFUSED.format(reason), refused.sum())
            other &= ~refused
        own = other & from_us & to_us & self._policy.suppress_own_network
        self._count(Outcome.OWN_NETWORK, own.sum())
        self._count(Outcome.ICMP_OTHER, (other & ~own).sum())

    def _see(self, observations: Observations) -> None:
        if len(observations):
            self.seen.append(observations)

    def _count(self, outcome: str, packets: Any) -> None:  # noqa: ANN401 - an integer of Python's or of NumPy's
        if packets:
            self._outcomes[outcome] += int(packets)


def _resets(batch: Batch) -> Observations:
    """Record each reset under the end that received it."""
    rows = len(batch)
    return Observations(
        kind=np.full(rows, Kind.RESET, np.uint8),
        client=Addresses.from_column(batch.family, batch.dst_addr),
        remote=Addresses.from_column(batch.family, batch.src_addr),
        client_port=batch.dst_port,
        port=batch.src_port,
        protocol=batch.protocol,
        code=np.zeros(rows, np.uint8),
        rule=np.zeros(rows, np.uint16),
        packets=batch.packets,
        octets=batch.octets,
        first=batch.first,
        last=batch.last,
    )


def _unreachables(messages: Messages, chosen: NDArray[np.bool_]) -> Observations:
    """Record each of the `chosen` unreachables under the end that is told."""
    rows = int(chosen.sum())
    return Observations(
        kind=np.full(rows, Kind.UNREACHABLE, np.uint8),
        client=Addresses.from_column(messages.family, messages.dst_addr[chosen]),
        remote=Addresses.from_column(messages.family, messages.remote_addr[chosen]),
        client_port=messages.client_port[chosen],
        port=messages.remote_port[chosen],
        protocol=np.full(rows, ICMP if messages.family == 4 else ICMPV6, np.uint8),
        code=messages.code[chosen],
        rule=np.zeros(rows, np.uint16),
        packets=np.ones(rows, np.int64),
        octets=messages.octets[chosen],
        first=messages.time[chosen],
        last=messages.time[chosen],
    )


def _flows(batch: Batch, verdicts: Verdicts) -> Observations:
    """Put client and service where the verdicts say; rows without a client hold anything."""
    swapped = verdicts.decision == Decision.DST_IS_CLIENT
    client = Addresses.from_column(batch.family, np.where(swapped, batch.dst_addr, batch.src_addr))
    service = Addresses.from_column(batch.family, np.where(swapped, batch.src_addr, batch.dst_addr))
    if verdicts.answers:
        answered = np.flatnonzero(verdicts.decision == Decision.ANSWERED)
        client = client.substitute(answered, Addresses.from_objects(answer.client for answer in verdicts.answers))
        service = service.substitute(answered, Addresses.from_objects(answer.service for answer in verdicts.answers))
    return Observations(
        kind=np.full(len(batch), Kind.FLOW, np.uint8),
        client=client,
        remote=service,
        client_port=np.zeros(len(batch), np.uint16),
        port=verdicts.port,
        protocol=batch.protocol,
        code=np.zeros(len(batch), np.uint8),
        rule=verdicts.rule,
        packets=batch.packets,
        octets=batch.octets,
        first=batch.first,
        last=batch.last,
    )
