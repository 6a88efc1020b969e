"""Rows as CSV (RFC 4180): the fields of the JSON output, under a header line.

A list becomes its members with blanks between them, and what is unknown is empty. Spreadsheets execute cells that
begin like a formula, and texts in a store may be anybody's. So such a text gets an apostrophe in front, which
spreadsheets hide, and characters that are not printed are written as escapes. No address, number, port or rule begins
like that or contains such characters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What formulas begin with in common spreadsheets."""


def write_csv(names: Sequence[str], rows: Iterable[Mapping[str, object]], stream: TextIO) -> None:
    """Write a header with `names`, then the values of `rows` under them; what a row does not have is empty."""
    import csv  # noqa: PLC0415 - most commands print no CSV

    writer = csv.writer(stream)  # lines end with CR LF, as RFC 4180 section 2 has it
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)


def _cell(value: object) -> object:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _harmless(value)
        case list():
            return _harmless(" ".join(map(_member, value)))
        case _:
            return value


def _member(value: object) -> str:
    """Return the text of a member of a list; the sums of a protocol are its name, an end is as in keys."""
    match value:
        case {"address": address, "protocol": protocol, "port": port}:
            return f"{address};{protocol};{port}"
        case {"protocol": protocol}:
            return str(protocol)
        case _:
            return str(value)


def _harmless(text: str) -> str:
    printable = text if text.isprintable() else "".join(map(_escaped, text))
    return f"'{printable}" if text.startswith(FORMULA) else printable


def _escaped(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]
