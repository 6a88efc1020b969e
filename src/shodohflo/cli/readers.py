"""`shodohflo flows`, `peers`, `clients` and `recon`: what the stores hold, as tables and as JSON lines.

Readers only read the stores. They take no configuration, so that looking never runs anybody's code.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from shodohflo.cli import options
from shodohflo.cli.stores import opened
from shodohflo.query.filters import Filter
from shodohflo.query.reader import Found, Reader
from shodohflo.query.rows import KeyRow
from shodohflo.report import listings
from shodohflo.report.table import show

if TYPE_CHECKING:
    from shodohflo.model import Network

AnyRow = TypeVar("AnyRow", bound=KeyRow)
Command = Callable[..., None]

EXAMPLES: Final = {
    "flows": """\b
Examples:
  shodohflo flows                                    all flows, those with most packets first
  shodohflo flows --client 192.168.7.20 --sort age   what one desk does, the latest first
  shodohflo flows --port 22 --json                   for scripts: one JSON object a line
  shodohflo flows --store valkey://bert --store valkey://ernie
""",
    "peers": """\b
Examples:
  shodohflo peers --client 192.168.7.2               whom ernie talks with, whoever is the client
  shodohflo peers --service 203.0.113.0/24           who talks with that network
""",
    "clients": """\b
Examples:
  shodohflo clients                                  everybody who was the client of something
  shodohflo clients --port 22                        whose flows use ssh
""",
    "recon": """\b
Examples:
  shodohflo recon                                    closed doors, the latest first
  shodohflo recon --client 192.168.7.0/24 --port 23  who of us looked for telnet
""",
}

_ORDERS: Final = ("packets", "age", "client", "service", "port")


def _reader(name: str, sort: str) -> Callable[[Command], click.Command]:
    """Make a command of what answers a question: all of them take the same options."""
    decorators = [
        click.command(name, epilog=EXAMPLES[name]),
        click.option(
            "--client",
            "clients",
            type=options.prefix,
            multiple=True,
            metavar="NET",
            help="Only clients in this network; may be repeated.",
        ),
        click.option(
            "--service",
            "services",
            type=options.prefix,
            multiple=True,
            metavar="NET",
            help="Only the other end in this network; may be repeated.",
        ),
        click.option(
            "--port",
            "ports",
            type=options.PORT,
            multiple=True,
            metavar="N",
            help="Only this port of the service; may be repeated.",
        ),
        click.option(
            "--sort",
            type=click.Choice(_ORDERS),
            default=sort,
            show_default=True,
            help="By packets or age, the most or the youngest first; by others, ascending.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line."),
        click.option(
            "--store",
            "stores",
            multiple=True,
            metavar="URL",
            envvar="SHODOHFLO_STORE",
            help="A store to ask; repeat it for several. By default the embedded one of this machine.",
        ),
    ]

    def decorate(command: Command) -> click.Command:
        decorated: Any = command
        for decorator in reversed(decorators):
            decorated = decorator(decorated)
        assert isinstance(decorated, click.Command)
        return decorated

    return decorate


def _wanted(clients: tuple[Network, ...], services: tuple[Network, ...], ports: tuple[int, ...]) -> Filter:
    return Filter(clients, services, frozenset(ports))


def _print(found: Found[AnyRow], listing: listings.Listing[AnyRow], sort: str, *, as_json: bool) -> None:
    """Print the rows, sorted; keys that are damaged or other people's are told about."""
    rows = listing.sorted(found.rows, sort)
    if as_json:
        sys.stdout.writelines(f"{json.dumps(row.as_dict())}\n" for row in rows)
    else:
        show(listing.columns, [listing.cells(row) for row in rows])
    if found.foreign:
        click.echo(f"{found.foreign:,} keys look like ours and are not; they were left out", err=True)


@_reader("flows", "packets")
def flows(*, stores: tuple[str, ...], sort: str, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401 - for `_wanted`
    """List flows: which client uses which service."""
    found = Reader(opened(stores)).flows(_wanted(**wanted), time.time())
    _print(found, listings.FLOWS, sort, as_json=as_json)


@_reader("peers", "packets")
def peers(*, stores: tuple[str, ...], sort: str, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401 - for `_wanted`
    """List pairs of addresses that talk to each other.

    --client and --service name the two ends, in any order; with --port, only the flows on that port are looked at.
    """
    reader, filters = Reader(opened(stores)), _wanted(**wanted)
    found = reader.peers_by_port(filters, time.time()) if filters.ports else reader.peers(filters)
    _print(found, listings.PEERS, sort, as_json=as_json)


@_reader("clients", "packets")
def clients(*, stores: tuple[str, ...], sort: str, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401 - for `_wanted`
    """List the clients of anything recorded.

    With --service or --port, only the flows there are looked at.
    """
    reader, filters = Reader(opened(stores)), _wanted(**wanted)
    by_flows = filters.ports or filters.services
    found = reader.clients_by_flow(filters, time.time()) if by_flows else reader.clients(filters)
    _print(found, listings.CLIENTS, sort, as_json=as_json)


@_reader("recon", "age")
def recon(*, stores: tuple[str, ...], sort: str, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401 - for `_wanted`
    """List resets and unreachables: who met closed doors.

    The client is the address that was told; --service names what refused it, or could not be reached.
    """
    found = Reader(opened(stores)).recon(_wanted(**wanted))
    _print(found, listings.RECON, sort, as_json=as_json)
