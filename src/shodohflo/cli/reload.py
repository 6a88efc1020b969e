"""`shodohflo reload`: ask a running agent to read its configuration again, and print the result."""

from __future__ import annotations

import os
from typing import Final

import click

from shodohflo.agent.pidfile import find
from shodohflo.agent.reload_request import request_reload
from shodohflo.cli import options
from shodohflo.errors import ShodohfloError

EXAMPLES: Final = """\b
Examples:
  shodohflo reload                    the agent of this machine
  shodohflo reload --name inside      one of several
"""


@click.command("reload", epilog=EXAMPLES)
@click.option(
    "--name",
    metavar="AGENT",
    callback=options.agent,
    help="The agent's name; needed if several are running.",
)
@click.option(
    "--timeout",
    type=float,
    callback=options.seconds,
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the agent's answer.",
)
def reload_command(*, name: str | None, timeout: float) -> int:
    """Make a running agent read its configuration again.

    The agent checks the file first. If it can't be used, the agent keeps its old rules, and the reason appears here, in
    its log and in its hash in the store. Otherwise the new rules decide from then on; no packet is lost and no counter
    restarts. Options from the agent's command line or environment stay in force.

    Exit status: 0 if the agent has adopted the configuration, 1 if it refused it, did not answer or was not found.
    """
    files = find(name, os.environ, os.geteuid())
    answer = request_reload(files, timeout)
    if answer.error:
        raise ShodohfloError(f"{files.name} refused it: {answer.error} (and keeps {answer.configuration})")
    click.echo(f"{files.name} runs {answer.configuration}")
    return 0
