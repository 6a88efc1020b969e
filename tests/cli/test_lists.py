"""Options whose value is a list."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from shodohflo.cli.lists import ListType, option


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


NUMBERS = ListType("NUMBERS", _numbers, lambda: ("1", "12", "30"))


@click.command()
@option("--of", NUMBERS, "What it is.")
def command(of: tuple[list[int], ...]) -> int:
    """Print what was given."""
    click.echo(repr(of))
    return 0


def test_each_time_the_option_is_given_is_one_list() -> None:
    """A repeated option gives one parsed list for each time."""
    assert CliRunner().invoke(command, ["--of", "1,2", "--of", "3"]).output == "([1, 2], [3])\n"


def test_the_error_of_the_parser_is_that_of_the_option() -> None:
    """The message names the option; the status is 2."""
    result = CliRunner().invoke(command, ["--of", "1,x"])

    assert result.exit_code == 2
    assert "Invalid value for '--of': invalid literal" in result.output


def test_the_help_has_the_form_of_the_list() -> None:
    """The option shows its metavar and its text."""
    assert "--of NUMBERS  What it is." in CliRunner().invoke(command, ["--help"]).output


@pytest.mark.parametrize(
    ("incomplete", "expected"), [("", ["1", "12", "30"]), ("1", ["1", "12"]), ("30,1", ["30,1", "30,12"]), ("x", [])]
)
def test_the_last_member_is_completed(incomplete: str, expected: list[str]) -> None:
    """Members before the last one stay as they are."""
    context = click.Context(command)

    items = NUMBERS.shell_complete(context, command.params[0], incomplete)

    assert [item.value for item in items] == expected
