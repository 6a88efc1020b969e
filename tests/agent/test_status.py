"""The agent says how it is doing: in its hash, and in one line."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from agent.statuses import a_status
from shodohflo.agent.status import MOST_PAIRS, summary
from shodohflo.store.writer import WriterStats


def test_the_hash_tells_who_where_and_since_when() -> None:
    """Times are in UTC, as text that sorts."""
    fields = a_status().to_fields()

    assert fields["pid"] == 4711
    assert fields["state"] == "running"
    assert (fields["started"], fields["seen"]) == ("2023-11-14T22:13:20+00:00", "2023-11-14T22:14:20+00:00")
    assert (fields["interfaces"], fields["our_nets"]) == ("eth0 eth1", "192.168.0.0/16")
    assert (fields["configuration"], fields["configuration.digest"]) == ("defaults", "")


def test_the_hash_holds_the_ledger() -> None:
    """Each outcome has its field; those of nothing have none."""
    fields = a_status(recorded_flow=3, handshake=2, refused_truncated=0).to_fields()

    assert (fields["received"], fields["kernel_dropped"]) == (5, 5)
    outcomes = {name: count for name, count in fields.items() if name.startswith("outcomes.")}
    assert outcomes == {"outcomes.recorded.flow": 3, "outcomes.handshake": 2}


def test_the_hash_holds_the_pairs_of_networks_that_no_rule_decided() -> None:
    """The commonest of them: a hostile wire makes no more."""
    few = a_status()
    many = replace(few, unmatched=Counter({(f"n{number}", "-"): number for number in range(1, 100)}))

    pairs = [name for name in many.to_fields() if name.startswith("unmatched.")]

    assert few.to_fields()["unmatched.all;-"] == 3
    assert len(pairs) == MOST_PAIRS
    assert pairs[0] == "unmatched.n99;-"


def test_everything_in_the_hash_is_text_or_a_number() -> None:
    """The store takes nothing else."""
    assert {type(value) for value in a_status(recorded_flow=3).to_fields().values()} == {str, int}


def test_the_summary_sums_outcomes_by_their_first_word() -> None:
    """Unused words are left out."""
    line = summary(a_status(recorded_flow=1200, recorded_rst=34, refused_truncated=2))

    assert line == "1,236 packets received (1,234 recorded, 2 refused), 5 dropped by the kernel"


def test_the_summary_of_nothing_says_so() -> None:
    """Someone waits for a first packet."""
    assert summary(a_status()).startswith("0 packets received (nothing yet)")


@pytest.mark.parametrize(("state", "said"), [("running", True), ("ended", False)])
def test_an_absent_store_is_told_while_it_matters(state: str, said: bool) -> None:  # noqa: FBT001 - what is expected
    """At the end the writer has let go of it."""
    away = replace(a_status(), writer=WriterStats(connected=False), state=state)

    assert ("the store is away" in summary(away)) == said


def test_what_was_given_up_is_told() -> None:
    """In the hash, too."""
    status = replace(a_status(), writer=WriterStats(given_up=Counter(flow=40, rst=2)))

    assert "42 never reached the store" in summary(status)
    assert status.to_fields()["store.given_up"] == 42
