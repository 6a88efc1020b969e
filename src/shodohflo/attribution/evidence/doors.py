"""Doors: passes to `knocks` what a batch shows of attempts from outside, with what is remembered of their flows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.attribution.evidence.conversations import Conversations, Keyed
from shodohflo.columns.batch import RST, Batch, Quote
from shodohflo.model import UDP

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.evidence import Evidence
    from shodohflo.columns.batch import Messages

    Ours = Callable[[NDArray[Any]], NDArray[np.bool_]]


def watch(evidence: Evidence, rows: Batch, is_ours: Ours) -> None:
    """Watch for knocks among merged packets, before the evidence of their batch is taken in."""
    known = np.zeros(len(rows), np.bool_)
    resets = np.flatnonzero(rows.tcp_flags & np.uint8(RST))
    if len(resets):
        known[resets] = _is_known(evidence, Conversations.of(Keyed.of(rows[resets])))
    evidence.knocks.take_in(rows, is_ours, known)


def watch_messages(evidence: Evidence, messages: Messages, is_ours: Ours) -> None:
    """Watch for unreachables to outsiders about what they sent to us, after the packets of their batch."""
    quoting = np.flatnonzero(messages.quote == Quote.PORTS)
    if len(quoting):
        known = np.zeros(len(messages), np.bool_)
        known[quoting] = _we_spoke(evidence, Conversations.of(Keyed.of(_quoted(messages[quoting]))))
        evidence.knocks.take_in_messages(messages, is_ours, known)


def _is_known(evidence: Evidence, talks: Conversations) -> NDArray[np.bool_]:
    """Return for each row whether its flow is remembered, for its payload or its openings."""
    remembered = evidence.flows.memory.find(talks.keys, talks.begin) >= 0
    remembered |= evidence.openings.memory.find(talks.keys, talks.begin) >= 0
    return remembered[talks.flow]


def _we_spoke(evidence: Evidence, talks: Conversations) -> NDArray[np.bool_]:
    """Return for each row whether its destination, one of our ends, has sent payload in the flow."""
    memory = evidence.flows.memory
    slots = memory.find(talks.keys, talks.begin)
    seen = np.where(slots >= 0, memory["seen"][slots], np.uint8(0))
    ours = np.uint8(1) - talks.side
    spoke: NDArray[np.bool_] = seen[talks.flow] >> ours & np.uint8(1) != 0
    return spoke


def _quoted(messages: Messages) -> Batch:
    """Return the packets that messages quote, as if they had been received with them."""
    return replace(
        Batch.zeros(len(messages), messages.family),
        src_addr=messages.dst_addr,
        dst_addr=messages.remote_addr,
        src_port=messages.client_port,
        dst_port=messages.remote_port,
        protocol=np.full(len(messages), UDP, np.uint8),
        first=messages.time,
        last=messages.time,
    )
