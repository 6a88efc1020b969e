"""The programs: which commands there are, and how each ends: with one line for an error, and a status that tells.

0: done. 1: something could not be read, reached or found. 2: the command line or the configuration is wrong.
130: interrupted.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

from shodohflo import __version__
from shodohflo.cli.messages import fail
from shodohflo.errors import ShodohfloError

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED: Final = 130
"""What a shell reports for a program that SIGINT ended (128 + 2)."""


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command is defined, and what it does in one line, so that listing commands imports none of them."""

    module: str
    name: str
    summary: str


COMMANDS: Final = {
    "run": Command("run", "run", "Watch interfaces and record the flows they receive."),
    "reload": Command("reload", "reload_command", "Have a running agent read its configuration again."),
    "replay": Command("replay", "replay", "Send capture files through the same rules as live packets."),
    "flows": Command("readers", "flows", "List flows: which client uses which service."),
    "peers": Command("readers", "peers", "List pairs of addresses that talk to each other."),
    "clients": Command("readers", "clients", "List the clients of anything recorded."),
    "recon": Command("readers", "recon", "List resets and unreachables: who met closed doors."),
    "check": Command(
        "check", "check_command", "Prove what is wrong, or doubtful, with the networks and rules of a configuration."
    ),
    "rules": Command("rules", "rules_command", "Print a configuration in sentences, with what each rule decided."),
    "explain": Command("explain", "explain_command", "Say what would become of a packet, and why."),
    "compare": Command("compare", "compare", "Say what another configuration would change, over captures."),
    "suggest": Command("suggest", "suggest_command", "Write a configuration for what was seen in captures."),
    "init": Command("init", "init", "Write a starting configuration from this machine's interfaces."),
    "demo": Command("demo", "demo", "Replay a shipped capture into a store of its own and show the flows."),
    "completion": Command("completion", "completion", "Print the completion script of a shell."),
}


class Ending:
    """Mixed into a click command that is a program: every way to end has its line and its status."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run, and write everything out, so that a closed pipe is noticed where click keeps quiet about it."""
        result = super().invoke(ctx)  # type: ignore[misc] # mixed into a click.Command
        sys.stdout.flush()
        return result

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> None:  # noqa: ANN401 - click's own signature
        """Run and exit; commands return their status, or nothing for 0."""
        extra["standalone_mode"] = False
        name = prog_name or "shodohflo"
        try:
            result = super().main(args, name, **extra)  # type: ignore[misc] # mixed into a click.Command
        except click.Abort:
            sys.exit(INTERRUPTED)
        except Exception as error:
            if os.environ.get("SHODOHFLO_DEBUG"):
                raise
            sys.exit(_report(error, name))
        sys.exit(result if isinstance(result, int) else 0)


def _report(error: Exception, program: str) -> int:
    """Say what went wrong in one line, or what there is where nothing was asked for; return the status."""
    match error:
        case click.exceptions.NoArgsIsHelpError():
            click.echo(error.format_message(), err=True)
            return error.exit_code
        case click.UsageError():
            path = error.ctx.command_path if error.ctx else program
            fail(f"{error.format_message().rstrip('.')} (see {path} --help)", path)
            return error.exit_code
        case click.ClickException():
            fail(error.format_message(), program)
            return error.exit_code
        case ShodohfloError():
            fail(str(error), program)
            return error.exit_code
        case OSError(strerror=str(reason), filename=str(path)):
            fail(f"{path}: {reason}", program)
        case _:
            fail(
                f"unexpected {type(error).__name__}: {error} (SHODOHFLO_DEBUG=1 shows where; please report it)", program
            )
    return 1


class Program(Ending, click.Group):  # type: ignore[misc] # click overloads `main`
    """`shodohflo`, whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """Name the commands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's own signature
        """Import a command."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        command = getattr(import_module(f"shodohflo.cli.{place.module}"), place.name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's own signature
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.summary) for name, place in COMMANDS.items()])


class Agent(Ending, click.Command):  # type: ignore[misc] # as above
    """`pcap_agent`, a program of one command."""


EXAMPLES: Final = """\b
Examples:
  shodohflo run                          watch this machine's interfaces
  shodohflo flows --port 443             who uses which web server
  shodohflo replay --keys office.pcap    what a capture would have been recorded as
"""


@click.command("shodohflo", cls=Program, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="shodohflo", message="%(prog)s %(version)s")
def program() -> None:
    """Watch received packets and keep a map of who talks to which service."""


def main() -> None:
    """Be the program `shodohflo`."""
    program.main(prog_name="shodohflo")


def pcap_agent() -> None:
    """Be the program `pcap_agent`."""
    import_module("shodohflo.cli.run").pcap_agent.main(prog_name="pcap_agent")
