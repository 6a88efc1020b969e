"""`shodohflo replay`: capture files through the same pipeline as live packets."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import click

from shodohflo.attribution.ledger import REFUSED, Ledger
from shodohflo.attribution.pipeline import Pipeline
from shodohflo.capture.files.savefile import STDIN, open_savefile
from shodohflo.cli import options
from shodohflo.cli.program import fail
from shodohflo.config import Configuration, Settings, load
from shodohflo.config.presumed import PRIVATE, presumed_networks
from shodohflo.errors import CaptureError
from shodohflo.keys import counts
from shodohflo.offline.progress import Progress
from shodohflo.process.malloc import keep_freed_memory
from shodohflo.report.flows import COLUMNS, seen_flows
from shodohflo.report.ledger import print_ledger, write_ledger
from shodohflo.report.table import show
from shodohflo.wire.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from shodohflo.capture.files.savefile import Savefile
    from shodohflo.cli.options import Network
    from shodohflo.columns.frames import Frames
    from shodohflo.columns.observations import Observations
    from shodohflo.rules.networks import NetworkEnumeration

EXAMPLES: Final = """\b
Examples:
  shodohflo replay office.pcap                              the flows, and what became of each packet
  shodohflo replay --keys --our-nets 192.0.2.0/24 a.pcap    the keys that would be in the store
  tcpdump -c 1000 -w - | shodohflo replay -                 from standard input
"""


class Ingesting(Protocol):
    """Whatever takes frames in."""

    def ingest(self, frames: Frames, /) -> None:
        """Take frames in; none of their memory is needed afterwards."""


@dataclass(slots=True)
class Replay:
    """Captures read into a pipeline, or into something like it, and where reading them broke."""

    into: Ingesting
    broken: list[str] = field(default_factory=list)

    def read(self, captures: Sequence[str]) -> None:
        """Read every capture; one that breaks is used as far as it goes."""
        with Progress(_total(captures)) as progress:
            done = 0
            for name in captures:
                done = self._read_one(name, done, progress)

    def _read_one(self, name: str, done: int, progress: Progress) -> int:
        """Read one capture; `done` bytes were read before it, and are afterwards returned with its own."""
        savefile: Savefile | None = None
        try:
            with open_savefile(name) as savefile:
                for frames in _until_interrupted(savefile) if name == STDIN else savefile:
                    self.into.ingest(frames)
                    progress.advance_to(done + savefile.position)
        except CaptureError as error:
            used = f" ({savefile.packets:,} packets before that were used)" if savefile and savefile.packets else ""
            self.broken.append(f"{error}{used}")
        return done + (savefile.position if savefile else 0)


def _until_interrupted(savefile: Savefile) -> Iterator[Frames]:
    """Yield frames; Ctrl-C while waiting for some ends both sides of a pipe, and what was written is to be seen."""
    try:
        yield from savefile
    except KeyboardInterrupt:
        if savefile.packets == 0:
            raise
        raise CaptureError("standard input: interrupted") from None


def _total(captures: Sequence[str]) -> int:
    """Return the bytes there are to read, 0 if that cannot be known."""
    try:
        return 0 if STDIN in captures else sum(os.stat(name).st_size for name in captures)  # noqa: PTH116 - as above
    except OSError:
        return 0


def make_pipeline(settings: Settings, our_nets: Sequence[Network]) -> Pipeline:
    """Return a pipeline for `settings` and our networks."""
    configuration = Configuration(settings, tuple(our_nets))
    return Pipeline(configuration.rules(), configuration.policy())


def named_or_presumed(our_nets: Sequence[Network], *enumerations: NetworkEnumeration) -> Sequence[Network]:
    """Return our networks; if none are named, what is presumed for configurations, and say so."""
    if our_nets:
        return our_nets
    taken = presumed_networks(*enumerations)
    click.echo(f"no --our-nets: taking {', '.join(map(str, taken)) or 'none'} for our networks", err=True)
    return taken


def named_or_private(our_nets: Sequence[Network], enumeration: NetworkEnumeration) -> Sequence[Network]:
    """Return our networks; if none are named, all private ones, and say so, also where the configuration objects."""
    if our_nets:
        return our_nets
    click.echo(f"no --our-nets: taking {', '.join(map(str, PRIVATE))} for our networks", err=True)
    if clashing := set(PRIVATE) - set(presumed_networks(enumeration)):
        told = ", ".join(map(str, sorted(clashing, key=str)))
        click.echo(f"warning: the configuration has another use for addresses of {told}: name --our-nets", err=True)
    return PRIVATE


def _is_unreadable(ledger: Ledger) -> bool:
    """Tell whether there were packets, and every one of a link type that no decoder reads."""
    refused = REFUSED.format(Refusal.LINK_TYPE)
    return ledger.received > 0 and all(outcome.startswith(refused) for outcome in ledger.outcomes)


def key_lines(counted: Mapping[str, int]) -> Iterator[str]:
    """Write each key and its count, sorted by key."""
    keys = sorted(counted)
    return map("%s\t%d\n".__mod__, zip(keys, map(counted.__getitem__, keys), strict=True))


def writer_to(url: str, settings: Settings) -> Callable[[Observations], None]:
    """Return a way to write to the store at `url`, which has answered by then."""
    from shodohflo.offline.writing import reachable, write_all  # noqa: PLC0415 - most replays need no store's client

    store = reachable(url)
    return lambda seen: write_all(seen, store, settings.mapping, settings.ttl)


@click.command(epilog=EXAMPLES)
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...", type=options.CAPTURE)
@options.our_nets
@options.config
@click.option("--store", metavar="URL", help="Write to this store, with a full lifetime from now.")
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
    shown as a table. What became of the packets is always told, on standard error where standard output holds data.
    Without --our-nets, our networks are all private ones (RFC 1918, RFC 6598, RFC 4193), with a warning where the
    configuration names something inside them.
    """
    if keys and as_json:
        raise click.UsageError("--keys and --json exclude each other")
    keep_freed_memory()
    settings = load(config)
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)
    write = writer_to(store, settings) if store else None
    pipeline = make_pipeline(settings, named_or_private(our_nets, settings.enumeration))
    reading = Replay(pipeline)
    reading.read(captures)
    seen = pipeline.take()
    if write:
        write(seen)
    if keys:
        sys.stdout.write("".join(key_lines(counts(seen))))
    elif as_json:
        sys.stdout.writelines(f"{flow.to_json()}\n" for flow in seen_flows(seen))
    elif not write:
        show(COLUMNS, [flow.to_row() for flow in seen_flows(seen)])
        click.echo()
    if _is_unreadable(pipeline.settle()):
        reading.broken.append("nothing could be read: the captures are of link types we do not read")
    for message in reading.broken:
        fail(message, "shodohflo replay")
    print_ledger(pipeline.settle(), pipeline.rules, err=keys or as_json)
    if ledger:
        write_ledger(pipeline.settle(), ledger)
    return 1 if reading.broken else 0
