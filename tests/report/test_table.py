"""Tables are aligned, fit a terminal, and have one line per row without a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from shodohflo.report.table import LONGEST, Column, Row, folds, plain, rich_table, show, with_room

COLUMNS = (Column("CLIENT"), Column("PACKETS", right=True), Column("MORE", from_width=100))
LONG = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"
ROWS: list[Row] = [("192.0.2.1", "7", "x"), (LONG, "1,234,567", "y")]
WHOLE = len(LONG) + len("1,234,567") + len("MORE") + 6
"""The width of the whole table."""


@pytest.mark.parametrize("width", range(1, 130))
def test_a_table_that_does_not_fold_has_a_line_for_each_row(width: int) -> None:
    """Whether cells fold is known before the table is drawn, so the height need not be measured."""
    assert folds(COLUMNS, ROWS, width) == (width < len(LONG) + len("1,234,567") + 4)
    assert folds(COLUMNS, ROWS, width) or len(on_terminal(width)) == len(ROWS) + 1


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def on_terminal(width: int) -> list[str]:
    """Return the lines that a terminal of `width` characters shows."""
    stream = io.StringIO()
    Console(file=stream, width=width, force_terminal=True, color_system=None).print(rich_table(COLUMNS, ROWS, width))
    return stream.getvalue().splitlines()


def test_plain_tables_are_aligned_without_spaces_at_the_end() -> None:
    """Numbers are right-aligned, text is left-aligned, and no line ends with spaces."""
    assert plain(COLUMNS, ROWS) == [
        "CLIENT                                    PACKETS  MORE",
        "192.0.2.1                                       7  x",
        f"{LONG}  1,234,567  y",
    ]


def test_a_table_without_rows_is_its_header() -> None:
    """A table without rows is printed as its header."""
    assert plain(COLUMNS, []) == ["CLIENT  PACKETS  MORE"]


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Long addresses are folded to the width of the terminal, not cut."""
    lines = on_terminal(width)

    assert max(map(len, lines)) <= width
    folded = "".join(line.split()[0] for line in lines[2:] if line.strip())
    assert LONG in folded


def test_numbers_stay_in_one_piece() -> None:
    """A number is not folded, even on a narrow terminal."""
    assert any("1,234,567" in line for line in on_terminal(30))


def test_narrow_terminals_leave_columns_out() -> None:
    """A column is left out on terminals narrower than its `from_width`."""
    assert "MORE" not in on_terminal(99)[0]
    assert "MORE" in on_terminal(100)[0]


@pytest.mark.parametrize(
    "cell", ["tcp\x1b]0;x\x07", "a\x9bb", "a\x7f", "a\u202eb", "a\u200b", "a\nb", "\ud800", "[red]"]
)
def test_a_cell_steers_no_terminal(cell: str) -> None:
    """Characters that are not printed are escaped in files and on terminals, and rich's markup is text."""
    stream = io.StringIO()
    Console(file=stream, width=120, force_terminal=True, color_system=None).print(
        rich_table(COLUMNS, [(cell, "1", "x")], 120)
    )

    for text in (stream.getvalue(), "\n".join(plain(COLUMNS, [(cell, "1", "x")]))):
        assert all(character.isprintable() or character == "\n" for character in text)
        assert text.rstrip("\n").count("\n") == 1
        assert "[red]" in text or "[red]" not in cell


def test_a_cell_of_any_length_does_not_widen_the_table_for_ever() -> None:
    """A cell is cut where nobody reads on."""
    assert len(plain(COLUMNS, [("x" * 10**6, "1", "y")])[1]) < LONGEST + 50


def test_a_file_gets_plain_lines() -> None:
    """A stream that is not a terminal gets plain lines, without colours or folding."""
    stream = io.StringIO()

    show(COLUMNS, ROWS, stream)

    assert stream.getvalue().splitlines() == plain(COLUMNS, ROWS)


@pytest.mark.parametrize(("width", "told"), [(WHOLE - 1, True), (WHOLE, False), (100, False)])
def test_columns_without_room_are_told(width: int, told: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - what is expected
    """A terminal is told which columns were left out and how to see them; a file has all of them."""
    monkeypatch.setenv("COLUMNS", str(width))
    terminal, file = Terminal(), io.StringIO()

    show(COLUMNS, ROWS, terminal)
    show(COLUMNS, ROWS, file)

    assert (f"no room for MORE in {width} characters; `| less -S` shows all" in terminal.getvalue()) == told
    assert ("MORE" in terminal.getvalue().splitlines()[0]) != told
    assert "room" not in file.getvalue()


def test_an_empty_table_misses_no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without rows, nothing is said of columns."""
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()

    show(COLUMNS, [], terminal)

    assert "room" not in terminal.getvalue()


@pytest.mark.parametrize("width", range(1, 130))
def test_columns_come_in_the_order_of_their_importance(width: int) -> None:
    """Columns for narrower terminals get what room there is first, and none of the others makes cells fold."""
    columns = (
        Column("A"),
        Column("LAST", from_width=120),
        Column("NEXT", from_width=60),
        Column("THEN", from_width=90),
    )
    rows: list[Row] = [("a" * 30, "l", "n" * 20, "t" * 10)]

    shown = [column.title for column in with_room(columns, rows, width) if column.from_width <= width]

    needed = [30 + 2, 20 + 2, 10 + 2, 4 + 2]
    expected = {
        title
        for count, title in enumerate(("A", "NEXT", "THEN", "LAST"))
        if sum(needed[: count + 1]) <= width or width >= (0, 60, 90, 120)[count]
    }
    assert set(shown) == expected
