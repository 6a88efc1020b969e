"""Startup of the agent: load the configuration, derive our networks, log findings, check rights, open the store."""

from __future__ import annotations

import logging
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shodohflo.analysis.check.proof import check
from shodohflo.capture.live.interfaces import Wanted, our_networks
from shodohflo.capture.live.netlink import list_interfaces
from shodohflo.capture.live.packet_socket import CaptureNotPermittedError, refuse_without_right
from shodohflo.config import SEARCHED, Configuration, Settings, find, load
from shodohflo.config.derived import refuse_swallowed
from shodohflo.config.findings import Level
from shodohflo.errors import ConfigurationError
from shodohflo.keys import agent_name
from shodohflo.report.findings import in_one_line
from shodohflo.store.connection import RemoteStore, Store
from shodohflo.store.directory import invoking_group, state_directory
from shodohflo.store.embedded import EmbeddedStore
from shodohflo.store.urls import parse_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack
    from pathlib import Path

    from shodohflo.config.findings import Report
    from shodohflo.model import Network


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunArguments:
    """The arguments of the command line."""

    wanted: Wanted
    our_nets: tuple[Network, ...]
    config: Path | None
    store: str | None
    duration: float | None
    name: str | None
    ledger: Path | None
    promiscuous: bool

    def settle(self, path: Path | None, tell: Callable[[str], None]) -> Configuration:
        """Load the configuration at `path`, and return it with our networks; derived ones are reported by `tell`."""
        settings = load(path)
        return Configuration(settings, self.our_nets or self._derive_networks(settings, tell))

    def reread(self, before: Settings) -> Configuration:
        """Load the configuration again, check it and log the findings; `ConfigurationError` if it can't be used."""
        configuration = self.settle(before.path or find(self.config, SEARCHED), _log.info)
        report = check(configuration)
        log_findings(report, configuration.settings)
        if report.worst == Level.ERROR:
            raise ConfigurationError(in_one_line(report.findings[0]))
        for name in not_reloadable(before, configuration.settings, store_named=bool(self.store)):
            _log.warning("%s has changed, which takes effect when the agent is restarted", name)
        logging.getLogger().setLevel(configuration.settings.log_level)
        return configuration

    def _derive_networks(self, settings: Settings, tell: Callable[[str], None]) -> tuple[Network, ...]:
        """Derive our networks from the addresses of the chosen interfaces."""
        interfaces = list_interfaces()
        self.wanted.refuse_unknown(interfaces)
        derived = our_networks(self.wanted.choose(interfaces).listened, interfaces)
        refuse_swallowed(settings.enumeration, derived)
        told = (
            ", ".join(map(str, derived)) or "none, so that only rules about other networks can match (see --our-nets)"
        )
        tell(f"our networks, from the addresses of the interfaces: {told}")
        return derived


def host_name() -> str:
    """Return the name of an agent that was given none: that of this host."""
    try:
        return agent_name(socket.gethostname())
    except ValueError as error:
        raise ConfigurationError(f"the name of this host: {error}; or name the agent with --name") from error


def not_reloadable(before: Settings, after: Settings, *, store_named: bool) -> Iterator[str]:
    """Yield the settings that differ and can't be changed while the agent runs."""
    if not store_named and after.store != before.store:
        yield "REDIS_SERVER"
    if not store_named and after.store is before.store is None and after.store_memory != before.store_memory:
        yield "STORE_MEMORY"


def refuse_without_rights() -> None:
    """Raise `CaptureNotPermittedError` if this process may not capture, before anything is started."""
    try:
        refuse_without_right()
    except CaptureNotPermittedError as error:
        raise CaptureNotPermittedError(f"{error}; `shodohflo demo` (or `make demo`) needs no rights") from error


def log_findings(report: Report, settings: Settings) -> None:
    """Log findings of `shodohflo check`; notes only if the rules are the operator's own."""
    for finding in report.findings:
        if finding.level != Level.NOTE:
            _log.warning("%s", in_one_line(finding))
        elif settings.has_own_rules:
            _log.info("%s", in_one_line(finding))


def named_store(named: str | None, settings: Settings, closing: ExitStack) -> Store:
    """Return the named store, otherwise the embedded one, which is started here and closed by `closing`.

    A named store need not be reachable yet. An embedded store that can't be started raises `StoreError` at once.
    """
    if url := named or settings.store:
        return RemoteStore(parse_url(url))
    user = os.geteuid()
    embedded = EmbeddedStore(
        state_directory(os.environ, user), group=invoking_group(os.environ, user), megabytes=settings.store_memory
    )
    closing.callback(embedded.close)
    with embedded.connect():
        return embedded
