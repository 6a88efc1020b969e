"""The outcomes in an agent's hash: what is written is read, and what anybody else writes does no harm."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys.outcomes import outcomes_from_fields, outcomes_to_fields
from shodohflo.keys.values import MOST


@given(st.dictionaries(st.text(), st.integers(1, MOST)))
def test_what_is_written_is_read(outcomes: dict[str, int]) -> None:
    """Packets are read by outcome as they were written."""
    fields = {name: str(count) for name, count in outcomes_to_fields(outcomes).items()}

    assert outcomes_from_fields(fields) == outcomes


def test_the_fields_are_as_documented() -> None:
    """Each outcome that packets have is a field, in the order of their names."""
    written = outcomes_to_fields({"recorded.flow": 3, "handshake": 2, "sent": 0})

    assert list(written.items()) == [("outcomes.handshake", 2), ("outcomes.recorded.flow", 3)]


def test_malformed_counts_are_left_out() -> None:
    """A count that is none, or has thousands of digits, costs its own outcome and no other."""
    fields = {"outcomes.a": "9" * 5000, "outcomes.b": "-1", "outcomes.c": "\u0663", "outcomes.d": "4", "received": "5"}

    assert outcomes_from_fields(fields) == {"d": 4}
