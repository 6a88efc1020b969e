"""Small captures of situations from the field give exactly the keys, outcomes and exit status stated beside them."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from shodohflo.cli.program import program

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES = Path(__file__).parent.parent / "data" / "cases"


@dataclass(frozen=True, slots=True)
class Case:
    """A capture, how it is replayed, and what is right."""

    file: str
    our_nets: tuple[str, ...]
    config: str | None
    """The text of a configuration."""

    keys: Mapping[str, int]
    outcomes: Mapping[str, int]
    exit_status: int

    @classmethod
    def read(cls, path: Path) -> Case:
        """Read the statement of a case."""
        stated = json.loads(path.read_text())
        expected = (stated["expected_keys"], stated["expected_outcomes"], stated["expected_exit"])
        return cls(stated["file"], tuple(stated["our_nets"]), stated["config"], *expected)

    def __str__(self) -> str:
        """Return the name of the test."""
        return self.file


def _cases() -> list[Case]:
    return [Case.read(path) for path in sorted(CASES.glob("*.json"))]


def _replay(capture: Path, case: Case, folder: Path) -> tuple[int, dict[str, int], dict[str, int]]:
    """Return exit status, keys and outcomes of `shodohflo replay --keys`."""
    arguments = [f"--our-nets={network}" for network in case.our_nets]
    if case.config is not None:
        (folder / "configuration.py").write_text(case.config)
        arguments.append(f"--config={folder / 'configuration.py'}")
    ledger = folder / "ledger.json"
    result = CliRunner().invoke(program, ["replay", "--keys", f"--ledger={ledger}", *arguments, str(capture)])
    keys = {key: int(count) for key, count in (line.split("\t") for line in result.stdout.splitlines())}
    return result.exit_code, keys, json.loads(ledger.read_text())["outcomes"]


@pytest.mark.parametrize("case", _cases(), ids=str)
def test_a_case_gives_exactly_what_is_right(case: Case, tmp_path: Path) -> None:
    """Keys, outcomes and exit status of a case are exactly those stated beside it."""
    assert _replay(CASES / case.file, case, tmp_path) == (case.exit_status, case.keys, case.outcomes)


def test_every_capture_has_its_statement() -> None:
    """No capture of the folder is without a test."""
    captures = {path.name for path in CASES.iterdir() if path.suffix in {".pcap", ".pcapng"}}

    assert captures == {case.file for case in _cases()}


def test_a_large_block_that_nobody_needs_is_skipped(tmp_path: Path) -> None:
    """A custom block of more than 16 MiB is skipped, and the packets around it are read."""
    capture = tmp_path / "large.pcapng"
    capture.write_bytes(gzip.decompress((CASES / "pcapng-block-over-16MiB.pcapng.gz").read_bytes()))
    case = Case(capture.name, ("10.0.0.0/8",), None, {}, {}, 0)

    status, _, outcomes = _replay(capture, case, tmp_path)

    assert (status, sum(outcomes.values())) == (0, 2)
