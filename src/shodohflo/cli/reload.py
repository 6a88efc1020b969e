"""`shodohflo reload`: have a running agent read its configuration again, and hear what became of it."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Final, TypeVar

import click

from shodohflo.agent.pidfile import find
from shodohflo.errors import ShodohfloError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shodohflo.agent.pidfile import AgentFiles, ReloadStatus

EXAMPLES: Final = """\b
Examples:
  shodohflo reload                    the agent of this machine
  shodohflo reload --name inside      one of several
"""

_LOOK_EVERY: Final = 0.02

T = TypeVar("T")


@click.command("reload", epilog=EXAMPLES)
@click.option("--name", metavar="AGENT", help="The agent's name, as it was started; needed where several run.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the agent's answer.",
)
def reload_command(*, name: str | None, timeout: float) -> int:
    """Have a running agent read its configuration again.

    The agent checks the file first. If it can't be used, the agent goes on by its old rules, and the reason is printed
    here, in its log and in its hash in the store. Otherwise the new rules decide from then on; no packet is lost and no
    count begins anew. What was named on the agent's command line, or in its environment, stays.

    Exit status: 0 if the agent has taken the configuration, 1 if it refused it or was not found.
    """
    files = find(name, os.environ, os.geteuid())
    answer = _reloaded(files, time.monotonic() + timeout, timeout)
    if answer.error:
        raise ShodohfloError(f"{files.name} refused it: {answer.error} (and goes on with {answer.configuration})")
    click.echo(f"{files.name} runs {answer.configuration}")
    return 0


def _reloaded(files: AgentFiles, deadline: float, timeout: float) -> ReloadStatus:
    """Tell the agent, and return its answer."""
    late = f"{files.name} has not answered within {timeout:g} s; its log may tell why"
    before = _awaited(files, files.reload_status, deadline, late)
    _signal(files)
    # One that began earlier read the file as it was: the one that counts is the next to begin.

    def answered() -> ReloadStatus | None:
        now = files.reload_status()
        return now if now and now.answered > before.begun else None

    return _awaited(files, answered, deadline, late)


def _awaited(files: AgentFiles, look: Callable[[], T | None], deadline: float, late: str) -> T:
    """Look until there is something to see, the agent has ended, or the time is up."""
    while True:
        runs = files.holder() != 0
        if (seen := look()) is not None:
            return seen
        if not runs:
            raise ShodohfloError(f"{files.name} ended before it answered; its log may tell why")
        if time.monotonic() > deadline:
            raise ShodohfloError(late)
        time.sleep(_LOOK_EVERY)


def _signal(files: AgentFiles) -> None:
    pid = files.holder()
    try:
        if pid:  # 0 would be everybody of our process group
            os.kill(pid, signal.SIGHUP)
    except PermissionError:
        raise ShodohfloError(
            f"{files.name} is process {pid} of another user: run this as that user, or with sudo"
        ) from None
