"""A reload is adopted or refused as a whole, while packets go on being counted."""

from __future__ import annotations

import logging
from ipaddress import ip_network
from threading import Event
from typing import TYPE_CHECKING

import pytest

from shodohflo.agent import Terms
from shodohflo.agent.pidfile import Place, Presence, Reloads
from shodohflo.agent.reloading import Reloading
from shodohflo.config import load
from shodohflo.errors import ConfigurationError
from shodohflo.rules.networks import OUR_4NETS
from support.networks import Namespace, namespace, send
from support.serving import wait_until
from support.sessions import OURS, PACKETS, a_watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shodohflo.agent.session import Watch


@pytest.fixture(name="far")
def _far() -> Iterator[Namespace]:
    """Make the end that sends."""
    with namespace() as far:
        yield far


@pytest.fixture(name="watch")
def _watch(far: Namespace, tmp_path: Path) -> Iterator[Watch]:
    with a_watch(far, tmp_path) as watch:
        yield watch


def terms(path: Path, ttl: int) -> Terms:
    """Write a configuration and load it."""
    path.write_text(f"TTL_GRACE = {ttl}\n")
    return Terms(load(path, {}, privileged=False), OURS)


def brought_to_its_end(reloading: Reloading) -> None:
    """Ask, and go on until it is done."""
    reloading.ask()
    wait_until(reloading.go_on, "the reload has ended")


def test_what_can_be_used_is_adopted(watch: Watch, tmp_path: Path) -> None:
    """And said, with its digest, in the account and in the status."""
    new = terms(tmp_path / "new.py", 60)
    with Presence(Place(tmp_path, "bert")) as presence:
        reloading = Reloading(lambda: new, watch, presence)
        before = Place(tmp_path, "bert").reloads()
        brought_to_its_end(reloading)
        after = Place(tmp_path, "bert").reloads()

    assert before is not None
    assert after is not None
    assert (before.begun, before.answered, before.error) == (0, 0, "")
    assert (after.begun, after.answered, after.error) == (1, 1, "")
    assert new.settings.digest[:12] in after.configuration
    assert watch.terms is new
    assert watch.status().configuration.digest == new.settings.digest


def test_what_cannot_be_used_changes_nothing_and_is_told_until_something_can(
    watch: Watch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In the log, in the account and in the agent's hash."""
    caplog.set_level(logging.INFO)
    before, answers = watch.terms, [ConfigurationError("notes.py:3:1: FLOW_MAPPING[0]: no"), None]
    new = terms(tmp_path / "new.py", 60)

    def reread() -> Terms:
        if error := answers.pop(0):
            raise error
        return new

    with Presence(Place(tmp_path, "bert")) as presence:
        reloading = Reloading(reread, watch, presence)
        brought_to_its_end(reloading)
        kept, told, account = watch.terms, watch.status().to_fields(), Place(tmp_path, "bert").reloads()
        brought_to_its_end(reloading)
        cleared = watch.status().to_fields()

    assert kept is before
    assert told["configuration.error"] == "notes.py:3:1: FLOW_MAPPING[0]: no"
    assert str(told["configuration.error_time"]) >= str(told["configuration.since"])
    assert account == Reloads(1, 1, "notes.py:3:1: FLOW_MAPPING[0]: no", str(account and account.configuration))
    assert "the configuration stays as it was: notes.py:3:1" in caplog.text
    assert "configuration.error" not in cleared
    assert cleared["configuration.digest"] == new.settings.digest


@pytest.mark.parametrize("error", [ZeroDivisionError("division by zero"), SystemExit(3), KeyboardInterrupt()])
def test_whatever_the_file_does_the_agent_goes_on(watch: Watch, error: BaseException) -> None:
    """An operator's code may raise anything."""

    def reread() -> Terms:
        raise error

    brought_to_its_end(Reloading(reread, watch, None))

    assert type(error).__name__ in watch.configuration.error


def test_packets_are_counted_while_the_file_is_read(watch: Watch, far: Namespace, shipped_captures: Path) -> None:
    """However long its code takes."""
    hurry = Event()

    def reread() -> Terms:
        hurry.wait()
        return watch.terms

    reloading = Reloading(reread, watch, None)
    reloading.ask()
    began = reloading.go_on()
    send(far, "far0", shipped_captures / "dpkt-nb6-http.pcap")
    watch.receive(1.0)
    during, ended = watch.status().ledger.received, reloading.go_on()
    hurry.set()
    wait_until(reloading.go_on, "the reload has ended")

    assert (began, during, ended) == (False, PACKETS, False)
    assert watch.status().ledger.received == PACKETS


def test_being_asked_while_reading_makes_one_more_follow(watch: Watch) -> None:
    """The file may have changed after it was read; but no more than one is needed."""
    read: list[int] = []
    hurry = Event()

    def reread() -> Terms:
        read.append(1)
        hurry.wait()
        return watch.terms

    reloading = Reloading(reread, watch, None)
    reloading.ask()
    reloading.go_on()
    for _ in range(3):
        reloading.ask()
        reloading.go_on()
    hurry.set()
    wait_until(reloading.go_on, "the first has ended")
    wait_until(reloading.go_on, "the second has ended")

    assert len(read) == 2
    assert not reloading.go_on()


def test_a_refused_file_leaves_our_networks_as_they_were(watch: Watch) -> None:
    """It may have named others before it failed."""

    def reread() -> Terms:
        OUR_4NETS.prefixes = (ip_network("203.0.113.0/24"),)
        raise ConfigurationError("no")

    brought_to_its_end(Reloading(reread, watch, None))

    assert OUR_4NETS.prefixes == OURS


def test_a_run_without_a_configuration_to_read_again_says_so(watch: Watch) -> None:
    """And goes on."""
    brought_to_its_end(Reloading(None, watch, None))

    assert watch.configuration.error == "this run was given its settings once and for all"
