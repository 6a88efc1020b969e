"""`shodohflo rules`: a configuration in sentences, with what each rule decided of a capture or of live packets."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from shodohflo.cli import options
from shodohflo.cli.bounds import load_tried
from shodohflo.cli.messages import fail
from shodohflo.config.watchdog import Watchdog
from shodohflo.offline.session import replay_captures
from shodohflo.report.grades import ScoreCard, print_grades, rule_codes, stored_cards
from shodohflo.report.ledger import print_ledger
from shodohflo.report.rules import (
    count_decided,
    count_stored,
    other_configurations,
    print_rules,
    rule_texts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.config import Configuration, Settings
    from shodohflo.model import Network
    from shodohflo.offline.session import Replayed


EXAMPLES: Final = """\b
Examples:
  shodohflo rules configuration.py                          the networks and the rules, in words
  shodohflo rules configuration.py office.pcap              with what each rule decides of a capture
  shodohflo rules --running                                 what the rules of this machine's agent decided
  shodohflo rules --running --store valkey://bert configuration.py
  shodohflo rules --grade configuration.py office.pcap      how often evidence contradicts each rule about ports
  shodohflo rules --grade                                   the same, as this machine's agent found
"""


_MEANT: Final = " (a configuration whose name does not end in .py is named with --config)"


@click.command("rules", epilog=EXAMPLES)
@click.argument("files", nargs=-1, metavar="[CONFIG] [CAPTURE]...")
@options.config
@options.our_nets_or_presumed
@click.option("--running", is_flag=True, help="Show what running agents decided, from the store.")
@click.option(
    "--grade", is_flag=True, help="Show how often evidence contradicted the rules: on captures, or what agents found."
)
@options.stores_of_agents
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line for each rule.")
def rules_command(  # noqa: PLR0913 - one for each option
    *,
    files: tuple[str, ...],
    config: Path | None,
    our_nets: tuple[Network, ...],
    running: bool,
    grade: bool,
    stores: tuple[str, ...],
    as_json: bool,
) -> int:
    """Print a configuration in sentences, with what each rule decided.

    CONFIG is the first file if its name ends in .py; the others are captures. Without CONFIG, the defaults are printed.
    With --running, the counts come from the store: flows by the rule that decided them last, and drops by rule number,
    as the agents count them; a rule that has changed since then is listed separately. With --running but without
    CONFIG, only rules that decided something are listed. CONTRADICTED has the flows that a rule decided against
    evidence, which stands below it.

    With --grade, every rule about ports is also asked about the flows that have shown their client and their service,
    by a handshake for example, and its wrong answers are told, with the port of the services that it takes for clients
    most often: of the captures, or without any, what the agents found (in the store, for 24 hours). Of an Observed
    rule, its otherwise is asked.
    """
    if files and files[0].endswith(".py"):
        config, files = Path(files[0]), files[1:]
    if running and files:
        raise click.UsageError("--running and captures exclude each other")
    if stores and (files or not (running or grade)):
        raise click.UsageError("--store needs --running, or --grade without captures")
    from_stores = running or (grade and not files)
    settings = None if from_stores and config is None else load_tried(config)
    if from_stores:
        return _from_stores(stores, settings, grade=grade, as_json=as_json)
    assert settings is not None
    if not files:
        print_rules(settings, None, as_json=as_json)
        return 0
    replayed = _replayed(files, options.configured(settings, our_nets), grade=grade)
    if grade:
        print_grades([ScoreCard(replayed.grades, rule_codes(settings.mapping))], as_json=as_json)
    else:
        rules = rule_texts(settings)
        decided = count_decided(replayed.observations, replayed.ledger, rules, replayed.contradicted)
        print_rules(settings, decided, as_json=as_json)
    return 1 if replayed.broken else 0


def _replayed(files: Sequence[str], configuration: Configuration, *, grade: bool) -> Replayed:
    """Replay captures, perhaps to grade rules; print on standard error what could not be read, and the ledger."""
    with Watchdog():
        replayed = replay_captures(files, configuration, grade=grade)
    for message in replayed.broken:
        fail(f"{message}{_MEANT if 'is not a capture' in message else ''}", "shodohflo rules")
    for note in replayed.notes:
        click.echo(note, err=True)
    print_ledger(replayed.ledger, replayed.rules, err=True)
    return replayed


def _from_stores(stores: Sequence[str], settings: Settings | None, *, grade: bool, as_json: bool) -> int:
    """Print what the stores hold, name each agent that runs another configuration, and return the exit status."""
    from shodohflo.cli.stores import opened, report_failures  # noqa: PLC0415 - captures need no store client
    from shodohflo.query.filters import Filter  # noqa: PLC0415 - as above
    from shodohflo.query.reader import Reader  # noqa: PLC0415 - as above

    named = stores or tuple(os.environ.get("SHODOHFLO_STORE", "").split())
    reader = Reader(opened(named))
    agents = reader.agents()
    for line in other_configurations(agents, settings):
        click.echo(line, err=True)
    if grade:
        if not agents:
            click.echo("no agent has written a heartbeat there in the last 24 hours", err=True)
        cards = stored_cards(agents, settings)
        if cards and settings is None:
            click.echo("name the agents' configuration to see what the rules say: `rules --grade CONFIG`", err=True)
        print_grades(cards, as_json=as_json)
    else:
        flows = reader.flows(Filter(), time.time()).rows
        rules = rule_texts(settings) if settings else []
        print_rules(settings, count_stored(flows, agents, rules), as_json=as_json)
    return report_failures(reader)
