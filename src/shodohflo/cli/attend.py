"""Run an agent from a command: its log or its live table while it runs, the ledger when it has ended."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import click

from shodohflo.agent import RunOptions, Status
from shodohflo.agent import run as run_agent
from shodohflo.agent.pidfile import AgentFiles, PidFile, run_directory
from shodohflo.agent.signals import Signals
from shodohflo.agent.startup import RunArguments, confine, host_name, log_findings, named_store, refuse_without_rights
from shodohflo.analysis.check.proof import check
from shodohflo.capture.live.namespaces import refuse_namespaces
from shodohflo.cli.logs import begin_log
from shodohflo.cli.messages import fail
from shodohflo.config import SEARCHED, Settings, find
from shodohflo.config.watchdog import Watchdog
from shodohflo.process.malloc import keep_freed_memory
from shodohflo.process.service_manager import ServiceManager
from shodohflo.report.ledger import LedgerFile, print_ledger
from shodohflo.report.numbers import counted
from shodohflo.report.unmatched import hint_at_unmatched

if TYPE_CHECKING:
    from collections.abc import Callable


def attend(arguments: RunArguments, log_format: str = "auto") -> int:
    """Run the agent until it ends, with its log in `log_format`, print its ledger, and return the exit status."""
    keep_freed_memory()
    manager = ServiceManager.of(os.environ)
    ledger = LedgerFile(arguments.ledger) if arguments.ledger else None
    arguments, rights = arguments.with_fewer_rights(os.environ)
    configuration = arguments.settle(find(arguments.config, SEARCHED), partial(click.echo, err=True))
    settings = configuration.settings
    last: list[Status] = []
    signals = Signals()
    with ExitStack() as ending, ExitStack() as closing:
        # Called last, also if the embedded store ends with an error: what became of the packets is told all the same.
        closing.callback(_report, last, ledger)
        on_status = _on_status(settings, log_format, closing)
        closing.enter_context(Watchdog())
        log_findings(check(configuration), settings)
        refuse_without_rights()
        refuse_namespaces(arguments.namespaces)
        rights = confine(rights, arguments, settings)
        name = arguments.name or host_name()
        store = named_store(arguments, settings, closing, signals)
        rights.log()
        pid_file = closing.enter_context(PidFile(AgentFiles(run_directory(os.environ, os.geteuid()), name)))
        run_options = RunOptions(
            wanted=arguments.wanted,
            configuration=configuration,
            store=store,
            name=name,
            duration=arguments.duration,
            promiscuous=arguments.promiscuous,
            namespaces=arguments.namespaces,
            rights=rights,
            reread=partial(arguments.reread, settings),
            adapt=None if arguments.our_nets else arguments.adapt,
            pid_file=pid_file,
            manager=manager,
            on_status=on_status,
            on_end=last.append,
        )
        # They are as before only after the ledger: a second one hurries the whole end, and leaves nothing out.
        return run_agent(run_options, ending.enter_context(signals))


def _report(last: list[Status], ledger: LedgerFile | None) -> None:
    """Write and print the ledger of the final status, if there is one."""
    for ended in last:
        try:
            print_ledger(ended.ledger, ended.rules, err=False)
            hint_at_unmatched(ended.ledger.outcomes, ended.identity.our_nets)
            if ended.given_up:  # in the log, it is far above the ledger
                kinds = ", ".join(f"{count:,} of {kind}" for kind, count in ended.missed.items())
                told = counted(ended.given_up, "recorded packet")
                fail(f"{told} never reached {ended.identity.store} (counts of keys: {kinds})")
            elif ended.state == "cut short":
                fail(f"{ended.identity.store} did not take all keys: details, or what was to be written again")
            if ended.lost:
                fail(f"{ended.identity.store} lost {counted(ended.lost, 'recorded packet')} that it had taken")
        finally:  # a full or closed standard output does not take the file with it
            if ledger is not None:
                ledger.write(ended.ledger)


def _on_status(settings: Settings, log_format: str, closing: ExitStack) -> Callable[[Status], None] | None:
    """Start the log; on a terminal, unless a form of the log is asked for, return what shows the live table."""
    if log_format != "auto" or not (sys.stdout.isatty() and sys.stderr.isatty()):
        begin_log(settings.log_level, log_format)
        return None
    from rich.console import Console  # noqa: PLC0415 - a service does not need rich

    from shodohflo.cli.live import LiveView, find_keyboard  # noqa: PLC0415 - as above

    console = Console()
    begin_log(settings.log_level, console=console)
    return closing.enter_context(LiveView(console, find_keyboard())).show
