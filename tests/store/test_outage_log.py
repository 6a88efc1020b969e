"""An outage is logged at most once a minute, and its end once."""

from __future__ import annotations

import logging

import pytest

from shodohflo.store.outage_log import OutageLog


@pytest.fixture(autouse=True)
def _informed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "shodohflo")


def test_repeated_failures_within_a_minute_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """The first failure is logged, and the next line comes 60 seconds later at the earliest."""
    log = OutageLog("unix:///s.sock")

    for now in (0.0, 1.0, 59.9, 60.0, 61.0):
        log.lost(f"failure at {now}", now)

    assert caplog.messages == [
        "failure at 0.0; still counting, trying again",
        "failure at 60.0; for 60 s now; still counting, trying again",
    ]


def test_a_line_says_what_waits_and_for_how_long(caplog: pytest.LogCaptureFixture) -> None:
    """An outage begins with its first failure, logged or not, and ends when the store takes something."""
    log = OutageLog("unix:///s.sock")

    log.lost("gone", 0.0, waiting=7)
    log.lost("gone", 90.0, waiting=12_345)
    log.recovered()
    log.lost("gone again", 150.0)

    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "gone; still counting, 7 recorded packets wait, trying again",
        "gone; for 90 s now; still counting, 12,345 recorded packets wait, trying again",
        "gone again; still counting, trying again",
    ]


def test_the_end_of_an_outage_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """The end of an outage is logged once, and only after a warning."""
    log = OutageLog("unix:///s.sock")

    log.recovered()
    log.lost("gone", 0.0)
    log.recovered()
    log.recovered()

    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "gone; still counting, trying again"),
        ("INFO", "store unix:///s.sock: writing again"),
    ]


def test_an_outage_that_was_not_logged_has_no_end_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A store that comes and goes within a minute causes two log lines in all."""
    log = OutageLog("unix:///s.sock")

    for second in range(10):
        log.lost("gone", float(second))
        log.recovered()

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_lasting_failure_is_news_after_one_that_may_pass(caplog: pytest.LogCaptureFixture) -> None:
    """A failure that only somebody can end is logged at once, with the words that say so."""
    log = OutageLog("unix:///s.sock")

    log.lost("gone", 0.0)
    log.lost("wrong password", 1.0, lasting=True)
    log.lost("wrong password", 2.0, lasting=True)

    assert caplog.messages == [
        "gone; still counting, trying again",
        "wrong password; for 1 s now; nothing is written until somebody corrects this; still counting, trying again",
    ]


def test_a_store_that_cannot_save_is_told_until_it_can(caplog: pytest.LogCaptureFixture) -> None:
    """Data that cannot be saved are a warning at most once a minute, and a line when they are saved again."""
    log = OutageLog("unix:///s.sock")

    for now in range(64):
        log.saving("disk full" if 1 <= now <= 61 else "", now)

    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "INFO"]
    assert "disk full: what it has would be lost at its restart" in caplog.messages[0]


def test_a_refused_heartbeat_says_nothing_of_counts_that_are_not_written(caplog: pytest.LogCaptureFixture) -> None:
    """That counts still are written is only said of a store that is not away."""
    log = OutageLog("unix:///s.sock")

    log.heartbeat_refused("no permission", 0.0)
    log.lost("read only", 10.0)
    log.heartbeat_refused("read only", 60.0)

    assert caplog.messages[0].endswith("the heartbeat of this agent was not written, counts still are")
    assert caplog.messages[2].endswith("the heartbeat of this agent was not written")


def test_a_refused_heartbeat_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """Refused heartbeats are logged at most once a minute, and do not make the store one that is lost."""
    log = OutageLog("unix:///s.sock")

    for now in (0.0, 10.0, 59.0, 60.0):
        log.heartbeat_refused("no permission", now)
    log.recovered()

    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_refused_hashes_are_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """The line says what is not written, and that counts are."""
    log = OutageLog("one")
    with caplog.at_level(logging.INFO):
        for now in (0.0, 30.0, 61.0):
            log.hashes_refused("store one: no permission", now)

    line = "store one: no permission; what is known of services and knocks was not written, counts still are"
    assert [record.getMessage() for record in caplog.records] == [line] * 2
