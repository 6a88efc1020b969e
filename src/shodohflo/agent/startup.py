"""Startup of the agent: load the configuration, derive our networks, log findings, check rights, open the store."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Final

from shodohflo.agent.pidfile import make_run_directory, run_directory
from shodohflo.agent.rights import give_up_rights
from shodohflo.analysis.check.proof import check
from shodohflo.capture.live.interfaces import Wanted, our_networks
from shodohflo.capture.live.netlink import list_interfaces
from shodohflo.capture.live.packet_socket import CaptureNotPermittedError, refuse_without_right
from shodohflo.config import SEARCHED, Configuration, Settings, find, load
from shodohflo.config.derived import refuse_swallowed
from shodohflo.config.findings import Level
from shodohflo.config.trial import try_out
from shodohflo.errors import ConfigurationError, LastingStoreError, StoreError
from shodohflo.keys import agent_name
from shodohflo.process.opening import UntrustedError
from shodohflo.report.findings import in_one_line
from shodohflo.store.connection import CONNECT_TIMEOUT, Store
from shodohflo.store.directory import invoking_group, make_directory, state_directory
from shodohflo.store.embedded import EmbeddedStore
from shodohflo.store.kinds import named_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping
    from contextlib import ExitStack
    from pathlib import Path

    from shodohflo.agent.rights import Rights
    from shodohflo.agent.signals import Signals
    from shodohflo.capture.filters.expression import CaptureFilter
    from shodohflo.config.findings import Report
    from shodohflo.model import Network


_FIRST_LOOK: Final = CONNECT_TIMEOUT + 2.0
"""Seconds: a server that waits for the rest of a TLS handshake is recognised after `CONNECT_TIMEOUT`."""

SAVING: Final = 4.4
"""Seconds from the end of a run until an embedded store must have saved its data, not to be left to itself."""

SAVING_HURRIED: Final = 0.6
"""The same from a second signal on."""

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
    namespaces: tuple[str, ...] = ()
    wait_for_store: bool = False
    """Whether to run without a store, until there is one, where it fails in a way that only somebody can end."""
    passing: CaptureFilter | None = None
    """The filter that takes the place of that of the configuration."""
    user: str | None = None
    """As whom to go on if root starts the agent."""

    def with_fewer_rights(self, environment: MutableMapping[str, str]) -> tuple[RunArguments, Rights]:
        """Give up what a run does not need, and return the arguments for another user; `ConfigurationError`."""
        before = os.geteuid()
        config = self.config.absolute() if self.config else None
        rights = give_up_rights(self.user, environment, enters=bool(self.namespaces), stores=not self.store)
        if os.geteuid() == before:
            return self, rights
        if not os.access(".", os.X_OK):  # root's own directory, for example
            os.chdir("/")
        return replace(self, config=config), rights

    def settle(self, path: Path | None, tell: Callable[[str], None]) -> Configuration:
        """Load the configuration at `path`, and return it with our networks, which are reported by `tell`.

        Raise `CaptureError` if one of the interfaces that our networks come from does not exist.
        """
        if not self.our_nets:
            self.wanted.refuse_unknown(list_interfaces())
        return self._configure(path, tell)

    def _configure(self, path: Path | None, tell: Callable[[str], None]) -> Configuration:
        settings = load(path, attempt=try_out)
        if self.passing is not None:
            settings = replace(settings, capture_filter=self.passing)
        configuration = Configuration(settings, self.our_nets or self._derive_networks(settings))
        tell(f"our networks{self._origin(configuration)}: {configuration.our_nets_text}")
        return configuration

    def _origin(self, configuration: Configuration) -> str:
        """Return where our networks come from, if the operator did not name them."""
        if self.our_nets:
            return ""
        if configuration.named:
            return ", from the addresses of the interfaces"
        return ", until an interface has an address (--our-nets names others)"

    def adapt(self, settings: Settings, networks: tuple[Network, ...]) -> Configuration:
        """Return `settings` with other derived networks, after logging the findings about both, then the networks.

        Raise `ConfigurationError` if the settings can't be used with them.
        """
        refuse_swallowed(settings.enumeration, networks)
        configuration = Configuration(settings, networks)
        _refuse_errors(configuration)
        _log.info("our networks%s, are now %s", self._origin(configuration), configuration.our_nets_text)
        return configuration

    def reread(self, before: Settings) -> Configuration:
        """Load the configuration again, check it and log the findings; `ConfigurationError` if it can't be used."""
        # An interface that has gone since the start, and may come back, is no reason to refuse a configuration.
        configuration = self._configure(before.path or find(self.config, SEARCHED), _log.info)
        _refuse_errors(configuration)
        for name in not_reloadable(before, configuration.settings, store_named=bool(self.store)):
            _log.warning("%s has changed, which takes effect when the agent is restarted", name)
        logging.getLogger().setLevel(configuration.settings.log_level)
        return configuration

    def _derive_networks(self, settings: Settings) -> tuple[Network, ...]:
        """Derive our networks from the addresses of the chosen interfaces."""
        interfaces = list_interfaces()
        derived = our_networks(self.wanted.choose(interfaces).listened, interfaces)
        refuse_swallowed(settings.enumeration, derived)
        return derived


def _refuse_errors(configuration: Configuration) -> None:
    """Log the findings about a configuration; raise `ConfigurationError` if one of them is an error."""
    report = check(configuration)
    log_findings(report, configuration.settings)
    if report.worst == Level.ERROR:
        raise ConfigurationError(in_one_line(report.findings[0]))


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
    if after.outbox_memory != before.outbox_memory:
        yield "OUTBOX_MEMORY"
    if after.evidence_memory != before.evidence_memory:
        yield "EVIDENCE_MEMORY"


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


def named_store(arguments: RunArguments, settings: Settings, closing: ExitStack, signals: Signals) -> Store:
    """Return the named store, otherwise the embedded one, which is started here and closed by `closing`.

    A named store need not be reachable yet. But if it refuses in a way that only somebody can end, such as a wrong
    password, that is a `ConfigurationError`: nothing would ever be written. An embedded store that can't be started
    raises `StoreError` at once. With `wait_for_store`, neither is an error; the writer says what is wrong. `signals`
    say how long an embedded store may take to save its data.
    """
    if url := arguments.store or settings.store:
        store = named_by(url)
        if not arguments.wait_for_store:
            _refuse_lasting_failure(store)
        return store
    user = os.geteuid()
    embedded = EmbeddedStore(
        state_directory(os.environ, user), group=invoking_group(os.environ, user), megabytes=settings.store_memory
    )
    closing.callback(embedded.close, partial(signals.left, SAVING, SAVING_HURRIED))
    if not arguments.wait_for_store:
        embedded.connect().connection_pool.disconnect()
    return embedded


def confine(rights: Rights, arguments: RunArguments, settings: Settings) -> Rights:
    """Return `rights` after nothing can be written to any more but the directories of the store and of the PID file."""
    user = os.geteuid()
    written = []
    if not (arguments.store or settings.store):
        written.append(state_directory(os.environ, user))
        try:
            make_directory(written[0], invoking_group(os.environ, user))
        except StoreError:
            if not arguments.wait_for_store:
                raise
    run = run_directory(os.environ, user)
    with suppress(OSError, UntrustedError):  # the agent goes without a PID file, and says so
        make_run_directory(run)
        written.append(run)
    return rights.with_landlock(written)


def _refuse_lasting_failure(store: Store) -> None:
    """Look at `store` once, and raise `ConfigurationError` if it refuses in a way that lasts.

    The look takes `_FIRST_LOOK` seconds at most: the packets of a host whose resolver or store is down are counted.
    """
    failures: list[LastingStoreError] = []

    def look() -> None:
        try:
            store.connect().connection_pool.disconnect()
        except LastingStoreError as failure:
            failures.append(failure)
        except StoreError as error:  # it may pass; the writer says so
            _log.debug("%s", error)

    looking = Thread(target=look, name="first-look", daemon=True)
    looking.start()
    looking.join(_FIRST_LOOK)
    if failures:
        raise ConfigurationError(str(failures[0]))
