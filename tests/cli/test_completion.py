"""`shodohflo completion` prints a script for each shell, and the program completes its commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shodohflo.cli.program import COMMANDS

if TYPE_CHECKING:
    from cli.conftest import Command, Process


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shodohflo: Command, shell: str) -> None:
    """The script of each shell calls the program for completions."""
    result = shodohflo("completion", shell)

    assert result.exit_code == 0
    assert "_SHODOHFLO_COMPLETE" in result.stdout


def test_completion_knows_the_commands(process: Process) -> None:
    """The program completes the names of its commands."""
    done = process(_SHODOHFLO_COMPLETE="bash_complete", COMP_WORDS="shodohflo re", COMP_CWORD="1")

    assert done.stdout.split() == [f"plain,{name}" for name in COMMANDS if name.startswith("re")]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("flows --port ss", "ssh"),
        ("flows --port 22,ss", "22,ssh"),
        ("clients --not-port http", "https"),
        ("flows --protocol tcp,u", "tcp,udp"),
        ("recon --kind ", "icmp"),
        ("flows --sort b", "bytes"),
        ("replay --sort fi", "first"),
        ("flows --not-", "--not-client"),
    ],
)
def test_completion_knows_what_options_take(process: Process, words: str, expected: str) -> None:
    """Names of ports, protocols, kinds, orders and options are completed; of a list, the last member."""
    before, _, last = f"shodohflo {words}".rpartition(" ")
    number = str(len(before.split()))

    done = process(_SHODOHFLO_COMPLETE="bash_complete", COMP_WORDS=f"{before} {last}", COMP_CWORD=number)

    assert f"plain,{expected}" in done.stdout.split()
