"""Reloading: a configuration is adopted or refused as a whole, while packets are counted."""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import replace
from ipaddress import ip_address, ip_network
from threading import Event
from typing import TYPE_CHECKING

import pytest

from shodohflo.agent.pidfile import AgentFiles, PidFile, ReloadStatus
from shodohflo.agent.reloading import Reloading
from shodohflo.capture.filters.expression import CaptureFilter
from shodohflo.capture.filters.instructions import RET, Instruction
from shodohflo.config import Configuration, load
from shodohflo.errors import ConfigurationError
from shodohflo.rules.networks import update_our_nets
from support.networks import Namespace, namespace, send
from support.rule_sets import our_nets
from support.serving import wait_until
from support.sessions import OURS, PACKETS, a_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shodohflo.agent.session import Session
    from shodohflo.config import Settings
    from shodohflo.model import Network


@pytest.fixture(name="far")
def _far() -> Iterator[Namespace]:
    """Return the namespace that sends."""
    with namespace() as far:
        yield far


@pytest.fixture(name="session")
def _session(far: Namespace, tmp_path: Path) -> Iterator[Session]:
    with a_session(far, tmp_path) as session:
        yield session


def configuration(path: Path, ttl: int) -> Configuration:
    """Write a configuration and load it."""
    path.write_text(f"TTL_GRACE = {ttl}\n")
    return Configuration(load(path, {}, privileged=False), OURS)


def brought_to_its_end(reloading: Reloading) -> None:
    """Request a reload and poll until it has finished."""
    reloading.request()
    wait_until(reloading.poll, "the reload has ended")


def test_what_can_be_used_is_adopted(session: Session, tmp_path: Path) -> None:
    """A valid configuration is adopted, and its digest is in the reload status and in the agent's status."""
    new = configuration(tmp_path / "new.py", 60)
    with PidFile(AgentFiles(tmp_path, "bert")) as pid_file:
        reloading = Reloading(lambda: new, session, pid_file)
        before = AgentFiles(tmp_path, "bert").reload_status()
        brought_to_its_end(reloading)
        after = AgentFiles(tmp_path, "bert").reload_status()

    assert before is not None
    assert after is not None
    assert (before.begun, before.answered, before.error) == (0, 0, "")
    assert (after.begun, after.answered, after.error) == (1, 1, "")
    assert new.settings.digest[:12] in after.configuration
    assert session.configuration is new
    assert session.status().configuration.digest == new.settings.digest


def test_what_cannot_be_used_changes_nothing_and_is_told_until_something_can(
    session: Session, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A refused configuration changes nothing; its error is logged, published and in the hash until one succeeds."""
    caplog.set_level(logging.INFO)
    before, answers = session.configuration, [ConfigurationError("notes.py:3:1: FLOW_MAPPING[0]: no"), None]
    new = configuration(tmp_path / "new.py", 60)

    def reread() -> Configuration:
        if error := answers.pop(0):
            raise error
        return new

    with PidFile(AgentFiles(tmp_path, "bert")) as pid_file:
        reloading = Reloading(reread, session, pid_file)
        brought_to_its_end(reloading)
        kept, told = session.configuration, session.status().to_fields()
        account = AgentFiles(tmp_path, "bert").reload_status()
        brought_to_its_end(reloading)
        cleared = session.status().to_fields()

    assert kept is before
    assert told["configuration.error"] == "notes.py:3:1: FLOW_MAPPING[0]: no"
    assert str(told["configuration.error_time"]) >= str(told["configuration.since"])
    assert account == ReloadStatus(1, 1, "notes.py:3:1: FLOW_MAPPING[0]: no", str(account and account.configuration))
    assert "the configuration stays as it was: notes.py:3:1" in caplog.text
    assert "configuration.error" not in cleared
    assert cleared["configuration.digest"] == new.settings.digest


@pytest.mark.parametrize("error", [ZeroDivisionError("division by zero"), SystemExit(3), KeyboardInterrupt()])
def test_whatever_the_file_does_the_agent_goes_on(session: Session, error: BaseException) -> None:
    """The agent survives any exception from the configuration, even SystemExit and KeyboardInterrupt."""

    def reread() -> Configuration:
        raise error

    brought_to_its_end(Reloading(reread, session, None))

    assert type(error).__name__ in session.loaded.error


def test_packets_are_counted_while_the_file_is_read(session: Session, far: Namespace, shipped_captures: Path) -> None:
    """Packets are counted while the configuration is loaded, however long that takes."""
    hurry = Event()

    def reread() -> Configuration:
        hurry.wait()
        return session.configuration

    reloading = Reloading(reread, session, None)
    reloading.request()
    began = reloading.poll()
    send(far, "far0", shipped_captures / "dpkt-nb6-http.pcap")
    session.receive(1.0)
    during, ended = session.status().ledger.received, reloading.poll()
    hurry.set()
    wait_until(reloading.poll, "the reload has ended")

    assert (began, during, ended) == (False, PACKETS, False)
    assert session.status().ledger.received == PACKETS


@pytest.mark.parametrize("hang", [lambda: [None for _ in iter(int, 1)], lambda: Event().wait()], ids=["loop", "wait"])
def test_a_reload_that_never_ends_is_given_up(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hang: Callable[[], object]
) -> None:
    """A reload that hangs is refused with the place where it hangs; the next one works, and a loop is stopped."""
    monkeypatch.setattr("shodohflo.agent.reloading.PATIENCE", 0.2)
    before, new, hangs = session.configuration, configuration(tmp_path / "new.py", 60), [True]

    def reread() -> Configuration:
        if hangs:
            hangs.pop()
            hang()
        return new

    reloading = Reloading(reread, session, None)
    brought_to_its_end(reloading)
    kept, error = session.configuration, session.loaded.error
    brought_to_its_end(reloading)

    assert kept is before
    assert re.fullmatch(r"it was not ready within 0.2 seconds, and is at /\S+\.py:\d+", error)
    assert session.configuration is new

    def ended() -> bool:
        reloading.poll()
        return not any(thread.name == "reload" for thread in threading.enumerate())

    if "iter" in hang.__code__.co_names:
        wait_until(ended, "the loop has been interrupted")


def test_being_asked_while_reading_makes_one_more_follow(session: Session) -> None:
    """Requests during a reload cause exactly one more, because the file may have changed after it was read."""
    read: list[int] = []
    hurry = Event()

    def reread() -> Configuration:
        read.append(1)
        hurry.wait()
        return session.configuration

    reloading = Reloading(reread, session, None)
    reloading.request()
    reloading.poll()
    for _ in range(3):
        reloading.request()
        reloading.poll()
    hurry.set()
    wait_until(reloading.poll, "the first has ended")
    wait_until(reloading.poll, "the second has ended")

    assert len(read) == 2
    assert not reloading.poll()


def test_a_refused_file_leaves_our_networks_as_they_were(session: Session) -> None:
    """A file that calls `update_our_nets` and then fails does not change our networks."""

    def reread() -> Configuration:
        update_our_nets("203.0.113.0/24")
        raise ConfigurationError("no")

    with our_nets():
        brought_to_its_end(Reloading(reread, session, None))

        assert session.configuration.named == OURS
        assert session.configuration.networks.network(OURS[0][1]) == 1
        assert session.configuration.networks.network(ip_address("203.0.113.1")) == 2


OTHER = (ip_network("198.51.100.0/24"), ip_network("2001:db8:7::/64"))


def adapted(settings: Settings, networks: tuple[Network, ...]) -> Configuration:
    """Return the configuration for other networks."""
    return Configuration(settings, networks)


def test_networks_of_new_addresses_are_taken_up_without_reading_the_file(session: Session) -> None:
    """Other derived networks replace ours; settings and load time stay, and nobody's reload is answered by that."""
    loaded, settings = session.loaded, session.configuration.settings
    session.refuse("no")
    reloading = Reloading(None, session, None, adapted)

    reloading.follow(OTHER, 0.0)
    answers = [reloading.poll()]
    wait_until(lambda: reloading.poll() or session.configuration.named == OTHER, "they are adopted")

    assert answers == [False]
    assert not reloading.poll()
    assert session.configuration.settings is settings
    assert (session.loaded.since, session.loaded.error) == (loaded.since, "no")
    assert session.status().identity.our_nets == OTHER


def test_networks_are_followed_only_so_often(session: Session) -> None:
    """A second change within five seconds waits, and the networks in force then are those of the last change."""
    asked: list[tuple[Network, ...]] = []

    def noting(settings: Settings, networks: tuple[Network, ...]) -> Configuration:
        asked.append(networks)
        return Configuration(settings, networks)

    reloading = Reloading(None, session, None, noting)
    for now, networks in ((0.0, OTHER), (1.0, OTHER[:1]), (4.9, OTHER[1:]), (5.0, OTHER[1:]), (99.0, OTHER[1:])):
        reloading.follow(networks, now)
        reloading.poll()
    wait_until(lambda: bool(reloading.poll()) or session.configuration.named == OTHER[1:], "the last is adopted")

    assert asked == [OTHER, OTHER[1:]]


def test_networks_stay_when_the_last_address_goes_and_when_they_are_named(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """Without any address our networks stay, with one warning; named networks stay whatever the addresses are."""
    before = session.configuration
    derived, named = Reloading(None, session, None, adapted), Reloading(None, session, None)

    for now in (0.0, 10.0):
        derived.follow((), now)
        named.follow(OTHER, now)
        derived.poll()
        named.poll()

    assert session.configuration is before
    (warning,) = caplog.messages
    assert "ours stay 95.136.242.0/24, and by default fc00::/7 (OUR_6NETS)" in warning


def test_networks_that_the_configuration_cannot_take_change_nothing(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """If derived networks would swallow a host, ours stay and the log says why."""
    before = session.configuration

    def refusing(_settings: Settings, _networks: tuple[Network, ...]) -> Configuration:
        raise ConfigurationError("10.0.0.0/8 swallows bert")

    reloading = Reloading(None, session, None, refusing)
    reloading.follow(OTHER, 0.0)
    wait_until(lambda: reloading.poll() or "stays as it was: 10.0.0.0/8 swallows bert" in caplog.text, "it is refused")

    assert session.configuration is before


def test_networks_that_a_reload_found_are_followed_when_they_go(session: Session) -> None:
    """A reload derives the networks itself, and an address that it found and that has gone since is not ours."""
    before = session.configuration
    found = Configuration(before.settings, OTHER)
    reloading = Reloading(lambda: found, session, None, adapted)
    reloading.follow(OTHER[:1], 0.0)
    wait_until(lambda: reloading.poll() or session.configuration.named == OTHER[:1], "they are adopted")
    brought_to_its_end(reloading)

    reloading.follow(OTHER[:1], 10.0)
    wait_until(lambda: reloading.poll() or session.configuration.named == OTHER[:1], "they are followed")


def test_networks_that_are_in_force_again_are_not_taken_up_again(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """If the addresses return after networks that were refused, nothing is made; the others are refused again."""
    asked: list[tuple[Network, ...]] = []

    def refusing(_settings: Settings, networks: tuple[Network, ...]) -> Configuration:
        asked.append(networks)
        raise ConfigurationError("no")

    named = session.configuration.named
    reloading = Reloading(None, session, None, refusing)
    for now, networks, refusals in ((0.0, OTHER, 1), (10.0, named, 1), (20.0, OTHER, 2)):
        reloading.follow(networks, now)
        reloading.poll()
        wait_until(lambda: reloading.poll() or len(caplog.messages) == refusals, "it is refused")  # noqa: B023 - called at once

    assert asked == [OTHER, OTHER]


def test_a_run_without_a_configuration_to_read_again_says_so(session: Session) -> None:
    """A reload without a configuration file is refused with that reason."""
    brought_to_its_end(Reloading(None, session, None))

    assert session.loaded.error == "this run has no configuration file to reload"


def test_a_reload_without_any_address_keeps_the_networks_in_force(session: Session) -> None:
    """If no interface has an address when the file is read again, our networks stay, if they come from addresses."""
    settings = session.configuration.settings
    nothing = Configuration(settings, ())
    in_force = session.configuration.named

    brought_to_its_end(Reloading(lambda: nothing, session, None, adapted))
    derived = session.configuration.named
    brought_to_its_end(Reloading(lambda: nothing, session, None))

    assert derived == in_force
    assert session.configuration.named == ()


def test_a_filter_is_changed_with_the_configuration(session: Session) -> None:
    """A reload changes the filter; the status names the one in force, and the ledger all of them."""
    settings = session.configuration.settings
    for expression in ("port 80", "port 80", "port 81"):
        passing = Configuration(replace(settings, capture_filter=CaptureFilter.of(expression)), OURS)
        brought_to_its_end(Reloading(lambda: passing, session, None))  # noqa: B023 - called at once
    with_filter = session.status()
    brought_to_its_end(Reloading(lambda: Configuration(settings, OURS), session, None))

    assert (with_filter.passing, with_filter.ledger.filters) == ("port 81", ("port 80", "port 81"))
    assert with_filter.to_fields()["filter"] == "port 81"
    assert session.status().ledger.filters == ("port 80", "port 81", "no filter")
    assert "filter" not in session.status().to_fields()


def test_a_filter_that_the_kernel_refuses_changes_nothing(session: Session) -> None:
    """The kernel looks at a program as a whole; if it does not take it, the whole configuration is refused."""
    settings = session.configuration.settings
    passing = CaptureFilter("odd", {1: (Instruction(0xFFFF), Instruction(RET))}, {})
    refused = Configuration(replace(settings, capture_filter=passing), OTHER)

    brought_to_its_end(Reloading(lambda: refused, session, None))

    assert "the kernel refused a filter" in session.loaded.error
    assert session.configuration.named != OTHER
    assert session.status().passing == ""
