"""Decisions are small numbers that columns and table cells can hold."""

from __future__ import annotations

from ipaddress import ip_address

import numpy as np
import pytest

from shodohflo.rules.table import ASK
from shodohflo.rules.verdicts import Answer, Decision, Verdicts


@pytest.mark.parametrize("decision", Decision)
def test_a_decision_fits_the_byte_of_its_column(decision: Decision) -> None:
    """Every decision fits in a byte and differs from `ASK`."""
    assert np.uint8(decision) == decision
    assert decision != ASK


def test_a_packet_in_no_network_has_the_decision_zero() -> None:
    """An untouched cell of zeros means that no rule was tried, not that a rule decided."""
    assert Decision(0) is Decision.NO_NETWORK


def test_equal_answers_are_one_group() -> None:
    """Answers are grouped by their addresses, whichever objects hold them."""
    texts = [("192.0.2.1", "10.0.0.1"), ("192.0.2.1", "10.0.0.1"), ("10.0.0.1", "192.0.2.1"), ("::1", "10.0.0.1")]

    answers = [Answer(ip_address(client), ip_address(service)) for client, service in texts]

    assert len(set(answers)) == 3


def test_verdicts_cannot_be_changed() -> None:
    """The fields of `Verdicts` cannot be reassigned."""
    verdicts = Verdicts.zeros(0, ())

    with pytest.raises(AttributeError):
        verdicts.port = np.zeros(0, np.uint16)  # type: ignore[misc]
