"""Settled rows: payload of flows about which a batch says nothing new, which is most payload.

Nothing is learnt from a row of payload if its flow is *settled*: it has a verdict that only new evidence can change and
no openings that live, and the row adds nothing: the side has sent payload before, and said what it says, in the same
minute. Of such a row only the time is noted, and the verdict stands. All rows of other flows are taken in by
`evidence`, those of one flow together.

A flow whose verdict is weak could also be changed by what becomes known of its ends, from flows of the same batch too.
So when these have told what they show, `doubtful` finds the rows of which an end may be known by then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.attribution.evidence.handshakes import Event
from shodohflo.columns.batch import Says
from shodohflo.columns.socket_ends import AskedEnds
from shodohflo.model import UDP, Rung

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.conversations import Keyed
    from shodohflo.attribution.evidence.flows import Flows
    from shodohflo.attribution.evidence.hints import Hints
    from shodohflo.columns.own_ends import OwnEndsTable

    Mask = NDArray[np.bool_]
    Numbers = NDArray[np.intp]

MINUTE: Final = 60 * 10**9
"""In ns: a flow that has payload in another minute is looked at anew."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The rows of settled flows, and the verdicts that stand."""

    rows: Numbers
    """Their numbers in the batch."""
    slots: NDArray[np.int32]
    """Where the flow of each is kept; -1 if it has lost its place in this batch."""
    last: NDArray[np.int64]
    """When it had its last payload before this batch, in ns since 1970."""
    service: NDArray[np.uint8]
    rung: NDArray[np.uint8]

    def that_stayed(self, keyed: Keyed, flows: Flows) -> Settled:
        """Return the same after other flows were entered, which may have taken some places."""
        stayed = flows.memory.keys_of(self.slots) == keyed.keys[self.rows]
        return replace(self, slots=np.where(stayed, self.slots, np.int32(-1)))

    def keep(self, mask: Mask) -> Settled:
        """Return the rows where `mask` is true."""
        return Settled(self.rows[mask], self.slots[mask], self.last[mask], self.service[mask], self.rung[mask])


def divide(
    keyed: Keyed, kind: NDArray[np.uint8], flows: Flows, own_ends: OwnEndsTable | None
) -> tuple[Settled, Numbers, NDArray[np.int32]]:
    """Return the rows that are settled, and the numbers of the others with the slots of their flows.

    `kind` is the `Event` of each row; rows that are none are left out of both.
    """
    memory = flows.memory
    slots = memory.locate(keyed.keys)
    last, is_settled = memory.last_of(slots), memory["settled"][slots]
    calm = is_settled & (kind == Event.PAYLOAD) & _adds_nothing(keyed, slots, last, flows)
    if own_ends is not None and not keyed.is_inside:
        asked = np.flatnonzero(calm & (memory["rung"][slots] != Rung.OWN_SOCKET))
        calm[asked] = ~_is_own(keyed, asked, own_ends)
    acts = kind <= Event.PAYLOAD
    # A reset ends openings, of which a settled flow has none.
    is_taken = flows.marked(slots, acts & ~calm & ~(is_settled & (kind == Event.RESET)))
    rows, others = np.flatnonzero(calm & ~is_taken), np.flatnonzero(acts & is_taken)
    at = slots[rows]
    memory.use(at, keyed.rows.last[rows])
    return Settled(rows, at, last[rows], memory["service"][at], memory["rung"][at]), others, slots[others]


def doubtful(settled: Settled, flows: Flows, hints: Hints) -> Mask:
    """Return which settled rows are of flows with weak verdicts, of whose ends something may be known."""
    doubtful = (settled.rung > Rung.KNOWN) & (settled.slots >= 0)
    weak = np.flatnonzero(doubtful)
    if len(weak):
        slots, memory = settled.slots[weak], flows.memory
        doubtful[weak] = hints.find(memory["hint_0"][slots]) | hints.find(memory["hint_1"][slots])
    return doubtful


def _adds_nothing(keyed: Keyed, slots: NDArray[np.int32], last: NDArray[np.int64], flows: Flows) -> Mask:
    """Return which rows of payload, of flows with these slots, show nothing that their flows have not shown before."""
    rows, memory = keyed.rows, flows.memory
    same: Mask = last // MINUTE == rows.last // MINUTE
    same &= (memory["seen"][slots] >> keyed.side & np.uint8(1)).view(np.bool_)
    saying = np.flatnonzero(rows.says)
    if len(saying):
        bit = keyed.side[saying] + np.uint8(2) * (rows.says[saying] == Says.RESPONSE)
        same[saying] &= (memory["said"][slots[saying]] >> bit & np.uint8(1)).view(np.bool_)
    return same


def _is_own(keyed: Keyed, which: Numbers, own_ends: OwnEndsTable) -> Mask:
    """Return of which rows the rung `OWN_SOCKET` has an answer."""
    rows = keyed.rows[which]
    asked = AskedEnds(rows.family, rows.protocol, rows.src_addr, rows.src_port, rows.dst_addr, rows.dst_port)
    passes = (rows.protocol == UDP) & (rows.src_port == rows.dst_port)
    own: Mask = (own_ends.find(asked) != own_ends.find(asked.swapped)) & ~passes
    return own
