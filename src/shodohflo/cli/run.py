"""`shodohflo run` and `pcap_agent`: what to listen to, what is ours, where to write; then the agent takes over."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from shodohflo import __version__
from shodohflo.agent import RunOptions, Status
from shodohflo.agent import run as run_agent
from shodohflo.agent.pidfile import AgentFiles, PidFile, run_directory
from shodohflo.agent.startup import RunArguments, log_findings, named_store, refuse_without_rights
from shodohflo.analysis.check.proof import check
from shodohflo.capture.live.interfaces import Wanted
from shodohflo.cli import options
from shodohflo.cli.ending import Ending
from shodohflo.cli.logs import begin_log
from shodohflo.config import SEARCHED, Settings, find
from shodohflo.process.malloc import keep_freed_memory
from shodohflo.report.ledger import print_ledger, write_ledger

if TYPE_CHECKING:
    from shodohflo.model import Network

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


def attend(arguments: RunArguments) -> int:
    """Start the agent, show how it does, and tell at the end what became of the packets."""
    keep_freed_memory()
    configuration = arguments.settle(find(arguments.config, SEARCHED), partial(click.echo, err=True))
    settings = configuration.settings
    last: list[Status] = []
    with ExitStack() as closing:
        on_status = _on_status(settings, closing)
        log_findings(check(configuration), settings)
        refuse_without_rights()
        name = arguments.name or socket.gethostname()
        store = named_store(arguments.store, settings, closing)
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


class Agent(Ending, click.Command):  # type: ignore[misc] # click overloads `main`
    """`pcap_agent`, a program of one command."""


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
