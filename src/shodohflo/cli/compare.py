"""`shodohflo compare`: what another configuration would change, so that it can be reviewed like code."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from shodohflo.analysis.compare import Change, Comparison, Difference, Side, What
from shodohflo.cli import options
from shodohflo.cli.program import fail
from shodohflo.config import Configuration, load
from shodohflo.config.presumed import presumed
from shodohflo.offline.session import Replay, make_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shodohflo.cli.options import Network
    from shodohflo.config import Settings

EXAMPLES: Final = """\b
Examples:
  shodohflo compare /etc/shodohflo/configuration.py new.py monday.pcap
  shodohflo compare old.py new.py --our-nets 192.0.2.0/24 --json *.pcap | jq .gone
"""

SHOWN: Final = 20
"""Keys of one kind of change that people are shown; scripts get all."""

_INSIDE: Final = "in tunnels that only one of the two looks into (TUNNELS):"
_UNSURE: Final = "an action of your own, asked again about the same packets, answered otherwise:"

_FILE: Final = click.Path(path_type=Path)


@click.command(epilog=EXAMPLES)
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@options.our_nets
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with all keys.")
def compare(*, old: Path, new: Path, captures: tuple[str, ...], our_nets: tuple[Network, ...], as_json: bool) -> int:
    """Say what another configuration would change, over captures.

    OLD and NEW are configuration files. Each CAPTURE is a pcap or pcapng file, or - for standard input. Told are
    packets that are newly recorded, newly dropped or no longer recorded, recorded under another key, or with client
    and service exchanged, and the rules of both that decide. Without --our-nets, private networks are taken
    that neither has another use for. Exit status: 0 if both record the same, 1 if not, 2 if something could not be
    read.
    """
    both = [_load(path) for path in (old, new)]
    ours = options.named_or(our_nets, lambda: presumed(*(settings.enumeration for settings in both)))
    comparison = Comparison(*(make_pipeline(Configuration(settings, ours)) for settings in both))
    reading = Replay(comparison)
    reading.read(captures)
    difference = comparison.difference()
    for line in [json.dumps(difference.as_dict())] if as_json else told(difference):
        click.echo(line)
    for message in reading.broken:
        fail(message, "shodohflo compare")
    if reading.broken:
        return 2
    return 0 if difference.is_none else 1


def _load(path: Path) -> Settings:
    settings = load(path)
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)
    return settings


def told(difference: Difference) -> Iterator[str]:
    """Write a difference for people."""
    yield f"{difference.packets:,} packets; {len(difference.old):,} keys before, {len(difference.new):,} after"
    if difference.is_none:
        yield "no difference"
        return
    yield (
        f"{len(difference.added):,} keys added, {len(difference.gone):,} gone, "
        f"{len(difference.recounted):,} with another count"
    )
    changes = sorted(difference.changes, key=_reason)
    groups = [list(group) for _, group in groupby(changes, key=_reason)]
    for group in sorted(groups, key=lambda group: -sum(change.packets for change in group)):
        yield ""
        yield from _group(group)
    yield from _inside(difference)


def _reason(change: Change) -> tuple[What, str, str, str, str]:
    return change.what, change.old.outcome, change.old.rule, change.new.outcome, change.new.rule


def _group(changes: Sequence[Change]) -> Iterator[str]:
    """Write the changes that the same rules make."""
    yield f"{changes[0].what}: {sum(change.packets for change in changes):,} packets"
    yield f"  before  {_side(changes[0].old)}"
    yield f"  after   {_side(changes[0].new)}"
    yield from _counted([(change.packets, _keys(change)) for change in changes])


def _side(side: Side) -> str:
    by = f" by {side.rule}, {side.sentence}" if side.rule else ""
    return f"{side.outcome.partition('.FLOW_MAPPING')[0]}{by}"


def _keys(change: Change) -> str:
    return " -> ".join(key for key in (change.old.key, change.new.key) if key)


def _inside(difference: Difference) -> Iterator[str]:
    """Write what differs without any rule's doing."""
    if difference.inside:
        yield ""
        yield _UNSURE if difference.same_tunnels else _INSIDE
        rows = [(after, f"{key}  (before: {before:,})") for key, (before, after) in difference.inside.items()]
        yield from _counted(sorted(rows, reverse=True))


def _counted(rows: Sequence[tuple[int, str]]) -> Iterator[str]:
    width = max(len(f"{count:,}") for count, _ in rows)
    for count, text in rows[:SHOWN]:
        yield f"    {count:>{width},}  {text}"
    if len(rows) > SHOWN:
        yield f"    ... and {len(rows) - SHOWN:,} more (--json has all)"
