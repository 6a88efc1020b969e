"""Settled rows: payload of flows about which a batch says nothing new, which is most payload.

Nothing is learnt from a row of payload if its flow is *settled*: it has a verdict that only new evidence can change and
no openings that live, and the row adds nothing: the side has sent payload before, and said what it says, in the same
minute. Of such a row only the time is noted, and the verdict stands. All rows of other flows are taken in by
`evidence`, those of one flow together.

A flow whose verdict is weak could also be changed by what becomes known of its ends, from flows of the same batch too.
So its rows are settled only if nothing is known of either end, and no flow of the batch that shows something has it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.attribution.evidence.handshakes import Event
from shodohflo.attribution.evidence.hints import Hints
from shodohflo.columns.batch import Says
from shodohflo.columns.own_ends import Saying
from shodohflo.model import Rung

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.conversations import Keyed
    from shodohflo.attribution.evidence.flows import Flows
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
    service: NDArray[np.uint8]
    rung: NDArray[np.uint8]

    def that_stayed(self, keyed: Keyed, flows: Flows) -> Settled:
        """Return the same after other flows were entered, which may have taken some places."""
        stayed = flows.memory.keys_of(self.slots) == keyed.keys[self.rows]
        return replace(self, slots=np.where(stayed, self.slots, np.int32(-1)))


def divide(
    keyed: Keyed, kind: NDArray[np.uint8], flows: Flows, hints: Hints, own_ends: OwnEndsTable | None
) -> tuple[Settled, Numbers, NDArray[np.int32]]:
    """Return the rows that are settled, and the numbers of the others with the slots of their flows.

    `kind` is the `Event` of each row; rows that are none are left out of both.
    """
    memory = flows.memory
    slots = memory.locate(keyed.keys)
    is_settled, is_payload = memory["settled"][slots], kind == Event.PAYLOAD
    calm = is_settled & is_payload & _adds_nothing(keyed, slots, flows)
    if own_ends is not None:
        asked = np.flatnonzero(calm & (memory["rung"][slots] != Rung.OWN_SOCKET))
        calm[asked] = ~_is_own(keyed, asked, own_ends)
    # A reset ends openings, of which a settled flow has none.
    acts = kind <= Event.PAYLOAD
    disturbed = acts & ~calm & ~(is_settled & (kind == Event.RESET))
    weak = np.flatnonzero(calm & (memory["rung"][slots] > Rung.KNOWN))
    if len(weak):
        disturbed[weak[_may_be_known(keyed, weak, np.flatnonzero(disturbed), hints)]] = True
    is_taken = flows.marked(slots, disturbed)
    rows, others = np.flatnonzero(calm & ~is_taken), np.flatnonzero(acts & is_taken)
    at = slots[rows]
    memory.use(at, keyed.rows.last[rows])
    return Settled(rows, at, memory["service"][at], memory["rung"][at]), others, slots[others]


def _adds_nothing(keyed: Keyed, slots: NDArray[np.int32], flows: Flows) -> Mask:
    """Return which rows of payload, of flows with these slots, show nothing that their flows have not shown before."""
    rows, memory = keyed.rows, flows.memory
    same: Mask = memory.last_of(slots) // MINUTE == rows.last // MINUTE
    same &= (memory["seen"][slots] >> keyed.side & np.uint8(1)).view(np.bool_)
    saying = np.flatnonzero(rows.says)
    if len(saying):
        bit = keyed.side[saying] + np.uint8(2) * (rows.says[saying] == Says.RESPONSE)
        same[saying] &= (memory["said"][slots[saying]] >> bit & np.uint8(1)).view(np.bool_)
    return same


def _is_own(keyed: Keyed, which: Numbers, own_ends: OwnEndsTable) -> Mask:
    """Return of which rows an end is a socket of this host."""
    rows = keyed.rows[which]
    source = own_ends.find(rows.family, rows.src_addr, rows.protocol, rows.src_port)
    destination = own_ends.find(rows.family, rows.dst_addr, rows.protocol, rows.dst_port)
    return (source | destination) != Saying.NOTHING


def _may_be_known(keyed: Keyed, which: Numbers, others: Numbers, hints: Hints) -> Mask:
    """Return of which rows an end may be known, or become so by the rows `others` of the same batch."""
    mine, theirs = keyed.end_keys(which), np.concatenate(keyed.end_keys(others))
    met = Hints(len(theirs))
    met.add(theirs)
    return hints.find(mine[0]) | hints.find(mine[1]) | met.find(mine[0]) | met.find(mine[1])
