"""`shodohflo init`: the configuration loads as written, and also with everything in it uncommented."""

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
    """Write a configuration that root may load too."""
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(0o600)
    return path


def options_of(lines: Iterable[str]) -> list[str]:
    """Return the options of the command that the file recommends."""
    (line,) = (line for line in lines if "shodohflo check FILE" in line)
    return line.partition("FILE")[2].split()


def test_it_loads_and_passes_check_on_every_host(
    shodohflo: Command, interfaces: list[Interface], tmp_path: Path
) -> None:
    """The starting configuration passes `check` as written, with the options that it recommends."""
    lines = list(starting_lines(interfaces))

    result = shodohflo("check", saved(tmp_path / "configuration.py", lines), *options_of(lines))

    assert result.exit_code == 0, result.stdout


def test_everything_that_is_commented_out_passes_check_too(
    shodohflo: Command, interfaces: list[Interface], tmp_path: Path
) -> None:
    """The starting configuration still passes `check` with every commented entry and rule uncommented."""
    lines = list(starting_lines(interfaces))
    uncommented = [re.sub(r"^    # \(", "    (", line) for line in lines]

    result = shodohflo("check", saved(tmp_path / "configuration.py", uncommented), *options_of(lines))

    assert uncommented != lines
    assert result.exit_code == 0, result.stdout


def test_it_records_what_is_recorded_without_any(shodohflo: Command, demo: Path, tmp_path: Path) -> None:
    """The starting configuration records the same as the defaults, for the host and networks of the demo."""
    hosts = [interface("eth0", "192.168.7.1/24", "2001:db8:7::1/48")]
    old = saved(tmp_path / "nothing.py", [])

    result = shodohflo(
        "compare", old, saved(tmp_path / "new.py", starting_lines(hosts)), *options_of(starting_lines(hosts)), demo
    )

    assert result.exit_code == 0, result.stdout


def test_it_goes_to_standard_output(shodohflo: Command) -> None:
    """Without FILE, the configuration for this machine is all that is printed on standard output."""
    result = shodohflo("init")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == list(starting_lines(list_interfaces()))
    assert shodohflo("init", "-").stdout == result.stdout
    assert result.stderr == ""


def test_it_can_be_for_any_machine(shodohflo: Command, tmp_path: Path) -> None:
    """With --generic, the file is the same on every machine, and passes `check`."""
    result = shodohflo("init", "--generic", tmp_path / "configuration.py")

    assert result.exit_code == 0
    assert (tmp_path / "configuration.py").read_text().splitlines() == list(starting_lines([]))
    assert shodohflo("check", tmp_path / "configuration.py").exit_code == 0


def test_a_file_is_never_written_over_unasked(shodohflo: Command, tmp_path: Path) -> None:
    """An existing file is only overwritten with --force."""
    path = tmp_path / "configuration.py"

    first = shodohflo("init", path)
    written = path.read_text()
    path.write_text("# the work of years\n")
    second = shodohflo("init", path)
    kept = path.read_text()
    forced = shodohflo("init", path, "--force")

    assert (first.exit_code, second.exit_code, forced.exit_code) == (0, 2, 0)
    assert f"{path} exists already; --force overwrites it" in second.stderr
    assert kept == "# the work of years\n"
    assert path.read_text() == written == shodohflo("init").stdout
    assert not path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def test_a_folder_that_is_not_there_is_one_line(shodohflo: Command, tmp_path: Path) -> None:
    """A missing directory is an error in one line with status 1."""
    result = shodohflo("init", tmp_path / "nowhere" / "configuration.py")

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
