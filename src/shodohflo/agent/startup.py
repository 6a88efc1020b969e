"""What a run of the agent begins with: the configuration, our networks, the store and what `check` finds."""

from __future__ import annotations

import logging
import os
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
    """What the command line asks for."""

    wanted: Wanted
    our_nets: tuple[Network, ...]
    config: Path | None
    store: str | None
    duration: float | None
    name: str | None
    ledger: Path | None
    promiscuous: bool

    def settle(self, path: Path | None, tell: Callable[[str], None]) -> Configuration:
        """Load the configuration at `path`, and return it with our networks; `tell` of them if they are derived."""
        settings = load(path)
        return Configuration(settings, self.our_nets or self._derive_networks(settings, tell))

    def reread(self, before: Settings) -> Configuration:
        """Load the configuration again, check it and log what was found; `ConfigurationError` if it can't be used."""
        configuration = self.settle(before.path or find(self.config, SEARCHED), _log.info)
        report = check(configuration)
        log_findings(report, configuration.settings)
        if report.worst == Level.ERROR:
            raise ConfigurationError(in_one_line(report.findings[0]))
        for name in not_reloadable(before, configuration.settings, store_named=bool(self.store)):
            _log.warning("%s has changed, which takes effect when the agent is started anew", name)
        logging.getLogger().setLevel(configuration.settings.log_level)
        return configuration

    def _derive_networks(self, settings: Settings, tell: Callable[[str], None]) -> tuple[Network, ...]:
        """Return our networks from the addresses of what is listened to."""
        interfaces = list_interfaces()
        self.wanted.refuse_unknown(interfaces)
        derived = our_networks(self.wanted.choose(interfaces).listened, interfaces)
        refuse_swallowed(settings.enumeration, derived)
        told = (
            ", ".join(map(str, derived)) or "none, so that only rules about other networks can match (see --our-nets)"
        )
        tell(f"our networks, from the addresses of the interfaces: {told}")
        return derived


def not_reloadable(before: Settings, after: Settings, *, store_named: bool) -> Iterator[str]:
    """Yield the settings that differ and can't be changed while the agent runs."""
    if not store_named and after.store != before.store:
        yield "REDIS_SERVER"
    if not store_named and after.store is before.store is None and after.store_memory != before.store_memory:
        yield "STORE_MEMORY"


def refuse_without_rights() -> None:
    """Raise before anything is started if this process may not capture."""
    try:
        refuse_without_right()
    except CaptureNotPermittedError as error:
        raise CaptureNotPermittedError(f"{error}; `shodohflo demo` (or `make demo`) needs no rights") from error


def log_findings(report: Report, settings: Settings) -> None:
    """Log what `shodohflo check` finds; the notes about rules only where the rules are the operator's."""
    for finding in report.findings:
        if finding.level != Level.NOTE:
            _log.warning("%s", in_one_line(finding))
        elif settings.has_own_rules:
            _log.info("%s", in_one_line(finding))


def named_store(named: str | None, settings: Settings, closing: ExitStack) -> Store:
    """Return the store that was named, else the embedded one, which is started, and closed with the rest.

    One that was named may come later; one that can't be started never will, and is a `StoreError` at once.
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
