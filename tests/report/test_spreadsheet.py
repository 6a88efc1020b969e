"""Rows as CSV, as RFC 4180 has it, and without cells that a spreadsheet would execute."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.query.rows import field_names
from shodohflo.report.listings import FLOWS
from shodohflo.report.spreadsheet import FORMULA, write_csv
from support.rows import FLOW


def written(*rows: dict[str, object]) -> str:
    """Return the CSV of `rows`."""
    stream = io.StringIO(newline="")
    write_csv(list(rows[0]), rows, stream)
    return stream.getvalue()


def test_a_flow_is_one_line_under_a_header() -> None:
    """Lines end with CR LF, lists have blanks between their members, and what is unknown is empty."""
    row = replace(FLOW, first=None, agents=("bert", "ernie"))
    stream = io.StringIO(newline="")

    write_csv(field_names(FLOWS.row), [row.as_dict()], stream)

    assert stream.getvalue() == (
        "client,service,port,octets,first,last,protocols,rule,sentence,evidence,corrected,agents,packets,age,"
        "expires_in,stores\r\n"
        "192.0.2.1,198.51.100.1,80,200,,20.0,tcp,FLOW_MAPPING[0],the first,handshake,,bert ernie,2,5.0,3.0,one\r\n"
    )


def test_truths_and_ends_are_written_as_elsewhere() -> None:
    """A truth is in lower case as in JSON, an end as in keys, and what a row does not have is empty."""
    ends = [{"address": "10.0.0.5", "protocol": "tcp", "port": 22, "last": 1.0}] * 2
    stream = io.StringIO(newline="")

    write_csv(["new", "gone", "targets", "client"], [{"new": True, "gone": False, "targets": ends}], stream)

    assert stream.getvalue().splitlines()[1] == "true,false,10.0.0.5;tcp;22 10.0.0.5;tcp;22,"


@given(st.lists(st.text(st.characters(exclude_categories=["C"])), min_size=1, max_size=5))
def test_any_printable_text_survives(texts: list[str]) -> None:
    """Commas, quotation marks and blanks are read back as they were, apart from the apostrophe before a formula."""
    table = list(csv.reader(io.StringIO(written({str(place): text for place, text in enumerate(texts)}), newline="")))

    assert [cell.removeprefix("'") for cell in table[1]] == [
        text.removeprefix("'") if not text.startswith(FORMULA) else text for text in map(_escaped, texts)
    ]


def _escaped(text: str) -> str:
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"])
def test_a_formula_is_made_a_text(text: str) -> None:
    """A text that begins like a formula gets an apostrophe in front, also as the member of a list."""
    table = list(csv.reader(io.StringIO(written({"sentence": text, "agents": [text, "b"]}), newline="")))

    assert table[1] == [f"'{text}", f"'{text} b"]


def test_what_could_change_a_terminal_is_escaped() -> None:
    """Control characters are written as escapes, so that there is one line for each row."""
    assert written({"sentence": "a\x1b]0;b\nc\r"}).splitlines()[1:] == ["a\\x1b]0;b\\nc\\r"]


def test_numbers_stay_numbers() -> None:
    """A negative number is no formula."""
    assert written({"number": -1, "unknown": None}).splitlines()[1:] == ["-1,"]
