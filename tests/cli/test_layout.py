"""How rows are printed: order, number and form."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from shodohflo.cli.layout import Layout, laid_out
from shodohflo.report.listings import FLOWS, Form
from support.rows import FLOW

if TYPE_CHECKING:
    from click.testing import Result

ROWS = [replace(FLOW, port=port, packets=packets) for port, packets in ((80, 1), (22, 5), (443, 3))]


def _printed(*words: str) -> Result:
    """Return the result of a command that prints `ROWS`."""

    @click.command()
    @laid_out(FLOWS, sort="packets")
    def command(*, layout: Layout) -> int:
        """Print rows."""
        layout.print(FLOWS, ROWS)
        return 0

    return CliRunner().invoke(command, words)


def _ports(result: Result) -> list[int]:
    return [json.loads(line)["port"] for line in result.stdout.splitlines()]


def test_the_default_is_a_whole_table_in_the_order_of_the_command() -> None:
    """All rows are shown, and nothing is on standard error."""
    result = _printed()

    assert [line.split()[2] for line in result.stdout.splitlines()[1:]] == ["22", "443", "80"]
    assert result.stderr == ""


def test_every_order_can_be_reversed() -> None:
    """--sort names a column, and --reverse is the other direction."""
    assert _ports(_printed("--json", "--sort", "port")) == [22, 80, 443]
    assert _ports(_printed("--json", "--sort", "port", "--reverse")) == [443, 80, 22]
    assert _ports(_printed("--json", "-r")) == [80, 443, 22]


def test_rows_that_are_left_out_are_counted_below_a_table() -> None:
    """-n shows the first rows; the number of the others is on standard error, in the singular for one."""
    one, two = _printed("-n", "2"), _printed("-n", "1")

    assert len(one.stdout.splitlines()) == 3
    assert one.stderr == "and 1 more flow; -n 3 shows all\n"
    assert two.stderr == "and 2 more flows; -n 3 shows all\n"
    assert _printed("-n", "3").stderr == ""


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_scripts_get_what_they_ask_for_and_nothing_else(form: str) -> None:
    """JSON and CSV with -n have no word about the rest."""
    result = _printed(form, "-n", "1")

    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == (1 if form == "--json" else 2)


def test_two_forms_exclude_each_other() -> None:
    """--json and --csv together are an error."""
    result = _printed("--json", "--csv")

    assert result.exit_code == 2
    assert "exclude each other" in result.output


def test_an_unknown_order_is_answered_with_the_known_ones() -> None:
    """The orders are those of the listing."""
    result = _printed("--sort", "colour")

    assert result.exit_code == 2
    assert all(name in result.output for name in FLOWS.orders)


def test_a_layout_without_options_is_a_table() -> None:
    """Only the order must be named."""
    assert Layout("packets") == Layout("packets", reverse=False, most=None, form=Form.TABLE)
