"""Tables: folded and coloured to fit a terminal, elsewhere one line per row of any length."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Final, TextIO

from shodohflo.errors import foreign_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.table import Table


LONGEST: Final = 2_000
"""Characters of a cell that are shown; a sentence of a rule may name many ports."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: str
    right: bool = False
    """Whether it is right-aligned and never folded, as for numbers; other columns fold on a narrow terminal."""
    from_width: int = 0
    """On a terminal narrower than this, the column is left out unless there is room for it."""
    style: str = ""


Row = tuple[str, ...]

_GAP: Final = 2
"""Blanks after each column."""


def show(columns: Sequence[Column], rows: Iterable[Row], stream: TextIO | None = None) -> None:
    """Print a table on `stream`, by default standard output, without the columns that are empty in all rows."""
    stream = stream or sys.stdout
    columns, rows = _telling(columns, _held(rows))
    if not stream.isatty():
        stream.writelines(f"{line}\n" for line in plain_lines(columns, rows))
        return
    from rich.console import Console  # noqa: PLC0415 - output to pipes and files does not need rich

    width = shutil.get_terminal_size().columns
    columns = with_room(columns, rows, width)
    console = Console(file=stream, highlight=False, markup=False)
    console.print(rich_table(columns, rows, width))
    if rows and (hidden := hidden_titles(columns, width)):
        console.print(f"no room for {hidden} in {width} characters; `| less -S` shows all", style="dim")


def with_room(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[Column]:
    """Return `columns` with those for any width that have room besides the others, the most important first.

    A table that has to fold cells gets no more columns, but it loses none either: one long address would take them from
    all rows.
    """
    fitting = list(columns)
    for place in sorted(range(len(columns)), key=lambda place: columns[place].from_width):
        if columns[place].from_width > width:
            fitting[place] = replace(columns[place], from_width=0)
            if folds(fitting, rows, width):
                fitting[place] = columns[place]
                break
    return fitting


def _held(rows: Iterable[Row]) -> list[Row]:
    """Return `rows` with equal cells as one object: a million ages are a few texts."""
    same = dict[str, str]().setdefault
    return [tuple(map(same, row, row)) for row in rows]


def _telling(columns: Sequence[Column], rows: list[Row]) -> tuple[list[Column], list[Row]]:
    """Return the table without the columns that are empty in all rows."""
    telling = [place for place in range(len(columns)) if not rows or any(map(itemgetter(place), rows))]
    if len(telling) == len(columns):
        return list(columns), rows
    return [columns[place] for place in telling], [tuple([row[place] for place in telling]) for row in rows]


def hidden_titles(columns: Sequence[Column], width: int) -> str:
    """Return the titles of the columns that a terminal of `width` characters has no room for, with commas."""
    return ", ".join(column.title for column in columns if column.from_width > width and column.title)


def folds(columns: Sequence[Column], rows: Sequence[Row], width: int) -> bool:
    """Return whether a terminal of `width` characters has to fold some of the cells."""
    shown = [place for place, column in enumerate(columns) if column.from_width <= width]
    widest = (max((len(row[place]) for row in rows), default=0) for place in shown)
    needed = (max(wide, len(columns[place].title)) + _GAP for wide, place in zip(widest, shown, strict=True))
    return sum(needed) > width


def plain(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    """Return the table as lines of aligned text."""
    return list(plain_lines(columns, rows))


def plain_lines(columns: Sequence[Column], rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of `plain` one by one."""
    safe = list(map(_shown_row, rows))
    titles = [column.title for column in columns]
    widest = (max(map(len, map(itemgetter(place), safe)), default=0) for place in range(len(columns)))
    shape = zip(columns, map(max, widest, map(len, titles)), strict=True)
    line = "  ".join(f"{{:{'>' if column.right else '<'}{width}}}" for column, width in shape)
    yield line.format(*titles).rstrip()
    for row in safe:
        yield line.format(*row).rstrip()


def _shown_row(row: Row) -> Row:
    """Return the cells of a row as they may be printed."""
    together = "".join(row)  # what is true of all cells together is true of each
    return row if together.isprintable() and len(together) <= LONGEST else tuple(map(shown, row))


def shown(cell: str) -> str:
    """Return a cell as it may be printed: what a store holds must not steer a terminal, nor widen a table for all."""
    return cell if cell.isprintable() and len(cell) <= LONGEST else foreign_text(cell, LONGEST)


def rich_table(columns: Sequence[Column], rows: Sequence[Row], width: int) -> Table:
    """Return the table for a terminal that is `width` characters wide."""
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    places = [place for place, column in enumerate(columns) if column.from_width <= width]
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for column in (columns[place] for place in places):
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=column.right,
            overflow="fold",
            style=column.style,
        )
    for row in rows:
        table.add_row(*(Text(shown(row[place])) for place in places))
    return table
