"""The demo: a capture through pipeline and store to the readers, without rights and without leaving files."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from shodohflo.cli.demo import FOREMOST

if TYPE_CHECKING:
    import pytest

    from cli.conftest import Command, Process

ROOT = Path(__file__).parents[2]


def test_it_shows_flows_closed_doors_and_the_ledger(
    shodohflo: Command, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo prints what `flows`, `recon` and the ledger would show, and removes its directory."""
    directory = tmp_path_factory.mktemp("d")
    monkeypatch.setattr(tempfile, "tempdir", str(directory))

    result = shodohflo("demo")

    assert result.exit_code == 0
    flows, _, rest = result.stdout.partition("\n\nWhat `shodohflo recon` says:\n")
    recon, _, ledger = rest.partition("\n\nWhat became of the packets:\n")
    assert "192.168.7.20" in flows.splitlines()[2]
    assert len(flows.splitlines()) == FOREMOST + 3
    assert "no route" in recon
    assert ledger.startswith("1,677 packets received")
    assert list(directory.iterdir()) == []


def test_its_flows_are_young(shodohflo: Command) -> None:
    """The packets of the old capture are shown as if they had been received in the last minute."""
    lines = shodohflo("demo").stdout.splitlines()

    place = lines[1].index("AGE")
    ages = [line[: place + 3].split()[-1] for line in lines[2:10]]
    assert all(age.endswith("s") for age in ages), ages


def test_the_shipped_capture_is_what_its_script_makes(tmp_path: Path, demo: Path) -> None:
    """The shipped capture is exactly what `tools/demo_capture.py` makes."""
    made = tmp_path / "made.pcap"
    script = f"import runpy, pathlib; runpy.run_path('tools/demo_capture.py')['main'](pathlib.Path({str(made)!r}))"

    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True)

    assert made.read_bytes() == demo.read_bytes()


def test_a_long_temporary_directory_does_not_matter(process: Process, tmp_path: Path) -> None:
    """The demo runs where the path of TMPDIR is too long for a socket, and names its capture."""
    long = tmp_path / ("x" * 120)
    long.mkdir()

    done = process("demo", TMPDIR=str(long))

    assert done.returncode == 0
    assert "our networks: 192.168.7.0/24, 2001:db8:7::/48\n" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("/demo.pcap")
