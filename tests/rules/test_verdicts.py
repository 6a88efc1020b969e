"""Decisions are small numbers that columns and table cells can hold."""

from __future__ import annotations

import numpy as np
import pytest

from shodohflo.rules.table import ASK
from shodohflo.rules.verdicts import Decision, Verdicts


@pytest.mark.parametrize("decision", Decision)
def test_a_decision_fits_the_byte_of_its_column(decision: Decision) -> None:
    """Every decision fits in a byte and differs from `ASK`."""
    assert np.uint8(decision) == decision
    assert decision != ASK


def test_a_packet_in_no_network_has_the_decision_zero() -> None:
    """An untouched cell of zeros means that no rule was tried, not that a rule decided."""
    assert Decision(0) is Decision.NO_NETWORK


def test_verdicts_of_rows_that_were_not_asked_about_are_no_network() -> None:
    """Zeros in every column mean that no rule was tried."""
    verdicts = Verdicts.zeros(2, ())

    assert verdicts.decision.tolist() == [Decision.NO_NETWORK] * 2
    widths = {name: getattr(verdicts, name).dtype.itemsize for name in Verdicts.names}
    assert widths == {name: 1 if name in {"decision", "rung"} else 2 for name in Verdicts.names}
