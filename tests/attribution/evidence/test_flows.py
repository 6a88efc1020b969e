"""A flow is remembered from its first payload on, for a quarter of an hour after its last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from shodohflo.attribution.evidence.flows import LONG_AGO, Flows
from shodohflo.attribution.evidence.sides import Service
from shodohflo.model import Rung
from support.segments import ACK, SYN, conversations, segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reference.ladder import Packet
    from shodohflo.attribution.evidence.conversations import Conversations
    from shodohflo.attribution.evidence.flows import Shown


def visit(flows: Flows, packets: Sequence[Packet], *, seen: int | None = None) -> tuple[Conversations, Shown]:
    """Return the flows of a batch, whose sides are kept as seen."""
    talks, _, _ = conversations(packets)
    shown = flows.of(talks, flows.memory.locate(talks.keys))
    if seen is not None:
        shown.seen[:] = seen
        flows.keep(shown)
    return talks, shown


@pytest.mark.parametrize(("pause", "is_met"), [(900.0, True), (900.1, False)])
def test_a_flow_is_forgotten_after_a_quarter_of_an_hour(pause: float, is_met: bool) -> None:  # noqa: FBT001
    """What it had shown is gone then."""
    flows = Flows(64)
    visit(flows, [segment(ACK)], seen=0b11)

    _, shown = visit(flows, [segment(ACK, at=pause)])

    assert shown.met.tolist() == [is_met]
    assert shown.seen.tolist() == [0b11 if is_met else 0]


def test_openings_alone_make_no_flow() -> None:
    """A flood of SYNs takes no place."""
    flows = Flows(64)
    _, shown = visit(flows, [segment(SYN, 7)], seen=0)

    assert shown.slots.tolist() == [-1]
    assert len(flows.memory.keys()) == 0


def test_the_last_payload_is_that_before_the_batch() -> None:
    """And long ago for a new flow, so that times can be subtracted."""
    flows = Flows(64)
    first = [segment(ACK, at=1), segment(ACK, back=True, at=3)]

    _, new = visit(flows, first)
    _, again = visit(flows, [segment(ACK, at=5)])

    assert new.last.tolist() == [LONG_AGO]
    assert again.last.tolist() == [first[1].time]
    assert again.last[0] - new.last[0] > 0


def test_a_flow_that_lost_its_place_in_the_batch_is_not_kept() -> None:
    """More flows than a set has room for: some have no slot, and no two share one."""
    flows = Flows(1)
    talks, shown = visit(flows, [segment(ACK, port=port) for port in range(1, 33)], seen=0b01)
    kept = shown.slots[shown.slots >= 0]

    assert len(talks) == 32
    assert 1 <= len(set(kept.tolist())) == len(kept) <= 8
    assert flows.memory.keys_of(kept).tolist() == talks.keys[shown.slots >= 0].tolist()


def test_ports_that_are_used_anew_have_no_verdict() -> None:
    """What was written was about another conversation."""
    flows = Flows(64)
    _, shown = visit(flows, [segment(ACK)])
    shown.service[:], shown.rung[:], shown.corrected[:], shown.graded[:] = 1, Rung.HANDSHAKE, 8, True

    shown.renew(np.array([0]))

    assert (shown.service.tolist(), shown.rung.tolist(), shown.corrected.tolist()) == ([0], [0], [0])
    assert (shown.graded.tolist(), shown.anew.tolist()) == ([False], [True])


@pytest.mark.parametrize(
    ("rung", "corrected", "owed"),
    [
        (Rung.HANDSHAKE, 0, True),
        (Rung.HANDSHAKE, 1 << Rung.HANDSHAKE, False),
        (Rung.HANDSHAKE, 1 << Rung.KNOWN, True),
        (Rung.LISTED, 0, False),
    ],
)
def test_proof_owes_a_correction_once(rung: Rung, corrected: int, owed: bool) -> None:  # noqa: FBT001
    """What was counted under the wrong end is to be moved, once for each rung, and never for a weak one."""
    flows = Flows(64)
    _, shown = visit(flows, [segment(ACK)])
    shown.service[:], shown.rung[:], shown.corrected[:] = Service.SIDE_0, rung, corrected

    assert flows.is_owed(shown).tolist() == [False]
    flows.memory["packets_0"][shown.slots] = 3
    assert flows.is_owed(shown).tolist() == [False]
    flows.memory["packets_1"][shown.slots] = 3
    assert flows.is_owed(shown).tolist() == [owed]


def test_rows_with_the_slot_of_a_marked_one_are_marked() -> None:
    """And the next call begins without marks."""
    flows = Flows(64)
    slots = np.array([3, 5, 3, -1, -1], np.int32)

    assert flows.marked(slots, np.array([True, False, False, False, True])).tolist() == [True, False, True, True, True]
    assert not flows.marked(slots, np.zeros(5, np.bool_)).any()
