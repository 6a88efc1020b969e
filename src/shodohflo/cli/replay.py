"""`shodohflo replay`: capture files through the same pipeline as live packets."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from shodohflo.cli import options
from shodohflo.cli.messages import fail, warn
from shodohflo.config import Configuration, Settings, load
from shodohflo.config.presumed import presumed_for_captures
from shodohflo.keys import counts
from shodohflo.offline.session import Replay, is_unreadable, make_pipeline
from shodohflo.process.malloc import keep_freed_memory
from shodohflo.report.ledger import print_ledger, write_ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from shodohflo.columns.observations import Observations
    from shodohflo.model import Network

EXAMPLES: Final = """\b
Examples:
  shodohflo replay office.pcap                              the flows, and what became of each packet
  shodohflo replay --keys --our-nets 192.0.2.0/24 a.pcap    the keys that would be in the store
  tcpdump -c 1000 -w - | shodohflo replay -                 from standard input
"""


def key_lines(counted: Mapping[str, int]) -> Iterator[str]:
    """Return a line with key and count for each key, sorted by key."""
    keys = sorted(counted)
    return map("%s\t%d\n".__mod__, zip(keys, map(counted.__getitem__, keys), strict=True))


def print_flows(seen: Observations, settings: Settings, *, as_json: bool) -> None:
    """Print the flows as a table, or as JSON lines."""
    from shodohflo.report.flows import flow_rows  # noqa: PLC0415 - `--keys` needs no rows
    from shodohflo.report.listings import FLOWS  # noqa: PLC0415 - as above

    FLOWS.print(flow_rows(seen, [rule.describe() for rule in settings.mapping.rules]), as_json=as_json)
    if not as_json:
        click.echo()


def writer_to(url: str, settings: Settings) -> Callable[[Observations], None]:
    """Connect to the store at `url`, and return a function that writes observations to it."""
    from shodohflo.offline.writing import reachable, write_all  # noqa: PLC0415 - most replays need no store client

    store = reachable(url)
    return lambda seen: write_all(seen, store, settings.mapping, settings.ttl)


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
    write = writer_to(store, settings) if store else None
    ours = options.named_or(our_nets, lambda: presumed_for_captures(settings.enumeration))
    configuration = Configuration(settings, ours)
    pipeline = make_pipeline(configuration)
    reading = Replay(pipeline)
    reading.read(captures)
    seen = pipeline.take()
    if write:
        write(seen)
    if keys:
        sys.stdout.write("".join(key_lines(counts(seen))))
    elif as_json or not write:
        print_flows(seen, settings, as_json=as_json)
    if is_unreadable(pipeline.settle()):
        reading.broken.append("nothing could be read: no link type of the captures has a decoder")
    for message in reading.broken:
        fail(message, "shodohflo replay")
    print_ledger(pipeline.settle(), pipeline.rules, err=keys or as_json)
    if ledger:
        write_ledger(pipeline.settle(), ledger)
    return 1 if reading.broken else 0
