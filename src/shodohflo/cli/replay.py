"""`shodohflo replay`: capture files through the same pipeline as live packets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from shodohflo.cli import options
from shodohflo.cli.messages import fail, warn
from shodohflo.config import load
from shodohflo.config.presumed import presumed_for_captures
from shodohflo.offline.session import is_unreadable, replay_captures
from shodohflo.process.malloc import keep_freed_memory
from shodohflo.report.keys import print_keys
from shodohflo.report.ledger import print_ledger, write_ledger
from shodohflo.report.unmatched import hint_at_unmatched

if TYPE_CHECKING:
    from pathlib import Path

    from shodohflo.config import Configuration
    from shodohflo.model import Network
    from shodohflo.offline.session import Replayed

EXAMPLES: Final = """\b
Examples:
  shodohflo replay office.pcap                              the flows, and what became of each packet
  shodohflo replay --keys --our-nets 192.0.2.0/24 a.pcap    the keys that would be in the store
  tcpdump -c 1000 -w - | shodohflo replay -                 from standard input
"""


@click.command(epilog=EXAMPLES)
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...", type=options.CAPTURE)
@options.our_nets
@options.config
@click.option("--store", metavar="URL", help="Write to this store; the keys live a full lifetime from now.")
@click.option("--keys", is_flag=True, help="Print KEY<TAB>COUNT, sorted, and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line for each flow.")
@options.ledger
def replay(  # noqa: PLR0913 - one for each option
    *,
    captures: tuple[str, ...],
    our_nets: tuple[Network, ...],
    config: Path | None,
    store: str | None,
    keys: bool,
    as_json: bool,
    ledger: Path | None,
) -> int:
    """Send capture files through the same rules as live packets.

    Each CAPTURE is a pcap or pcapng file, or - for standard input. Without --keys, --json or --store, the flows are
    shown as a table. The ledger always follows, on standard error if standard output has keys or JSON. Without
    --our-nets, all private networks (RFC 1918, RFC 6598, RFC 4193) are ours, with a warning if the configuration has
    another use for some of their addresses.
    """
    if keys and as_json:
        raise click.UsageError("--keys and --json exclude each other")
    keep_freed_memory()
    settings = load(config)
    warn(settings)
    write = None
    if store:
        from shodohflo.offline.writing import writer_to  # noqa: PLC0415 - most replays need no store client

        write = writer_to(store, settings.mapping, settings.ttl)
    (configuration,) = options.bound([settings], our_nets, lambda: presumed_for_captures(settings.enumeration))
    replayed = replay_captures(captures, configuration)
    if write:
        write(replayed.observations)
    try:
        return _show(replayed, configuration, keys=keys, as_json=as_json, flows=as_json or not store)
    finally:  # a full or closed standard output does not take the file with it
        if ledger:
            write_ledger(replayed.ledger, ledger)


def _show(replayed: Replayed, configuration: Configuration, *, keys: bool, as_json: bool, flows: bool) -> int:
    """Print keys or flows, what could not be read, and the ledger; return the exit status."""
    if keys:
        print_keys(replayed.observations)
    elif flows:
        from shodohflo.report.flows import print_flows  # noqa: PLC0415 - `--keys` needs no rows

        print_flows(replayed.observations, configuration.mapping, as_json=as_json)
    broken = list(replayed.broken)
    if is_unreadable(replayed.ledger):
        broken.append("nothing could be read: no link type of the captures has a decoder")
    for message in broken:
        fail(message, "shodohflo replay")
    for note in replayed.notes:
        click.echo(note, err=True)
    print_ledger(replayed.ledger, replayed.rules, err=keys or as_json)
    hint_at_unmatched(replayed.ledger.outcomes, configuration.our_nets)
    return 1 if broken else 0
