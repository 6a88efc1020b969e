"""`shodohflo rules`: a configuration in sentences, with what each rule decided of a capture or of live packets."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from shodohflo.cli import options
from shodohflo.cli.messages import fail
from shodohflo.config import Settings, load
from shodohflo.offline.session import replay_captures
from shodohflo.report.ledger import print_ledger
from shodohflo.report.rules import (
    Decided,
    count_decided,
    count_stored,
    other_configurations,
    print_rules,
    rule_texts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.model import Network


EXAMPLES: Final = """\b
Examples:
  shodohflo rules configuration.py                          the networks and the rules, in words
  shodohflo rules configuration.py office.pcap              with what each rule decides of a capture
  shodohflo rules --running                                 what the rules of this machine's agent decided
  shodohflo rules --running --store valkey://bert configuration.py
"""


_MEANT: Final = " (a configuration whose name does not end in .py is named with --config)"


@click.command("rules", epilog=EXAMPLES)
@click.argument("files", nargs=-1, metavar="[CONFIG] [CAPTURE]...")
@options.config
@options.our_nets_or_presumed
@click.option("--running", is_flag=True, help="Show what running agents decided, from the store.")
@click.option("--store", "stores", multiple=True, metavar="URL", help="With --running: a store; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line for each rule.")
def rules_command(  # noqa: PLR0913 - one for each option
    *,
    files: tuple[str, ...],
    config: Path | None,
    our_nets: tuple[Network, ...],
    running: bool,
    stores: tuple[str, ...],
    as_json: bool,
) -> int:
    """Print a configuration in sentences, with what each rule decided.

    CONFIG is the first file if its name ends in .py; the others are captures. Without CONFIG, the defaults are printed.
    With --running, the counts come from the store: flows by the rule that decided them last, and drops by rule number,
    as the agents count them; a rule that has changed since then is listed separately. With --running but without
    CONFIG, only rules that decided something are listed.
    """
    if files and files[0].endswith(".py"):
        config, files = Path(files[0]), files[1:]
    if running and files:
        raise click.UsageError("--running and captures exclude each other")
    if stores and not running:
        raise click.UsageError("--store needs --running")
    settings = None if running and config is None else load(config)
    status, decided = 0, None
    if running:
        status, decided = _running(stores, settings)
    elif files and settings is not None:
        replayed = replay_captures(files, options.configured(settings, our_nets))
        decided = count_decided(replayed.observations, replayed.ledger, rule_texts(settings))
        for message in replayed.broken:
            fail(f"{message}{_MEANT if 'is not a capture' in message else ''}", "shodohflo rules")
        for note in replayed.notes:
            click.echo(note, err=True)
        print_ledger(replayed.ledger, replayed.rules, err=True)
        status = 1 if replayed.broken else 0
    print_rules(settings, decided, as_json=as_json)
    return status


def _running(stores: Sequence[str], settings: Settings | None) -> tuple[int, Decided]:
    """Return the exit status, and what the stores hold; name each agent that runs another configuration."""
    from shodohflo.cli.stores import opened, report_failures  # noqa: PLC0415 - captures need no store client
    from shodohflo.query.filters import Filter  # noqa: PLC0415 - as above
    from shodohflo.query.reader import Reader  # noqa: PLC0415 - as above

    named = stores or tuple(os.environ.get("SHODOHFLO_STORE", "").split())
    reader = Reader(opened(named))
    agents = reader.agents()
    for line in other_configurations(agents, settings):
        click.echo(line, err=True)
    flows = reader.flows(Filter(), time.time()).rows
    return report_failures(reader), count_stored(flows, agents, rule_texts(settings) if settings else [])
