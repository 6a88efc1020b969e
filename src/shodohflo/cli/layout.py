"""How rows are printed: their order, their number, and the form of output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shodohflo.cli import options
from shodohflo.query.rows import ListedRow
from shodohflo.report.listings import Form, Listing
from shodohflo.report.numbers import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

AnyRow = TypeVar("AnyRow", bound=ListedRow)
Command = Callable[..., int]


@dataclass(frozen=True, slots=True)
class Layout:
    """The options of output."""

    sort: str
    reverse: bool = False
    most: int | None = None
    form: Form = Form.TABLE

    def by(self, order_of: Callable[[str], str]) -> Layout:
        """Return the same options for another listing, whose orders `order_of` returns for ours."""
        return replace(self, sort=order_of(self.sort))

    def chosen(self, listing: Listing[AnyRow], rows: Sequence[AnyRow]) -> list[AnyRow]:
        """Return the rows that are to be printed, in their order."""
        return listing.sorted(rows, self.sort, reverse=self.reverse)[: self.most]

    def print(self, listing: Listing[AnyRow], rows: Sequence[AnyRow]) -> None:
        """Print `rows` on standard output; below a table, say on standard error how many were left out."""
        shown = self.chosen(listing, rows)
        listing.print(shown, self.form)
        if self.form is Form.TABLE and len(shown) < len(rows):
            left = counted(len(rows) - len(shown), f"more {listing.noun}", f"more {listing.nouns}")
            click.echo(f"and {left}; -n {len(rows)} shows all", err=True)


def laid_out(listing: Listing[Any], *, sort: str) -> Callable[[Command], Command]:
    """Return a decorator that adds the options of output to a command, which gets a `layout`."""
    added = (
        click.option(
            "--sort",
            type=click.Choice(tuple(listing.orders)),
            default=sort,
            show_default=True,
            help="Counts: the most first; times: the latest first; others: ascending.",
        ),
        click.option("--reverse", "-r", is_flag=True, help="Sort the other way round."),
        click.option("-n", "most", type=click.IntRange(min=0), metavar="N", help="Only the first N rows."),
        options.as_json,
        click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a header line (RFC 4180)."),
    )

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_layout(
            *,
            sort: str,
            reverse: bool,
            most: int | None,
            as_json: bool,
            as_csv: bool,
            **given: Any,  # noqa: ANN401 - one for each option
        ) -> int:
            return command(layout=Layout(sort, reverse, most, _form(as_json=as_json, as_csv=as_csv)), **given)

        decorated: Command = with_layout
        for add in reversed(added):
            decorated = add(decorated)
        return decorated

    return decorate


def _form(*, as_json: bool, as_csv: bool) -> Form:
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    return Form.JSON if as_json else Form.CSV if as_csv else Form.TABLE
