"""`shodohflo replay`: capture files through the same pipeline as live packets."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from shodohflo.cli import options
from shodohflo.cli.bounds import load_tried
from shodohflo.cli.filters import ENDS, OF_FLOWS, AskedFor, filtered
from shodohflo.cli.layout import Layout, laid_out
from shodohflo.cli.messages import fail, warn
from shodohflo.config.presumed import presumed_for_captures
from shodohflo.config.published import published
from shodohflo.config.watchdog import Watchdog
from shodohflo.offline.session import is_unreadable, replay_captures
from shodohflo.process.malloc import keep_freed_memory
from shodohflo.query.networks import NetworkDirectory
from shodohflo.report.absence import why_no_flows
from shodohflo.report.flows import flow_rows
from shodohflo.report.grades import doubtful_lines
from shodohflo.report.keys import print_keys
from shodohflo.report.ledger import print_ledger, write_ledger
from shodohflo.report.listings import FLOWS, Form
from shodohflo.report.numbers import counted
from shodohflo.report.unmatched import Judged, hint_at_unmatched

if TYPE_CHECKING:
    from pathlib import Path

    from shodohflo.capture.filters.expression import CaptureFilter
    from shodohflo.config import Configuration
    from shodohflo.model import Network
    from shodohflo.offline.session import Replayed
    from shodohflo.query.filters import Filter

EXAMPLES: Final = """\b
Examples:
  shodohflo replay office.pcap                              the flows, and what became of each packet
  shodohflo replay --keys --our-nets 192.0.2.0/24 a.pcap    the keys that would be in the store
  shodohflo replay --filter "not port 22" a.pcap            as an agent with that filter would count it
  tcpdump -c 1000 -w - | shodohflo replay -                 from standard input
"""


@click.command(epilog=EXAMPLES)
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...", type=options.CAPTURE)
@options.our_nets
@options.config
@options.filter_
@click.option("--store", metavar="URL", help="Write to this store; the keys live a full lifetime from now.")
@click.option("--keys", is_flag=True, help="Print KEY<TAB>COUNT, sorted, and nothing else.")
@filtered(ENDS, OF_FLOWS)
@laid_out(FLOWS, sort="packets")
@options.ledger
def replay(  # noqa: PLR0913 - one for each option
    *,
    captures: tuple[str, ...],
    our_nets: tuple[Network, ...],
    config: Path | None,
    passing: CaptureFilter | None,
    store: str | None,
    keys: bool,
    asked: AskedFor,
    layout: Layout,
    ledger: Path | None,
) -> int:
    """Send capture files through the same rules as live packets.

    Each CAPTURE is a pcap or pcapng file, or - for standard input. Without --keys, --json, --csv or --store, the flows
    are shown as a table; the filters choose which. The ledger of all packets always follows, on standard error if
    standard output has keys, JSON or CSV. Without --our-nets, all private networks (RFC 1918, RFC 6598, RFC 4193) are
    ours, with a warning if the configuration has another use for some of their addresses.
    """
    if keys and layout != Layout("packets"):
        raise click.UsageError("--keys prints all keys, sorted by name; it excludes --json, --csv, --sort, -r and -n")
    if asked != AskedFor() and (keys or store):
        raise click.UsageError("filters choose the flows that are shown, so --keys and --store exclude them")
    keep_freed_memory()
    settings = load_tried(config)
    if passing is not None:
        settings = replace(settings, capture_filter=passing)
    warn(settings)
    write = None
    if store:
        from shodohflo.offline.writing import writer_to  # noqa: PLC0415 - most replays need no store client

        write = writer_to(store, settings.mapping, settings.ttl)
    (configuration,) = options.bound([settings], our_nets, lambda: presumed_for_captures(settings.enumeration))
    wanted = asked.to_filter(lambda: NetworkDirectory((published(configuration.networks),)), now=0.0)
    with Watchdog():
        replayed = replay_captures(captures, configuration)
    try:
        if write:
            write(replayed.observations)
        return _show(replayed, configuration, wanted, layout, keys=keys, flows=not store)
    finally:  # neither a store nor a standard output that fails takes the file with it
        if ledger:
            write_ledger(replayed.ledger, ledger)


def _show(  # noqa: PLR0913 - what decides what is shown
    replayed: Replayed, configuration: Configuration, wanted: Filter, layout: Layout, *, keys: bool, flows: bool
) -> int:
    """Print keys or flows, what could not be read, and the ledger; return the exit status."""
    if keys:
        print_keys(replayed.observations)
    elif layout.form is not Form.TABLE or flows:
        _print_flows(replayed, configuration, wanted, layout)
    broken = list(replayed.broken)
    if is_unreadable(replayed.ledger):
        broken.append("nothing could be read: no link type of the captures has a decoder")
    for message in broken:
        fail(message, "shodohflo replay")
    for note in replayed.notes:
        click.echo(note, err=True)
    to_error = keys or layout.form is not Form.TABLE
    print_ledger(replayed.ledger, replayed.rules, err=to_error)
    for line in doubtful_lines(replayed.grades, replayed.contradicted, configuration.mapping):
        click.echo(line, err=to_error)
    hint_at_unmatched(replayed.ledger.outcomes, configuration.our_nets)
    return 1 if broken else 0


def _print_flows(replayed: Replayed, configuration: Configuration, wanted: Filter, layout: Layout) -> None:
    """Print the flows, and an empty line below a table; if there are none, say why on standard error.

    If nearly all packets are unmatched, that is why, and the hint below the ledger says so.
    """
    every = flow_rows(replayed.observations, configuration.mapping.sentences)
    rows = [row for row in every if wanted.takes_flow(row)]
    layout.print(FLOWS, rows)
    if layout.form is Form.TABLE:
        sys.stdout.write("\n")
    sys.stdout.flush()  # before anything about these flows is printed on standard error
    if rows or layout.form is not Form.TABLE:
        return
    outcomes = replayed.ledger.outcomes
    if every:
        click.echo(f"the filters leave out all {counted(len(every), 'flow')}", err=True)
    elif (outcomes or not replayed.broken) and not Judged.of(outcomes).hint(configuration.our_nets):
        click.echo(why_no_flows(outcomes), err=True)
