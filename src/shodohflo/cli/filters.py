"""The options that `flows`, `peers`, `clients` and `recon` share, and how their rows are printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from shodohflo.cli import options
from shodohflo.cli.messages import fail
from shodohflo.query.filters import Filter
from shodohflo.query.rows import KeyRow

if TYPE_CHECKING:
    from shodohflo.model import Network
    from shodohflo.query.reader import Found, Reader
    from shodohflo.report.listings import Listing

AnyRow = TypeVar("AnyRow", bound=KeyRow)
Command = Callable[..., int]

_ORDERS: Final = ("packets", "age", "client", "service", "port")


def listing(name: str, *, sort: str, examples: str) -> Callable[[Command], click.Command]:
    """Return a decorator for commands that list rows; they get `stores`, `sort`, `as_json`, and what `wanted` takes."""
    added: list[Any] = [
        click.command(name, epilog=examples),
        _network_option("--client", "Only clients in this network; may be repeated."),
        _network_option("--service", "Only services, or other ends, in this network; may be repeated."),
        click.option(
            "--port",
            "ports",
            type=options.PORT,
            multiple=True,
            metavar="N",
            help="Only this service port; may be repeated.",
        ),
        click.option(
            "--sort",
            type=click.Choice(_ORDERS),
            default=sort,
            show_default=True,
            help="packets: most first; age: latest first; others: ascending.",
        ),
        options.as_json,
        options.stores,
    ]

    def decorate(command: Command) -> click.Command:
        decorated: Any = command
        for option in reversed(added):
            decorated = option(decorated)
        assert isinstance(decorated, click.Command)
        return decorated

    return decorate


def _network_option(name: str, text: str) -> Callable[[Command], Command]:
    return click.option(name, f"{name[2:]}s", type=options.prefix, multiple=True, metavar="NET", help=text)


def wanted(clients: tuple[Network, ...], services: tuple[Network, ...], ports: tuple[int, ...]) -> Filter:
    """Return the filter that the options describe."""
    return Filter(clients, services, frozenset(ports))


def print_found(reader: Reader, found: Found[AnyRow], rows: Listing[AnyRow], sort: str, *, as_json: bool) -> int:
    """Print the rows that were found, sorted; return 1 if a store failed, after naming it on standard error.

    Foreign keys and malformed details are counted on standard error.
    """
    rows.print(rows.sorted(found.rows, sort), as_json=as_json)
    if found.foreign:
        click.echo(f"{found.foreign:,} keys look like ours but are not; they were left out", err=True)
    if found.damaged:
        flows = f"{found.damaged:,} flows have malformed or oversized details in the store; these were left out"
        click.echo(flows, err=True)
    return report_failures(reader)


def report_failures(reader: Reader) -> int:
    """Name on standard error every store that failed, and return 1 if any did."""
    for failure in reader.failures.values():
        fail(f"{failure}; its rows are missing")
    return 1 if reader.failures else 0
