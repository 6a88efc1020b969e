"""The status of the agent: as fields of its hash, and as one line."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from shodohflo.agent.status import MOST_KINDS, MOST_PAIRS, LoadedConfiguration, summary
from shodohflo.columns.frames import ETHERTYPE
from shodohflo.keys.networks import PublishedNetwork
from shodohflo.model import RuleGrade
from shodohflo.store.stats import WriterStats
from support.statuses import a_status

if TYPE_CHECKING:
    from pathlib import Path


def test_the_hash_tells_who_where_and_since_when() -> None:
    """The hash has process, interfaces, networks and configuration, and times in UTC that sort as text."""
    fields = a_status().to_fields()

    assert fields["pid"] == 4711
    assert fields["state"] == "running"
    assert (fields["started"], fields["seen"]) == ("2023-11-14T22:13:20+00:00", "2023-11-14T22:14:20+00:00")
    assert (fields["interfaces"], fields["our_nets"]) == ("eth0 eth1", "192.168.0.0/16")
    assert (fields["configuration"], fields["configuration.digest"]) == ("defaults", "")


def test_the_configuration_says_where_it_stands_and_since_when(tmp_path: Path) -> None:
    """A configuration as text has path, first digits of the digest and load time; the defaults have no digest."""
    path = tmp_path / "notes.py"

    assert str(LoadedConfiguration(None, "", 1_700_000_000.0)) == "defaults, loaded 2023-11-14T22:13:20+00:00"
    assert str(LoadedConfiguration(path, "0123456789abcdef", 1_700_000_000.0)) == (
        f"{path} (SHA-256 0123456789ab), loaded 2023-11-14T22:13:20+00:00"
    )


def test_a_configuration_that_was_refused_is_told_with_the_reason() -> None:
    """A refused reload adds two fields, its reason and its time."""
    good = a_status()
    refused = replace(good.configuration, error="notes.py: no such file", error_time=1_700_000_030.0)

    fields = replace(good, configuration=refused).to_fields()

    assert fields["configuration.error"] == "notes.py: no such file"
    assert fields["configuration.error_time"] == "2023-11-14T22:13:50+00:00"
    assert not any(name.startswith("configuration.error") for name in good.to_fields())


def test_the_hash_names_the_networks() -> None:
    """The networks of the configuration are published, so that readers can ask for them by name."""
    before = a_status()
    networks = (PublishedNetwork("bert", (ip_network("10.0.0.1/32"),)), PublishedNetwork("none", ()))

    fields = replace(before, identity=replace(before.identity, networks=networks)).to_fields()

    assert (fields["networks.0"], fields["networks.1"]) == ("10.0.0.1/32 bert", " none")


def test_the_hash_holds_the_ledger() -> None:
    """Each outcome has a field, unless its count is 0."""
    fields = a_status(recorded_flow=3, handshake=2, refused_truncated=0).to_fields()

    assert (fields["received"], fields["kernel_dropped"]) == (5, 5)
    outcomes = {name: count for name, count in fields.items() if name.startswith("outcomes.")}
    assert outcomes == {"outcomes.recorded.flow": 3, "outcomes.handshake": 2}


def test_the_hash_holds_grades_and_contradictions_of_rules() -> None:
    """Rules that were graded, and rules that overruled evidence, have a field each."""
    status = replace(
        a_status(), grades=(RuleGrade(0, 1244, 51, 20000, 51, 38), RuleGrade(1, 0, 0)), contradicted={2: 7}
    )

    fields = status.to_fields()

    assert fields["grade.FLOW_MAPPING[0]"] == "1244 51 20000 51 38"
    assert fields["contradicted.FLOW_MAPPING[2]"] == 7
    assert sum(name.startswith(("grade.", "contradicted.")) for name in fields) == 2


def test_the_hash_holds_what_was_refused() -> None:
    """Only the `MOST_KINDS` most frequent kinds have fields, so that hostile traffic cannot add more."""
    status = a_status(refused_not=5000)
    status.ledger.unread.update({ETHERTYPE + number: number for number in range(1, 100)})
    status.ledger.unread[ETHERTYPE + 0x0806] = 500

    kinds = {name: count for name, count in status.to_fields().items() if name.startswith("not_ip.")}

    assert len(kinds) == MOST_KINDS
    assert next(iter(kinds.items())) == ("not_ip.0x0806 ARP", 500)


def test_the_hash_holds_the_pairs_of_networks_that_no_rule_decided() -> None:
    """Only the `MOST_PAIRS` most frequent pairs have fields, so that hostile traffic cannot add more."""
    few = a_status()
    many = replace(few, unmatched=Counter({(f"n{number}", "-"): number for number in range(1, 100)}))

    pairs = [name for name in many.to_fields() if name.startswith("unmatched.")]

    assert few.to_fields()["unmatched.all;-"] == 3
    assert len(pairs) == MOST_PAIRS
    assert pairs[0] == "unmatched.n99;-"


def test_everything_in_the_hash_is_text_or_a_number() -> None:
    """All fields are texts or integers, because the store accepts nothing else."""
    assert {type(value) for value in a_status(recorded_flow=3).to_fields().values()} == {str, int}


def test_the_summary_sums_outcomes_by_their_first_word() -> None:
    """The summary adds up outcomes by their first word, and leaves out zeros."""
    line = summary(a_status(recorded_flow=1200, recorded_rst=34, refused_truncated=2))

    assert line == "1,236 packets received (1,234 recorded, 2 refused), 5 dropped by the kernel"


def test_the_summary_of_nothing_says_so() -> None:
    """The summary says `nothing yet` before the first packet."""
    assert summary(a_status()).startswith("0 packets received (nothing yet)")


@pytest.mark.parametrize(
    ("state", "failing", "said"), [("running", True, True), ("running", False, False), ("ended", True, False)]
)
def test_an_absent_store_is_told_while_it_matters(state: str, *, failing: bool, said: bool) -> None:
    """The summary reports an outage only while the agent runs, and while it lasts."""
    away = replace(a_status(), writer=WriterStats(failing=failing, outages=1), state=state)

    assert ("the store is away" in summary(away)) == said


@pytest.mark.parametrize(("waiting", "failing", "said"), [(400, False, False), (400, True, True), (9000, False, True)])
def test_what_waits_is_told_when_it_is_more_than_usual(waiting: int, *, failing: bool, said: bool) -> None:
    """The summary says what waits for a store that is away or too slow; the hash always does."""
    writer = WriterStats(failing=failing, waiting=waiting, waiting_packets=12345)
    status = replace(a_status(), writer=writer)

    assert (f"12,345 packets in {waiting:,} keys wait for the store" in summary(status)) == said
    assert (status.to_fields()["store.waiting"], status.to_fields()["store.waiting_keys"]) == (12345, waiting)


def test_a_store_that_cannot_save_is_told() -> None:
    """The summary and the hash say that the store cannot save its data."""
    status = replace(a_status(), writer=WriterStats(unsaved="its last save in the background failed"))

    assert summary(status).endswith("; the store cannot save what it has")
    assert status.to_fields()["store.unsaved"] == "its last save in the background failed"


def test_what_was_given_up_is_told() -> None:
    """Packets that never reached the store are in the summary and in the hash."""
    status = replace(a_status(), writer=WriterStats(given_up=Counter(client=42, flow=40, rst=2)))

    assert "42 never reached the store" in summary(status)
    assert status.to_fields()["store.given_up"] == 42


def test_what_the_store_lost_is_told() -> None:
    """Packets that the store had confirmed and no longer has are in the summary and in the hash."""
    status = replace(a_status(), writer=WriterStats(lost=Counter(client=42)))

    assert "42 lost by the store" in summary(status)
    assert status.to_fields()["store.lost.client"] == 42
