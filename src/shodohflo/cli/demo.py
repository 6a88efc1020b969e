"""`shodohflo demo`: a shipped capture through the pipeline and an embedded store to the tables of the readers."""

from __future__ import annotations

import os
import time
from contextlib import closing
from importlib.resources import as_file, files
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Final

import click

from shodohflo.config import Configuration, load
from shodohflo.offline.session import replay_captures
from shodohflo.offline.writing import as_of, write_all
from shodohflo.query.filters import Filter
from shodohflo.query.reader import Reader
from shodohflo.report import listings
from shodohflo.report.ledger import print_ledger
from shodohflo.report.table import show
from shodohflo.store.embedded import EmbeddedStore

OUR_NETS: Final = (ip_network("192.168.7.0/24"), ip_network("2001:db8:7::/48"))

FOREMOST: Final = 20
"""How many flows are shown."""

LONGEST: Final = 70
"""Bytes of a directory's path; the path of a unix socket may have 107 (unix(7)), with the names below the directory."""

EXAMPLES: Final = """\b
Example:
  shodohflo demo
"""


@click.command(epilog=EXAMPLES)
def demo() -> int:
    """Replay a shipped capture into a temporary store and show the flows.

    The capture is one minute of an invented small office: the desks 192.168.7.20 to .24, the hosts bert (.1) and ernie
    (.2), and their IPv6 addresses in 2001:db8:7::/48. The demo needs no rights, and leaves nothing behind.
    """
    settings = load(None, {})
    configuration = Configuration(settings, OUR_NETS)
    click.echo(f"our networks: {configuration.our_nets_text}", err=True)
    with as_file(files("shodohflo") / "demo" / "demo.pcap") as capture:
        click.echo(f"replaying {capture}", err=True)
        replayed = replay_captures([str(capture)], configuration)
    seen = as_of(replayed.observations, time.time_ns())
    # A store of its own keeps documentation addresses out of the operator's.
    with (
        TemporaryDirectory(prefix="shodohflo-", dir=_short_directory()) as state,
        closing(_passing_store(state)) as store,
    ):
        store.connect().connection_pool.disconnect()
        write_all(seen, store, settings.mapping, settings.ttl)
        _show(Reader([store]))
    print_ledger(replayed.ledger, replayed.rules, err=False)
    return 1 if replayed.broken else 0


def _passing_store(state: str) -> EmbeddedStore:
    """Return a store in the directory `state` that saves nothing, because nothing of it is to be kept."""
    return EmbeddedStore(Path(state), is_lasting=False)


def _short_directory() -> str | None:
    """Return where to make the store's directory: None for the usual place, if its path leaves room for a socket's."""
    return "/tmp" if len(os.fsencode(gettempdir())) > LONGEST else None  # noqa: S108 - the directory in it is private


def _show(reader: Reader) -> None:
    """Print the tables of `shodohflo flows` and `shodohflo recon`."""
    flows = [listings.FLOWS.cells(row) for row in reader.flows(Filter(), time.time()).rows]
    click.echo("What `shodohflo flows` says:")
    show(listings.FLOWS.columns, flows[:FOREMOST])
    click.echo(f"... and {len(flows) - FOREMOST} more\n\nWhat `shodohflo recon` says:")
    show(listings.RECON.columns, [listings.RECON.cells(row) for row in reader.recon(Filter()).rows])
    click.echo("\nWhat became of the packets:")
