"""The program lists its commands, shows help without importing them, and points to the help after wrong use."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from shodohflo import __version__
from shodohflo.cli.program import COMMANDS

if TYPE_CHECKING:
    from cli.conftest import Command, Process


def test_an_unknown_command_points_to_the_help(shodohflo: Command) -> None:
    """An unknown command is one line with status 2 that points to --help."""
    result = shodohflo("flwos")

    assert result.exit_code == 2
    assert "flwos" in result.stderr
    assert result.stderr.endswith("(see shodohflo --help)\n")


@pytest.mark.parametrize(
    ("typed", "meant"), [("flow", "flows"), ("explains", "explain"), ("reply", "replay"), ("RUN", "")]
)
def test_a_misspelt_command_gets_the_one_that_was_meant(shodohflo: Command, typed: str, meant: str) -> None:
    """A misspelt command gets the closest one as a hint, if one is close."""
    result = shodohflo(typed)

    assert result.exit_code == 2
    assert result.stderr.count("Did you mean") == bool(meant)
    assert f"No such command '{typed}'" in result.stderr
    assert f"Did you mean '{meant}'? (see" in result.stderr or not meant


def test_without_a_command_the_help_is_shown(shodohflo: Command) -> None:
    """Without a command, the whole help goes to standard error, with status 2."""
    asked, told = shodohflo("--help"), shodohflo()

    assert told.exit_code == 2
    assert told.stdout == ""
    assert told.stderr == asked.stdout


def test_the_version_is_the_packages(process: Process) -> None:
    """`shodohflo --version` prints the version of the package."""
    assert process("--version").stdout == f"shodohflo {__version__}\n"


def test_the_help_imports_no_command() -> None:
    """`shodohflo --help` loads neither NumPy, rich, pyroute2 nor a store client, so that it is quick."""
    look = "import sys; from shodohflo.cli.program import program\n"
    look += "try: program.main(['--help'])\nexcept SystemExit: pass\n"
    look += "print(sorted({'numpy', 'rich', 'valkey', 'pyroute2'} & set(sys.modules)), file=sys.stderr)"

    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(shodohflo: Command, name: str) -> None:
    """The help of each command has an example that calls it."""
    result = shodohflo(name, "--help")

    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert f"  shodohflo {name}" in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_they_say_themselves(name: str) -> None:
    """The summary of each command in `COMMANDS` equals the first sentence of its help."""
    place = COMMANDS[name]
    command = getattr(import_module(f"shodohflo.cli.{place.module}"), place.name)

    assert command.name == name
    assert command.get_short_help_str(200).rstrip(".") == place.summary.rstrip(".")
