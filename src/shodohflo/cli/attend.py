"""Run an agent from a command: its log or its live table while it runs, the ledger when it has ended."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import click

from shodohflo.agent import RunOptions, Status
from shodohflo.agent import run as run_agent
from shodohflo.agent.pidfile import AgentFiles, PidFile, run_directory
from shodohflo.agent.startup import RunArguments, log_findings, named_store, refuse_without_rights
from shodohflo.analysis.check.proof import check
from shodohflo.cli.logs import begin_log
from shodohflo.cli.messages import fail
from shodohflo.config import SEARCHED, Settings, find
from shodohflo.process.malloc import keep_freed_memory
from shodohflo.report.ledger import print_ledger, write_ledger
from shodohflo.report.numbers import counted

if TYPE_CHECKING:
    from collections.abc import Callable


def attend(arguments: RunArguments) -> int:
    """Run the agent until it ends, print its ledger, and return the exit status."""
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
        if ended.given_up:  # in the log, it is far above the ledger
            fail(f"{counted(ended.given_up, 'recorded packet')} never reached {ended.identity.store}")
    return status


def _on_status(settings: Settings, closing: ExitStack) -> Callable[[Status], None] | None:
    """Start the log; on a terminal, return the function that shows the live table."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        begin_log(settings.log_level)
        return None
    from rich.console import Console  # noqa: PLC0415 - a service does not need rich

    from shodohflo.cli.live import LiveView, find_keyboard  # noqa: PLC0415 - as above

    console = Console()
    begin_log(settings.log_level, console)
    return closing.enter_context(LiveView(console, find_keyboard())).show
