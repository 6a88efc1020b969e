"""A single store is one lane."""

from __future__ import annotations

from shodohflo.store.lanes import OneLane, SlotLanes
from shodohflo.store.slots import SLOTS, slot_of


def test_all_keys_are_in_one_lane() -> None:
    """Every key is in lane 0, whose number has the session in its name."""
    lanes = OneLane()

    assert (lanes.number, lanes.of(["a", "b"]).tolist()) == (1, [0, 0])
    assert lanes.number_key("4f1c9a", 0) == "writer;4f1c9a"


def test_the_number_of_a_lane_is_in_its_slot() -> None:
    """The lanes of keys are their slots, and so is that of the key with the number."""
    lanes = SlotLanes()
    names = ["client;10.0.0.1", "client;10.0.0.2", "a{b}c"]

    assert lanes.of(names).tolist() == [slot_of(name) for name in names]
    assert lanes.of([lanes.number_key("4f1c9a", lane) for lane in range(lanes.number)]).tolist() == list(range(SLOTS))
