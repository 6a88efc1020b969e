"""`shodohflo init`: a configuration that loads as it stands, and still does with everything in it uncommented."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

import pytest

from shodohflo.capture.live.netlink import list_interfaces
from shodohflo.report.starting import starting_lines
from support.hosts import HOSTS, interface

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cli.conftest import Command
    from shodohflo.capture.live.interfaces import Interface


@pytest.fixture(params=HOSTS.values(), ids=list(HOSTS))
def interfaces(request: pytest.FixtureRequest) -> list[Interface]:
    """Return a host's interfaces."""
    several: list[Interface] = request.param
    return several


def saved(path: Path, lines: Iterable[str]) -> Path:
    """Write a configuration that can be loaded as root too."""
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(0o600)
    return path


def options_of(lines: Iterable[str]) -> list[str]:
    """Return our networks, from the command that the file says to run."""
    (line,) = (line for line in lines if "shodohflo check FILE" in line)
    return line.partition("FILE")[2].split()


def test_it_loads_and_passes_check_on_every_host(
    shodohflo: Command, interfaces: list[Interface], tmp_path: Path
) -> None:
    """As it stands, and by the command that it tells."""
    lines = list(starting_lines(interfaces))

    result = shodohflo("check", saved(tmp_path / "configuration.py", lines), *options_of(lines))

    assert result.exit_code == 0, result.stdout


def test_everything_that_is_commented_out_passes_check_too(
    shodohflo: Command, interfaces: list[Interface], tmp_path: Path
) -> None:
    """Nobody should uncomment a line and find it wrong."""
    lines = list(starting_lines(interfaces))
    uncommented = [re.sub(r"^    # \(", "    (", line) for line in lines]

    result = shodohflo("check", saved(tmp_path / "configuration.py", uncommented), *options_of(lines))

    assert uncommented != lines
    assert result.exit_code == 0, result.stdout


def test_it_records_what_is_recorded_without_any(shodohflo: Command, demo: Path, tmp_path: Path) -> None:
    """A start is where one stands already: the demonstration's host, with its networks."""
    hosts = [interface("eth0", "192.168.7.1/24", "2001:db8:7::1/48")]
    old = saved(tmp_path / "nothing.py", [])

    result = shodohflo(
        "compare", old, saved(tmp_path / "new.py", starting_lines(hosts)), *options_of(starting_lines(hosts)), demo
    )

    assert result.exit_code == 0, result.stdout


def test_it_goes_to_standard_output(shodohflo: Command) -> None:
    """Of the machine that it is run on, and nothing besides."""
    result = shodohflo("init")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == list(starting_lines(list_interfaces()))
    assert shodohflo("init", "-").stdout == result.stdout
    assert result.stderr == ""


def test_a_file_is_never_written_over_unasked(shodohflo: Command, tmp_path: Path) -> None:
    """It may be the work of years."""
    path = tmp_path / "configuration.py"

    first = shodohflo("init", path)
    written = path.read_text()
    path.write_text("# the work of years\n")
    second = shodohflo("init", path)
    kept = path.read_text()
    forced = shodohflo("init", path, "--force")

    assert (first.exit_code, second.exit_code, forced.exit_code) == (0, 2, 0)
    assert f"{path} is there already; --force writes over it" in second.stderr
    assert kept == "# the work of years\n"
    assert path.read_text() == written == shodohflo("init").stdout
    assert not path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def test_a_folder_that_is_not_there_is_one_line(shodohflo: Command, tmp_path: Path) -> None:
    """With status 1."""
    result = shodohflo("init", tmp_path / "nowhere" / "configuration.py")

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
