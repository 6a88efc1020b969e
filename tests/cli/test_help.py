"""`shodohflo help` prints what `--help` prints, and the documentation of the configuration language."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shodohflo import pcap_config
from shodohflo.cli.program import COMMANDS

if TYPE_CHECKING:
    from cli.conftest import Command


def test_without_a_topic_the_commands_are_listed(shodohflo: Command) -> None:
    """`shodohflo help` prints the same as `shodohflo --help`."""
    assert shodohflo("help").stdout == shodohflo("--help").stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_is_that_of_its_option(shodohflo: Command, name: str) -> None:
    """`shodohflo help COMMAND` prints the same as `shodohflo COMMAND --help`."""
    result = shodohflo("help", name)

    assert result.exit_code == 0
    assert result.stdout == shodohflo(name, "--help").stdout


def test_the_language_is_documented_without_leaving_the_program(shodohflo: Command) -> None:
    """`shodohflo help language` explains the language and every name of it that a configuration imports."""
    result = shodohflo("help", "language")

    assert result.exit_code == 0
    assert result.stdout.startswith("The language of networks and rules: ")
    assert [name for name in pcap_config.__all__ if name not in result.stdout] == []


@pytest.mark.parametrize(
    ("topic", "said"), [("languages", "Did you mean 'language'?"), ("checks", "Did you mean 'check'?")]
)
def test_a_misspelt_topic_gets_the_one_that_was_meant(shodohflo: Command, topic: str, said: str) -> None:
    """A misspelt topic gets the closest command, or `language`."""
    result = shodohflo("help", topic)

    assert result.exit_code == 2
    assert said in result.stderr
