"""The program `shodohflo` and the table of its commands; a command is imported when it is called."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Final

import click

from shodohflo import __version__
from shodohflo.cli.ending import Ending, leaving
from shodohflo.cli.messages import no_such
from shodohflo.cli.streams import settle


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command is defined, and its summary, which is kept here so that listing commands imports none of them."""

    module: str
    name: str
    summary: str


COMMANDS: Final = {
    "run": Command("run", "run", "Watch interfaces and record the flows they receive."),
    "reload": Command("reload", "reload_command", "Make a running agent read its configuration again."),
    "replay": Command("replay", "replay", "Send capture files through the same rules as live packets."),
    "flows": Command("readers", "flows", "List flows: which client uses which service."),
    "peers": Command("readers", "peers", "List pairs of addresses that talk to each other."),
    "clients": Command("readers", "clients", "List the clients of anything recorded."),
    "services": Command("readers", "services", "List services that answered: an inventory."),
    "recon": Command("readers", "recon", "List attempts that failed: those of our clients, and who knocks on ours."),
    "check": Command(
        "check", "check_command", "Prove what is wrong or doubtful in the networks and rules of a configuration."
    ),
    "rules": Command("rules", "rules_command", "Print a configuration in sentences, with what each rule decided."),
    "explain": Command("explain", "explain_command", "Show what would become of a packet, and why."),
    "compare": Command("compare", "compare", "Show what another configuration would change, measured on captures."),
    "suggest": Command("suggest", "suggest_command", "Write a configuration for the traffic in captures."),
    "init": Command("init", "init", "Write a starting configuration from this machine's interfaces."),
    "demo": Command("demo", "demo", "Replay a shipped capture into a temporary store and show the flows."),
    "help": Command("help", "help_command", "Print the help of a command, or of the configuration language."),
    "completion": Command("completion", "completion", "Print the completion script of a shell."),
}


class Program(Ending, click.Group):  # type: ignore[misc] # click overloads `main`
    """`shodohflo`, whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """Return the names of the commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's own signature
        """Import the command `cmd_name` and return it, or None if there is no such command."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        command = getattr(import_module(f"shodohflo.cli.{place.module}"), place.name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with; the error for an unknown one names the closest."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(no_such("command", args[0], COMMANDS))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's own signature
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.summary) for name, place in COMMANDS.items()])


EXAMPLES: Final = """\b
Examples:
  shodohflo run                          watch this machine's interfaces
  shodohflo flows --port 443             who uses which web server
  shodohflo replay --keys office.pcap    the keys that a capture would be recorded under
"""


@click.command("shodohflo", cls=Program, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="shodohflo", message="%(prog)s %(version)s")
def program() -> None:
    """Watch received packets and keep a map of who talks to which service."""


def main() -> None:
    """Run the program `shodohflo`."""
    settle()
    with leaving():
        program.main(prog_name="shodohflo")


def pcap_agent() -> None:
    """Run the program `pcap_agent`."""
    settle()
    with leaving():
        import_module("shodohflo.cli.run").pcap_agent.main(prog_name="pcap_agent")
