"""`shodohflo run` and `pcap_agent`: what to listen to, what is ours, where to write; then the agent takes over."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from shodohflo import __version__
from shodohflo.agent import RunOptions, Status
from shodohflo.agent import run as run_agent
from shodohflo.agent.pidfile import AgentFiles, PidFile, run_directory
from shodohflo.analysis.check.proof import check
from shodohflo.capture.live.interfaces import Wanted, our_networks
from shodohflo.capture.live.netlink import list_interfaces
from shodohflo.capture.live.packet_socket import CaptureNotPermittedError, refuse_without_right
from shodohflo.cli import options
from shodohflo.cli.logs import begin_log
from shodohflo.cli.program import Agent
from shodohflo.config import SEARCHED, Configuration, Settings, find, load
from shodohflo.config.derived import refuse_swallowed
from shodohflo.config.findings import Level
from shodohflo.errors import ConfigurationError
from shodohflo.process.malloc import keep_freed_memory
from shodohflo.report.findings import in_one_line
from shodohflo.report.ledger import print_ledger, write_ledger
from shodohflo.store.connection import RemoteStore, Store
from shodohflo.store.directory import invoking_group, state_directory
from shodohflo.store.embedded import EmbeddedStore
from shodohflo.store.urls import parse_url

if TYPE_CHECKING:
    from pathlib import Path

    from shodohflo.cli.options import Network
    from shodohflo.config.findings import Report

RUN_EXAMPLES: Final = """\b
Examples:
  shodohflo run                                        every interface, our networks from their addresses
  shodohflo run eth0 eth1 --our-nets 192.0.2.0/24      two interfaces, one network
  shodohflo run --exclude wg0 --store valkey://db      all but one, into a store of your own
  shodohflo run --duration 60 --ledger minute.json     a minute, and what became of each packet
"""

PCAP_AGENT_EXAMPLES: Final = """\b
Example:
  pcap_agent eth0 192.168.0.0/16
"""

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
        for name in changed_in_vain(before, configuration.settings, store_named=bool(self.store)):
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


def changed_in_vain(before: Settings, after: Settings, *, store_named: bool) -> Iterator[str]:
    """Yield the settings that differ and can't be changed while the agent runs."""
    if not store_named and after.store != before.store:
        yield "REDIS_SERVER"
    if not store_named and after.store is before.store is None and after.store_memory != before.store_memory:
        yield "STORE_MEMORY"


def attend(arguments: RunArguments) -> int:
    """Start the agent, show how it does, and tell at the end what became of the packets."""
    keep_freed_memory()
    configuration = arguments.settle(find(arguments.config, SEARCHED), partial(click.echo, err=True))
    settings = configuration.settings
    last: list[Status] = []
    with ExitStack() as closing:
        on_status = _on_status(settings, closing)
        log_findings(check(configuration), settings)
        _refuse_without_right()
        name = arguments.name or socket.gethostname()
        store = _store(arguments.store, settings, closing)
        pid_file = closing.enter_context(PidFile(AgentFiles(run_directory(os.environ, os.geteuid()), name)))
        run_options = RunOptions(
            wanted=arguments.wanted,
            configuration=configuration,
            store=store,
            name=name,
            duration=arguments.duration,
            promiscuous=arguments.promiscuous,
            reread=partial(arguments.reread, settings),
            pid_file=pid_file,
            on_status=on_status,
            on_end=last.append,
        )
        status = run_agent(run_options)
    for ended in last:
        if arguments.ledger:
            write_ledger(ended.ledger, arguments.ledger)
        print_ledger(ended.ledger, ended.rules, err=False)
    return status


def _refuse_without_right() -> None:
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


def _store(named: str | None, settings: Settings, closing: ExitStack) -> Store:
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


def _on_status(settings: Settings, closing: ExitStack) -> Callable[[Status], None] | None:
    """Show a live table on a terminal; elsewhere nothing, and the agent logs."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        begin_log(settings.log_level)
        return None
    from rich.console import Console  # noqa: PLC0415 - a service need not wait for rich

    from shodohflo.cli.live import LiveView  # noqa: PLC0415 - as above

    console = Console()
    begin_log(settings.log_level, console)
    return closing.enter_context(LiveView(console)).show


def _duration(_context: click.Context, _parameter: click.Parameter, seconds: float | None) -> float | None:
    if seconds is not None and not seconds > 0:
        raise click.BadParameter("write a number of seconds greater than 0")
    return seconds


Options = Callable[[Callable[..., int]], Callable[..., int]]


def _shared(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that both ways to start the agent have."""
    added: list[Options] = [
        options.config,
        options.store,
        click.option(
            "--duration", type=float, metavar="SECONDS", callback=_duration, help="End after so many seconds."
        ),
        click.option("--name", metavar="AGENT", help="The agent's name in the store; by default this host's."),
        options.ledger,
        click.option(
            "--promiscuous/--no-promiscuous",
            default=True,
            help="Also see frames for other stations, where the link delivers them; the default.",
        ),
    ]
    for option in reversed(added):
        command = option(command)
    return command


@click.command(epilog=RUN_EXAMPLES)
@click.argument("interfaces", nargs=-1, metavar="[INTERFACE]...")
@click.option("--exclude", multiple=True, metavar="INTERFACE", help="An interface not to listen to; may be repeated.")
@options.our_nets
@_shared
def run(*, interfaces: tuple[str, ...], exclude: tuple[str, ...], **rest: Any) -> int:  # noqa: ANN401 - one for each option
    """Watch interfaces and record the flows they receive.

    Without any INTERFACE, all that are up and not loopback; bridges and the like are left out where their ports are
    listened to, so that each packet is counted once. Without --our-nets, our networks are taken from the addresses of
    the interfaces. Without --store, the flows are kept in an embedded Valkey. SIGTERM and Ctrl-C write out what is
    held, and end with status 0; so does a terminal that is closed. SIGHUP, or `shodohflo reload`, has the configuration
    read again.
    """
    return attend(RunArguments(wanted=Wanted(interfaces, exclude), **rest))


@click.command(cls=Agent, epilog=PCAP_AGENT_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("interface")
@click.argument("prefix", type=options.prefix)
@_shared
@click.version_option(__version__, prog_name="pcap_agent", message="%(prog)s %(version)s")
def pcap_agent(*, interface: str, prefix: Network, **rest: Any) -> int:  # noqa: ANN401 - one for each option
    """Watch INTERFACE and record the flows of the network PREFIX.

    The same agent as `shodohflo run INTERFACE --our-nets PREFIX`, started in the way that older notes describe.
    """
    return attend(RunArguments(wanted=Wanted((interface,)), our_nets=(prefix,), **rest))
