"""`shodohflo help`: the help of a command, or the documentation of the configuration language."""

from __future__ import annotations

import inspect
from typing import Final

import click

from shodohflo.cli.messages import no_such
from shodohflo.cli.program import COMMANDS

LANGUAGE: Final = "language"

EXAMPLES: Final = """\b
Examples:
  shodohflo help                list the commands
  shodohflo help replay         the same as shodohflo replay --help
  shodohflo help language       how networks and rules are written
"""


@click.command("help", epilog=EXAMPLES)
@click.argument("topic", required=False)
@click.pass_context
def help_command(ctx: click.Context, topic: str | None) -> int:
    """Print the help of a command, or of the configuration language.

    TOPIC is a command, or language: how networks and rules are written in a configuration.
    """
    if topic == LANGUAGE:
        from shodohflo import pcap_config  # noqa: PLC0415 - the help of commands needs no rules

        click.echo(inspect.getdoc(pcap_config))
        return 0
    root = ctx.find_root()
    program = root.command
    assert isinstance(program, click.Group)
    if topic is None:
        click.echo(program.get_help(root))
        return 0
    command = program.get_command(root, topic)
    if command is None:
        raise click.UsageError(no_such("topic", topic, [LANGUAGE, *COMMANDS]), ctx)
    click.echo(command.get_help(click.Context(command, root, topic, **command.context_settings)))
    return 0
