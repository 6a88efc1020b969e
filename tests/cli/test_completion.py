"""`shodohflo completion` prints a script for each shell, and the program completes its commands."""

from __future__ import annotations

from pathlib import Path
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
        ("flows --store d", "dns:"),
        ("explain --store u", "unix:///"),
        ("rules --store valkeys", "valkeys://"),
    ],
)
def test_completion_knows_what_options_take(process: Process, words: str, expected: str) -> None:
    """Names of ports, protocols, kinds, orders and options are completed; of a list, the last member."""
    before, _, last = f"shodohflo {words}".rpartition(" ")
    number = str(len(before.split()))

    done = process(_SHODOHFLO_COMPLETE="bash_complete", COMP_WORDS=f"{before} {last}", COMP_CWORD=number)

    assert f"plain,{expected}" in done.stdout.split()


def test_completion_knows_files_of_stores(process: Process, tmp_path: Path) -> None:
    """After @ stands a file: those of the folder that is typed, folders with a slash; an unknown one has none."""
    (tmp_path / "stores.txt").touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "other").touch()

    def completed(last: str) -> set[str]:
        done = process(
            _SHODOHFLO_COMPLETE="bash_complete", COMP_WORDS=f"shodohflo flows --store {last}", COMP_CWORD="3"
        )
        return {line.removeprefix("plain,") for line in done.stdout.split()}

    assert completed(f"@{tmp_path}/s") == {f"@{tmp_path}/stores.txt", f"@{tmp_path}/sub/"}
    assert completed(f"@{tmp_path}/") == {f"@{tmp_path}/{name}" for name in ("stores.txt", "sub/", "other")}
    assert completed(f"@{tmp_path}/gone/x") == set()
    assert "@pyproject.toml" in completed("@pyproj") or not Path("pyproject.toml").exists()
