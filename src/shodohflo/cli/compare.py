"""`shodohflo compare`: what another configuration would change, so that it can be reviewed like code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from shodohflo.analysis.compare import Comparison
from shodohflo.cli import options
from shodohflo.cli.bounds import load_tried
from shodohflo.cli.messages import fail, warn
from shodohflo.config.presumed import presumed
from shodohflo.config.watchdog import Watchdog
from shodohflo.offline.session import Replay, make_pipeline
from shodohflo.report.difference import difference_lines

if TYPE_CHECKING:
    from shodohflo.model import Network


EXAMPLES: Final = """\b
Examples:
  shodohflo compare /etc/shodohflo/configuration.py new.py monday.pcap
  shodohflo compare old.py new.py --our-nets 192.0.2.0/24 --json *.pcap | jq .gone
"""


_FILE: Final = click.Path(path_type=Path)


@click.command(epilog=EXAMPLES)
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@options.our_nets_or_presumed
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with all keys.")
def compare(*, old: Path, new: Path, captures: tuple[str, ...], our_nets: tuple[Network, ...], as_json: bool) -> int:
    """Show what another configuration would change, measured on captures.

    OLD and NEW are configuration files. Each CAPTURE is a pcap or pcapng file, or - for standard input. The changes are
    packets that are newly recorded, newly dropped, no longer recorded, recorded under another key, recorded with client
    and service exchanged, newly ignored, or no longer ignored (by IGNORE_FLOW), each with the deciding rules of both
    sides. Our networks are the same for both; without --our-nets, they are those that neither OLD nor NEW has another
    use for. Exit status: 0 if both record the same, 1 if not, 2 if something could not be read.
    """
    both = [load_tried(path) for path in (old, new)]
    for settings in both:
        warn(settings)
    configurations = options.bound(both, our_nets, lambda: presumed(*(settings.enumeration for settings in both)))
    comparison = Comparison(*map(make_pipeline, configurations))
    reading = Replay(comparison)
    with Watchdog():
        reading.read(captures)
    for message in reading.broken:
        fail(message, "shodohflo compare")
    difference = comparison.difference()
    if reading.broken and not difference.packets:
        return 2
    lines = difference_lines(difference, complete=not reading.broken)
    for line in [json.dumps(difference.as_dict())] if as_json else lines:
        click.echo(line)
    if reading.broken:
        return 2
    return 0 if difference.is_none else 1
