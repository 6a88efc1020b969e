"""A single store is one lane."""

from __future__ import annotations

from shodohflo.store.lanes import OneLane


def test_all_keys_are_in_one_lane() -> None:
    """Every key is in lane 0, whose number has the session in its name."""
    lanes = OneLane()

    assert (lanes.number, lanes.of(["a", "b"]).tolist()) == (1, [0, 0])
    assert lanes.number_key("4f1c9a", 0) == "writer;4f1c9a"
