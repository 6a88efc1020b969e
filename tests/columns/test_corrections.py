"""Corrections: which rows are merged, what is added up, and what they make of the observations of a whole run."""

from __future__ import annotations

from random import Random

import pytest

from shodohflo.columns.corrections import Corrections, correct
from shodohflo.columns.observations import Observations
from shodohflo.columns.table import Role
from support.swapping import Conversations, totals


def test_the_columns_of_corrections_have_their_roles() -> None:
    """What names the keys and the evidence is the key; counts are summed, and the time span is widened."""
    roles = {each.name: each.role for each in Corrections.columns}

    assert {name: role for name, role in roles.items() if role is not Role.KEY} == {
        "packets": Role.SUM,
        "octets": Role.SUM,
        "first": Role.EARLIEST,
        "last": Role.LATEST,
    }


@pytest.mark.parametrize("seed", range(20))
def test_corrected_observations_are_those_that_were_right_from_the_start(seed: int) -> None:
    """Also where a flow is turned round twice in a run, as by what is known and then by its own handshake."""
    conversations = Conversations(Random(seed))
    happened = [conversations.happen() for _ in range(8)]
    observations = Observations.concatenate([each.observations for each in happened])
    corrections = Corrections.concatenate([each.corrections for each in happened])

    assert totals(correct(observations, corrections)) == conversations.in_the_end()


def test_without_corrections_observations_stay_as_they_are() -> None:
    """Not even merged."""
    observations = Conversations(Random(1)).happen().observations

    assert correct(observations, Corrections.empty()) is observations
