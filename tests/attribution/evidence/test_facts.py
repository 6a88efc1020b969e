"""The facts of one flow are those that columns answer about."""

from __future__ import annotations

from dataclasses import fields

from shodohflo.attribution.evidence.facts import NEITHER, FlowFacts, OfEnds
from shodohflo.attribution.evidence.lookup import FACTS


def test_every_fact_about_ends_is_looked_up() -> None:
    """By its own name."""
    about_ends = {each.name for each in fields(FlowFacts)} - {"is_tcp", "is_two_way", "own", "same_port"}

    assert set(FACTS) == about_ends


def test_nothing_is_known_unless_it_is_said() -> None:
    """Facts about ends are 0 for both sides, unless they are given."""
    facts = FlowFacts(is_tcp=True, is_two_way=False, own=0, known=OfEnds(2, 0))

    assert (facts.known, facts.claims, facts.roles) == ((2, 0), NEITHER, NEITHER)
    assert NEITHER == (0, 0)
