"""Startup: findings in the log, our networks, the store, and settings that a reload cannot change."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from shodohflo.agent.signals import Signals
from shodohflo.agent.startup import RunArguments, host_name, log_findings, named_store, not_reloadable
from shodohflo.capture.filters.expression import CaptureFilter
from shodohflo.capture.live.interfaces import Wanted
from shodohflo.config import load
from shodohflo.config.findings import Code, Finding, Report
from shodohflo.errors import CaptureError, ConfigurationError
from support.serving import Server, free_port, programs

if TYPE_CHECKING:
    from pathlib import Path

OURS = (ip_network("10.0.0.0/8"),)
FINDINGS = Report((Finding(Code.DEAD_RULE, "FLOW_MAPPING[1]", "dead"), Finding(Code.UNCOVERED_PAIR, "a > b", "bare")))


def arguments(config: Path | None = None) -> RunArguments:
    """Return the arguments of a run with our networks named."""
    return RunArguments(
        wanted=Wanted(),
        our_nets=OURS,
        config=config,
        store=None,
        duration=None,
        name=None,
        ledger=None,
        promiscuous=True,
    )


def test_the_name_of_the_host_names_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is in lower case, and a host whose name cannot be part of a key needs --name."""
    monkeypatch.setattr("socket.gethostname", lambda: "Bert.Example.NET")
    assert host_name() == "bert.example.net"

    monkeypatch.setattr("socket.gethostname", lambda: "bert;flow")
    with pytest.raises(ConfigurationError, match=r"the name of this host: .*; or name the agent with --name"):
        host_name()


def test_settings_that_only_a_new_start_changes_are_named() -> None:
    """Changed settings that need a restart are reported, unless the command line overrides them."""
    before = load(None, {})
    other_store, more = replace(before, store="valkey://db"), replace(before, store_memory=512)

    assert list(not_reloadable(before, other_store, store_named=False)) == ["REDIS_SERVER"]
    assert list(not_reloadable(before, more, store_named=False)) == ["STORE_MEMORY"]
    assert list(not_reloadable(before, replace(before, evidence_memory=8), store_named=True)) == ["EVIDENCE_MEMORY"]
    assert list(not_reloadable(before, replace(before, ttl=3), store_named=False)) == []
    assert list(not_reloadable(before, other_store, store_named=True)) == []
    assert list(not_reloadable(other_store, replace(other_store, store_memory=512), store_named=False)) == []


def test_notes_are_logged_only_about_rules_of_the_operator(caplog: pytest.LogCaptureFixture) -> None:
    """Warnings are always logged, notes only if the rules are the operator's own."""
    caplog.set_level(logging.INFO)
    defaults = load(None, {})

    log_findings(FINDINGS, defaults)
    about_defaults = [record.levelname for record in caplog.records]
    caplog.clear()
    log_findings(FINDINGS, replace(defaults, places={"FLOW_MAPPING": "c.py:1:1"}))

    assert about_defaults == ["WARNING"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_named_networks_are_taken_as_they_are() -> None:
    """Named networks are taken without deriving any from interfaces, and are told."""
    said: list[str] = []

    configuration = arguments().settle(None, said.append)

    assert configuration.named == OURS
    assert said == ["our networks: 10.0.0.0/8, and by default fc00::/7 (OUR_6NETS)"]


def test_other_networks_are_checked_like_a_reload(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Networks derived later are logged with the findings about them, and refused if they swallow a host."""
    caplog.set_level(logging.INFO)
    path = tmp_path / "bert.py"
    path.write_text(
        "from shodohflo.pcap_config import *\n"
        "NETWORK_ENUMERATION = NetworkEnumeration(('ours', OUR_4NETS), ('bert', '10.0.0.1'), ('all', '0.0.0.0/0'))\n"
        "FLOW_MAPPING = FlowMapping((None, 'ours', LowerPort()), (None, 'bert', LowerPort()))\n"
    )
    settings = load(path, {}, privileged=False)
    running = replace(arguments(), our_nets=())

    configuration = running.adapt(settings, (ip_network("192.0.2.0/24"),))

    assert configuration.named == (ip_network("192.0.2.0/24"),)
    assert "our networks, from the addresses of the interfaces, are now 192.0.2.0/24" in caplog.messages
    assert "UNCOVERED-PAIR" in caplog.text
    with pytest.raises(ConfigurationError, match=r"10\.0\.0\.0/24, derived .* swallows 10\.0\.0\.1/32"):
        running.adapt(settings, (ip_network("10.0.0.0/24"),))


def test_a_reload_of_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    """A reload of a deleted file raises `ConfigurationError` with its name."""
    path = tmp_path / "gone.py"

    with pytest.raises(ConfigurationError, match=r"gone\.py: no such file"):
        arguments(path).reread(replace(load(None, {}), path=path))


def test_a_named_store_need_not_be_reachable() -> None:
    """A named store may be away at startup, and the command line overrides the setting."""
    settings = replace(load(None, {}), store=f"valkey://127.0.0.1:{free_port()}")
    named = f"valkey://localhost:{free_port()}"

    with ExitStack() as closing:
        both = [arguments(), replace(arguments(), store=named)]
        stores = [named_store(each, settings, closing, Signals()).name for each in both]

    assert stores == [settings.store, named]


@pytest.mark.parametrize(
    ("url", "said"),
    [("valkey://:wrong@127.0.0.1:{}", "correct user and password"), ("valkey://:right@127.0.0.1:{}/99", "database")],
)
def test_a_store_that_will_never_take_anything_is_refused(tmp_path: Path, url: str, said: str) -> None:
    """A store that only somebody can correct is an error of the configuration, unless it is to be waited for."""
    server = Server(programs()["valkey"](), tmp_path).start()
    with server.client() as admin:
        admin.config_set("requirepass", "right")

    with pytest.raises(ConfigurationError, match=said) as caught, ExitStack() as closing:
        named_store(replace(arguments(), store=url.format(server.port)), load(None, {}), closing, Signals())
    patient = replace(arguments(), store=url.format(server.port), wait_for_store=True)
    with ExitStack() as closing:
        assert named_store(patient, load(None, {}), closing, Signals()).connections() == frozenset()
    server.kill()

    assert caught.value.exit_code == 2
    assert "wrong" not in str(caught.value).replace("wrong number", "")


def test_an_interface_that_is_away_is_no_reason_to_refuse_a_reload(tmp_path: Path) -> None:
    """At the start, a name that does not exist is an error; later, the interface may come back."""
    path = tmp_path / "ours.py"
    path.write_text("TTL_GRACE = 60\n")
    running = replace(arguments(path), our_nets=(), wanted=Wanted(("ppp7",)))

    with pytest.raises(CaptureError, match="there is no interface ppp7"):
        running.settle(path, print)
    configuration = running.reread(replace(load(None, {}), path=path))

    assert configuration.named == ()
    assert configuration.settings.ttl == 60


def test_the_filter_of_the_command_line_takes_the_place_of_the_setting(tmp_path: Path) -> None:
    """At the start and after a reload."""
    path = tmp_path / "filtering.py"
    path.write_text('CAPTURE_FILTER = "udp"\n')
    given = CaptureFilter.of("tcp")
    settings = [
        (running := replace(arguments(path), passing=passing)).settle(path, print).settings for passing in (None, given)
    ]
    again = running.reread(settings[1]).settings

    assert [each.capture_filter for each in (*settings, again)] == [CaptureFilter.of("udp"), given, given]
