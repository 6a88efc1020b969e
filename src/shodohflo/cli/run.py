"""`shodohflo run` and `pcap_agent`: parse the options of an agent, and run it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from shodohflo import __version__
from shodohflo.agent.startup import RunArguments
from shodohflo.capture.live.interfaces import Wanted
from shodohflo.cli import options
from shodohflo.cli.attend import attend
from shodohflo.cli.ending import Ending
from shodohflo.cli.logs import FORMATS

if TYPE_CHECKING:
    from shodohflo.model import Network

RUN_EXAMPLES: Final = """\b
Examples:
  shodohflo run                                        every interface, our networks from their addresses
  shodohflo run eth0 eth1 --our-nets 192.0.2.0/24      two interfaces, one network
  shodohflo run --exclude wg0 --store valkey://db      all but one, into a store of your own
  shodohflo run --netns web                            evidence from the sockets of that namespace too
  shodohflo run --filter "not port 22"                 all but SSH, which the kernel leaves out
  shodohflo run --duration 60 --ledger minute.json     a minute, and what became of each packet
  shodohflo run --log-format json 2>> agent.log        one JSON object for each event
"""


PCAP_AGENT_EXAMPLES: Final = """\b
Example:
  pcap_agent eth0 192.168.0.0/16
"""


Options = Callable[[Callable[..., int]], Callable[..., int]]


def _shared(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that `run` and `pcap_agent` share."""
    added: list[Options] = [
        options.config,
        options.filter_,
        options.store,
        click.option(
            "--duration", type=float, metavar="SECONDS", callback=options.seconds, help="End after this many seconds."
        ),
        click.option(
            "--name",
            metavar="AGENT",
            callback=options.agent,
            help="The agent's name in the store, in lower case; by default this host's.",
        ),
        options.ledger,
        click.option(
            "--log-format",
            type=click.Choice(FORMATS),
            default=FORMATS[0],
            help="The log as lines for people, for the journal of systemd, or of JSON; by default the journal's where "
            "standard error is the journal. Naming one leaves out the live table.",
        ),
        click.option(
            "--wait-for-store",
            is_flag=True,
            help="Start also with a store that refuses until somebody corrects something, such as a wrong password: "
            "count, and go on trying. Without it, that ends the agent at once with status 2.",
        ),
        click.option(
            "--user",
            metavar="USER",
            envvar="SHODOHFLO_USER",
            help="As whom an agent that root starts goes on, by name or number. By default shodohflo, or else who "
            "called sudo, or else root, without root's rights.",
        ),
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
@click.option(
    "--netns",
    "namespaces",
    multiple=True,
    metavar="NAME",
    help="Another network namespace of this host, as `ip netns list` names it, whose sockets also show which ends are "
    "services; may be repeated. Entering it needs CAP_SYS_ADMIN, which root has; the agent's own needs no right.",
)
@_shared
def run(*, interfaces: tuple[str, ...], exclude: tuple[str, ...], log_format: str, **rest: Any) -> int:  # noqa: ANN401 - one for each option
    """Watch interfaces and record the flows they receive.

    Without INTERFACE, the agent listens to all interfaces that are up and not loopback, except for bridges and the like
    whose ports are among them, so that each packet is counted once. Without --our-nets, our networks are derived from
    the addresses of the interfaces. Without --store or REDIS_SERVER in the configuration, the flows go to an embedded
    store. SIGTERM, Ctrl-C and closing the terminal end the run within 5 seconds, whatever the store does: with status
    0 after the rest has been written, or 1 with a line that says how much has not. A second SIGTERM or Ctrl-C ends it
    within a second, with ledger and summary. SIGHUP, or `shodohflo reload`, makes the agent read its configuration
    again.
    """
    return attend(RunArguments(wanted=Wanted(interfaces, exclude), **rest), log_format)


class Agent(Ending, click.Command):  # type: ignore[misc] # click overloads `main`
    """`pcap_agent`, a program of one command."""


@click.command(cls=Agent, epilog=PCAP_AGENT_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("interface")
@click.argument("prefix", type=options.our_prefix)
@_shared
@click.version_option(__version__, prog_name="pcap_agent", message="%(prog)s %(version)s")
def pcap_agent(*, interface: str, prefix: Network, log_format: str, **rest: Any) -> int:  # noqa: ANN401 - one for each option
    """Watch INTERFACE and record the flows of the network PREFIX.

    The same agent as `shodohflo run INTERFACE --our-nets PREFIX`, with the arguments that older notes use.
    """
    return attend(RunArguments(wanted=Wanted((interface,)), our_nets=(prefix,), **rest), log_format)
