"""Problems are logged at most once per minute for each reason."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from shodohflo.agent.problems import LEAST_GRADED, DiskLog, GradeLog, ProblemLog, UnmatchedLog
from shodohflo.attribution.ledger import REFUSED
from shodohflo.model import RuleGrade
from shodohflo.store.connection import SocketStore
from shodohflo.store.embedded import EmbeddedStore
from shodohflo.store.stats import WriterStats
from shodohflo.wire.decode import decode
from support.disks import fill, small_disk
from support.packets import frames_of
from support.statuses import a_status

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="log")
def _log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def test_a_complaint_counts_what_is_new(log: pytest.LogCaptureFixture) -> None:
    """The first increase is logged at once, and later ones are collected for a minute."""
    problems = ProblemLog()

    for now, refused in ((0.0, 2), (1.0, 5), (59.0, 9), (60.0, 9), (120.0, 9), (121.0, 10)):
        problems.log_new(a_status(refused_truncated=refused), now)

    told = [record.getMessage() for record in log.records if "truncated" in record.getMessage()]
    assert told == ["2 packets refused.truncated", "7 packets refused.truncated", "1 packet refused.truncated"]


def test_a_hostile_wire_is_told_of_once_a_minute_for_each_reason(log: pytest.LogCaptureFixture) -> None:
    """Frames of all possible link types, every second, make one record per reason and minute."""
    frames = frames_of(*[bytes(4)] * 65_536)
    refused = decode(replace(frames, layer=np.arange(65_536, dtype=np.uint32))).refused
    problems, status = ProblemLog(), a_status()

    for second in range(180):
        status.ledger.outcomes.update({REFUSED.format(reason): count for reason, count in refused.items()})
        problems.log_new(status, float(second))

    told = Counter(message.rsplit(" ", 1)[1] for message in log.messages if "refused." in message)
    assert len(refused) < 1_100
    assert set(told.values()) == {3}


def test_losses_of_the_kernel_are_warnings(log: pytest.LogCaptureFixture) -> None:
    """Packets dropped by the kernel are warnings; refused packets are debug records, because senders cause them."""
    ProblemLog().log_new(a_status(refused_truncated=1), 0.0)

    assert {record.levelno: record.getMessage().split()[0] for record in log.records} == {
        logging.WARNING: "5",
        logging.DEBUG: "1",
    }


def test_actions_that_fail_are_told_by_rule(log: pytest.LogCaptureFixture) -> None:
    """Failures of custom actions are logged by rule, with the last failure."""
    status = a_status()
    status.rules.failures[3] = 8
    status.rules.last_failure[3] = "ZeroDivisionError: division by zero"

    ProblemLog().log_new(status, 0.0)

    assert "8 times FLOW_MAPPING[3] gave no answer, most recently: ZeroDivisionError: division by zero" in log.messages


def test_counters_that_begin_anew_are_followed(log: pytest.LogCaptureFixture) -> None:
    """A counter that restarts at 0, as evictions do with the store, is logged from 0 on."""
    problems = ProblemLog()

    for now, evicted in ((0.0, 8), (30.0, 0), (90.0, 2)):
        problems.log_new(replace(a_status(), writer=WriterStats(evicted=evicted)), now)

    assert [line.split()[0] for line in log.messages if "memory" in line] == ["8", "2"]


def test_nothing_wrong_is_nothing_said(log: pytest.LogCaptureFixture) -> None:
    """Nothing is logged if there is no problem, however many packets are received."""
    status = a_status(recorded_flow=10**6)

    ProblemLog().log_new(replace(status, ledger=replace(status.ledger, kernel_dropped=0)), 0.0)

    assert log.messages == []


def hinted(log: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings about unmatched packets."""
    return [message for message in log.messages if message.startswith("in the last minute, ")]


def test_a_minute_in_which_nearly_all_is_unmatched_is_told(log: pytest.LogCaptureFixture) -> None:
    """The packets of each minute are looked at by themselves, and the warning has the way out."""
    unmatched = UnmatchedLog(0.0)

    status = a_status()
    for now, recorded, lost in ((59.0, 0, 500), (60.0, 100, 500), (120.0, 150, 549), (180.0, 151, 749)):
        status.ledger.outcomes["recorded.flow"], status.ledger.outcomes["unmatched.no_rule"] = recorded, lost
        assert hinted(log) == []
        unmatched.log_new(status, now)

    (warning,) = hinted(log)
    assert warning.startswith("in the last minute, 99 % of 201 packets that reached the rules are unmatched")
    assert "our networks are 192.168.0.0/16: name others with --our-nets" in warning


def test_the_warning_says_why_by_the_packets_of_that_minute(log: pytest.LogCaptureFixture) -> None:
    """The pair of networks is that of most packets in the last minute, whatever was before."""
    unmatched, status = UnmatchedLog(0.0), a_status()
    status.ledger.outcomes["recorded.flow"] = 10_000
    unmatched.log_new(replace(status, unmatched=Counter({("ours", "ours"): 500})), 60.0)
    status.ledger.outcomes["unmatched.no_rule"] = 300
    unmatched.log_new(replace(status, unmatched=Counter({("ours", "ours"): 500, ("all", "-"): 300})), 120.0)

    (warning,) = hinted(log)
    assert "100 % of them go from all to an address in no network" in warning


def test_unmatched_traffic_is_told_once_an_hour_and_again_for_other_networks(log: pytest.LogCaptureFixture) -> None:
    """A span port with much traffic of others has one warning an hour; other networks of ours have one at once."""
    unmatched, status = UnmatchedLog(0.0), a_status()
    other = replace(status, identity=replace(status.identity, our_nets=()))

    for minute in range(1, 122):
        status.ledger.outcomes["unmatched.no_rule"] += 100
        unmatched.log_new(other if minute == 90 else status, 60.0 * minute)

    assert len(hinted(log)) == 4


def test_what_never_reached_the_store_is_a_warning(log: pytest.LogCaptureFixture) -> None:
    """Keys that the store refused, and packets that were given up or lost, are warnings, each with its number."""
    status = replace(a_status(), writer=WriterStats(refused=3, lost=Counter(flow=9), no_room=Counter(rst=42)))

    ProblemLog().log_new(status, 0.0)

    told = {record.getMessage().partition(":")[0] for record in log.records if record.levelno == logging.WARNING}
    assert {
        "3 keys refused by the store",
        "42 counts of new rst keys not kept",
        "9 counts of flow keys lost by the store, which had confirmed them, and not known any more",
    } <= told


def contradicted(log: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings about rules that evidence contradicts."""
    return [record.getMessage() for record in log.records if "disagree with evidence" in record.getMessage()]


def test_a_rule_that_evidence_contradicts_is_told_once_an_hour(log: pytest.LogCaptureFixture) -> None:
    """The warning names the rule, its share and its worst port; each rule has its own hour."""
    grades, status = GradeLog(), a_status()
    wrong, right = RuleGrade(0, 1244, 51, 20_000, 51, 38), RuleGrade(1, 1244, 12, 443, 12, 12)

    for now in (0.0, 3599.0, 3600.0):
        grades.log_new(replace(status, grades=(wrong, right)), now)
    grades.log_new(replace(status, grades=(wrong, replace(wrong, rule=1))), 3700.0)

    assert [message.partition("]")[0] for message in contradicted(log)] == [
        "FLOW_MAPPING[0",
        "FLOW_MAPPING[0",
        "FLOW_MAPPING[1",
    ]
    assert "4.1 % disagree with evidence; worst port 20000: 38 of 51" in contradicted(log)[0]


def test_rules_are_told_again_when_they_change(log: pytest.LogCaptureFixture) -> None:
    """Other rules under the same numbers have their own hour."""
    grades, status = GradeLog(), replace(a_status(), grades=(RuleGrade(0, 1244, 51),))
    other = replace(status, configuration=replace(status.configuration, digest="other"))

    for now, each in ((0.0, status), (1.0, other), (2.0, other)):
        grades.log_new(each, now)

    assert len(contradicted(log)) == 2


@pytest.mark.parametrize(("graded", "disagreed", "told"), [(99, 99, 0), (100, 1, 0), (100, 2, 1), (1000, 10, 0)])
def test_few_flows_and_few_errors_are_no_warning(
    log: pytest.LogCaptureFixture, graded: int, disagreed: int, told: int
) -> None:
    """A rule is warned of from 100 graded flows on, if more than 1 % of them contradict it."""
    assert LEAST_GRADED == 100

    GradeLog().log_new(replace(a_status(), grades=(RuleGrade(0, graded, disagreed),)), 0.0)

    assert len(contradicted(log)) == told


def test_a_full_disk_is_told_once_a_minute_and_room_again_once(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    """Only the disk of an embedded store that is ours matters."""
    with small_disk(tmp_path / "state") as state:
        store = EmbeddedStore(state)
        store.connect().connection_pool.disconnect()
        disk, other = DiskLog(store), DiskLog(SocketStore(state / "store.sock"))
        disk.log_new(a_status(), 0.0)
        filling = fill(state)
        for now in (1.0, 2.0, 62.0):
            disk.log_new(a_status(), now)
            other.log_new(a_status(), now)
        filling.unlink()
        for now in (63.0, 64.0):
            disk.log_new(a_status(), now)
        store.close()

    told = [record.getMessage() for record in log.records if record.name.startswith("shodohflo.agent")]
    assert [message.endswith("make room") for message in told] == [True, True, False]
    assert f"0 bytes are free in {state}" in told[0]
    assert "room to save its data again" in told[2]
