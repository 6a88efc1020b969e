"""Corrections: which rows are merged, and what is added up."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import ip_address
from random import Random

import pytest

from shodohflo.columns.corrections import Corrections, correct
from shodohflo.columns.observations import Observations
from shodohflo.columns.table import Role
from shodohflo.model import Rung
from support.observing import Swapped, corrected, flow, observed
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


HERE, THERE = ip_address("10.0.0.1"), ip_address("203.0.113.9")
KNOWN = Swapped(client=HERE, service=THERE, port=51000, wrong_port=50000, rung=Rung.KNOWN, packets=2)
"""What was written as HERE's service on port 50000 is THERE's on 51000."""
BACK = Swapped(client=THERE, service=HERE, port=50000, wrong_port=51000, rung=Rung.HANDSHAKE, packets=3)
"""And turns out to be HERE's after all, with a packet that came in between."""


def packets_of(rows: Observations) -> Counter[tuple[str, int]]:
    """Return the packets by the client and the port of the service."""
    counted: Counter[tuple[str, int]] = Counter()
    for client, port, packets in zip(rows.client.texts(), rows.port.tolist(), rows.packets.tolist(), strict=True):
        counted[client, port] += packets
    return counted


WRITTEN = flow(str(THERE), str(HERE), 50000, packets=2)
MEANWHILE = flow(str(HERE), str(THERE), 51000)


@pytest.mark.parametrize("meanwhile", [1, 0])
def test_a_flow_that_is_corrected_there_and_back_is_counted_once(meanwhile: int) -> None:
    """Whether or not something was written under the other key in between."""
    rows = observed(WRITTEN, *[MEANWHILE] * meanwhile)
    moves = corrected(KNOWN, replace(BACK, packets=2 + meanwhile))

    assert packets_of(correct(rows, moves)) == {(str(THERE), 50000): 2 + meanwhile}


def test_a_correction_of_what_is_not_there_moves_nothing() -> None:
    """One of what is there moves it."""
    assert packets_of(correct(observed(MEANWHILE), corrected(KNOWN))) == {(str(HERE), 51000): 1}
    assert packets_of(correct(observed(WRITTEN), corrected(KNOWN))) == {(str(HERE), 51000): 2}


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
