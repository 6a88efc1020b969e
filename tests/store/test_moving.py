"""Corrections as negative and positive counts, held to the plain form."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_address

from shodohflo.store.outbox import Outbox
from support.observing import Swapped, corrected, observed
from support.scribing import START
from support.swapping import Conversations

SWAPPED = Swapped(ip_address("10.0.0.5"), ip_address("10.0.0.9"), 54321, 40000, packets=12)


def counted(outbox: Outbox) -> dict[str, int]:
    """Return what the keys of flows, clients and pairs have counted."""
    found: dict[str, int] = {}
    for portion in outbox.take(10**6, START):
        if portion.view.kind:
            found |= dict(zip(portion.names, portion.totals[:, 0].tolist(), strict=True))
    return {name: count for name, count in found.items() if count}


def test_any_story_ends_as_if_it_had_been_told_right() -> None:
    """Rows and corrections in any order: the totals are those of the last attribution."""
    for seed in range(100):
        conversations, outbox = Conversations(random.Random(seed)), Outbox(50_000_000, 900)
        for _ in range(10):
            happening = conversations.happen()
            outbox.add(happening.observations, (), START)
            outbox.correct(happening.corrections, (), START, START)

        expected = {key: count for key, count in conversations.in_the_end().items() if " " not in key}
        assert counted(outbox) == expected
        assert outbox.vanished == 0


def test_a_key_that_is_not_known_has_nothing_to_move() -> None:
    """A correction of what has ended, or was never counted, moves nothing and is counted."""
    outbox = Outbox(50_000_000, 900)

    outbox.correct(corrected(SWAPPED), (), START, START)

    assert (outbox.corrections, outbox.vanished, outbox.moved) == (1, 1, 0)
    assert counted(outbox) == {}


def test_no_more_is_moved_than_was_counted() -> None:
    """The rest of a correction is left out, with its part of the bytes."""
    outbox = Outbox(50_000_000, 900)
    outbox.add(observed(SWAPPED.as_written()), (), START)

    outbox.correct(corrected(replace(SWAPPED, packets=40)), (), START, START)

    assert outbox.moved == 12
    assert counted(outbox)["10.0.0.5;10.0.0.9;54321;flow"] == 12
