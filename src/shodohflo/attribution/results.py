"""What follows from decisions: the observations to be recorded, and the counts for the ledger."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.attribution.ledger import REFUSED, Outcome, Tally
from shodohflo.attribution.order import OUTCOMES, Decisions, Step
from shodohflo.columns.addresses import Addresses
from shodohflo.columns.batch import Batch, Messages
from shodohflo.columns.observations import Observations
from shodohflo.model import ICMP, ICMPV6, Kind, Rung
from shodohflo.rules.verdicts import Decision

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.wire.decode import Packets

RECORDED: Final = {
    Step.FLOW: Kind.FLOW,
    Step.FLOW_IGNORED: Kind.FLOW_IGNORED,
    Step.RESET: Kind.RESET,
    Step.UNREACHABLE: Kind.UNREACHABLE,
}
"""The kind of observation by step; at every other step nothing is recorded."""

_NOT_RECORDED: Final = 0xFF
_KIND_OF_STEP: Final = np.array([RECORDED.get(step, _NOT_RECORDED) for step in Step], np.uint8)


def is_recorded(decisions: Decisions) -> NDArray[np.bool_]:
    """Return which rows become observations."""
    recorded: NDArray[np.bool_] = _KIND_OF_STEP[decisions.step] != _NOT_RECORDED
    return recorded


def kinds_of(decisions: Decisions) -> NDArray[np.uint8]:
    """Return the `Kind` of each row, another number where nothing is recorded."""
    kind: NDArray[np.uint8] = _KIND_OF_STEP[decisions.step]
    return kind


def observe(rows: Batch | Messages, decisions: Decisions) -> Observations:
    """Return an observation for each recorded row, in the order of the rows."""
    kept = np.flatnonzero(is_recorded(decisions))
    return _unreachables(rows, kept) if isinstance(rows, Messages) else _resets_and_flows(rows, decisions, kept)


def _resets_and_flows(whole: Batch, decisions: Decisions, kept: NDArray[np.intp]) -> Observations:
    """Record a reset under the end that received it, and a flow under the client that the rules named."""
    batch = whole if len(kept) == len(whole) else whole[kept]
    step, decision = decisions.step[kept], decisions.verdicts.decision[kept]
    is_reset = step == Step.RESET
    swapped = is_reset | (decision == Decision.DST_IS_CLIENT)
    client = Addresses.from_column(batch.family, np.where(swapped, batch.dst_addr, batch.src_addr))
    remote = Addresses.from_column(batch.family, np.where(swapped, batch.src_addr, batch.dst_addr))
    if answers := decisions.verdicts.answers:
        answered = np.flatnonzero(decision == Decision.ANSWERED)
        client = client.substitute(answered, Addresses.from_objects(answer.client for answer in answers))
        remote = remote.substitute(answered, Addresses.from_objects(answer.service for answer in answers))
    client_port, port = np.zeros(len(batch), np.uint16), decisions.verdicts.port[kept]
    resets = np.flatnonzero(is_reset)
    client_port[resets], port[resets] = batch.dst_port[resets], batch.src_port[resets]
    return Observations(
        kind=_KIND_OF_STEP[step],
        client=client,
        remote=remote,
        client_port=client_port,
        port=port,
        protocol=batch.protocol,
        code=np.zeros(len(batch), np.uint8),
        rule=decisions.verdicts.rule[kept],
        rung=np.where(is_reset, np.uint8(Rung.NONE), decisions.verdicts.rung[kept]),
        packets=batch.packets,
        octets=batch.octets,
        first=batch.first,
        last=batch.last,
    )


def _unreachables(messages: Messages, kept: NDArray[np.intp]) -> Observations:
    """Record an unreachable under the end that it was sent to."""
    rows = len(kept)
    return Observations(
        kind=np.full(rows, Kind.UNREACHABLE, np.uint8),
        client=Addresses.from_column(messages.family, messages.dst_addr[kept]),
        remote=Addresses.from_column(messages.family, messages.remote_addr[kept]),
        client_port=messages.client_port[kept],
        port=messages.remote_port[kept],
        protocol=np.full(rows, ICMP if messages.family == 4 else ICMPV6, np.uint8),
        code=messages.code[kept],
        rule=np.zeros(rows, np.uint16),
        rung=np.zeros(rows, np.uint8),
        packets=np.ones(rows, np.int64),
        octets=messages.octets[kept],
        first=messages.time[kept],
        last=messages.time[kept],
    )


def tally(rows: Batch | Messages, decisions: Decisions) -> Tally:
    """Count the packets of `rows` by outcome; the outcomes sum to their packets."""
    packets = np.ones(len(rows), np.int64) if isinstance(rows, Messages) else rows.packets
    totals = np.bincount(decisions.step, weights=packets, minlength=len(Step))
    outcomes = {OUTCOMES[step]: int(totals[step]) for step in Step if totals[step] and step != Step.DROPPED}
    if totals[Step.DROPPED]:
        outcomes |= _dropped(decisions, packets)
    unmatched = (decisions.step == Step.NO_NETWORK) | (decisions.step == Step.NO_RULE)
    return Tally(Counter(outcomes), _pairs(decisions, np.flatnonzero(unmatched), packets))


def tally_undecoded(packets: Packets) -> Tally:
    """Count the packets that no decision is made about: those refused, by their reasons, and those sent.

    Some of those refused are counted by the layer that is not read as well.
    """
    outcomes = Counter({REFUSED.format(reason): count for reason, count in packets.refused.items()})
    outcomes[Outcome.SENT] = packets.sent
    return Tally(+outcomes, Counter(), packets.unread)


def _dropped(decisions: Decisions, packets: NDArray[np.int64]) -> dict[str, int]:
    """Count dropped packets by rule."""
    dropped = decisions.step == Step.DROPPED
    by_rule = np.bincount(decisions.verdicts.rule[dropped], weights=packets[dropped])
    return {OUTCOMES[Step.DROPPED].format(rule): int(by_rule[rule]) for rule in np.flatnonzero(by_rule).tolist()}


def _pairs(decisions: Decisions, rows: NDArray[np.intp], packets: NDArray[np.int64]) -> Counter[tuple[int, int]]:
    """Count the packets of `rows` by the ids of their source and destination networks."""
    if not len(rows):
        return Counter()
    verdicts = decisions.verdicts
    pairs = verdicts.src_network[rows].astype(np.uint32) << 16 | verdicts.dst_network[rows]
    distinct, group = np.unique(pairs, return_inverse=True)
    totals = np.bincount(group, weights=packets[rows])
    return Counter({divmod(pair, 1 << 16): int(total) for pair, total in zip(distinct.tolist(), totals, strict=True)})
