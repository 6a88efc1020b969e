"""The systemd units in `packaging/` are valid, start what the program is, and give it hardly any rights."""

from __future__ import annotations

import re
import shlex
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from shodohflo.cli.program import program
from shodohflo.cli.run import run
from support.machine import require
from support.networks import run as succeed

ROOT = Path(__file__).parents[1]
UNITS = [ROOT / "packaging/systemd" / name for name in ("shodohflo.service", "shodohflo@.service")]

MOST_EXPOSED = 1.8
"""What `systemd-analyze security` may say at most, of 10."""


@pytest.fixture(name="unit", params=UNITS, ids=lambda path: path.name)
def _unit(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def section(unit: Path, name: str = "Service") -> dict[str, str]:
    """Return a section of a unit; of a key that stands there several times, the last."""
    parser = ConfigParser(interpolation=None, delimiters=["="], strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # keys keep their capitals
    parser.read(unit)
    return dict(parser[name])


def test_systemd_finds_nothing_wrong(unit: Path, tmp_path: Path) -> None:
    """`systemd-analyze verify` accepts the unit without a word; program and page are there when it is installed."""
    require("systemd-analyze")
    there = tmp_path / unit.name.replace("@", "@inside")
    there.write_text(unit.read_text().replace("=shodohflo ", f"={sys.executable} ").replace("man:shodohflo(1)", ""))

    told = succeed("bash", "-c", f"systemd-analyze verify {there} 2>&1")

    assert "shodohflo" not in told


def test_it_is_hardly_exposed(unit: Path) -> None:
    """By the judgement of systemd itself, the unit gives little away."""
    require("systemd-analyze")

    told = succeed("systemd-analyze", "security", "--offline=true", unit)

    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert float(exposure) <= MOST_EXPOSED, told


def test_the_unit_starts_and_reloads_with_options_that_exist(unit: Path) -> None:
    """The commands of the unit are accepted by the program, which systemd finds in its own path."""
    for name in ("ExecStart", "ExecReload"):
        path, command, *words = shlex.split(section(unit)[name].replace("%i", "inside"))
        found = program.get_command(run.make_context("run", []), command)

        assert path == "shodohflo"
        assert found is not None
        assert found.make_context(command, words).params is not None


def test_systemd_is_told_what_it_waits_for(unit: Path) -> None:
    """The agent says that it is ready and lives, after the network is up; a password may come as a credential."""
    assert section(unit)["Type"] == "notify"
    assert int(section(unit)["WatchdogSec"]) >= 30  # a busy agent gives a sign of life twice in that time
    assert section(unit, "Unit")["After"] == "network-online.target"
    assert "#LoadCredential=store:" in unit.read_text()


def test_a_mistake_in_the_configuration_does_not_start_it_again_and_again(unit: Path) -> None:
    """The status of a wrong configuration prevents a restart; other failures are tried again, but not at once."""
    settings = section(unit)

    assert settings["RestartPreventExitStatus"] == "2"
    assert settings["Restart"] == "on-failure"
    assert int(settings["RestartSec"]) > 2  # five starts in ten seconds are the limit of systemd


def test_instances_differ_in_their_places_only() -> None:
    """The template is the unit, with the instance's name in its files and directories."""
    lines = [unit.read_text().splitlines() for unit in UNITS]

    different = [there for here, there in zip(*lines, strict=True) if here != there]

    assert all("%i" in line for line in different)
    assert {line.partition("=")[0] for line in different} == {
        *("Description", "ExecStart", "ExecReload", "StateDirectory", "RuntimeDirectory", "Environment")
    }


def test_the_page_has_every_step_before_the_start() -> None:
    """The page creates the user, the configuration and the unit that the service needs before it starts it."""
    page = (ROOT / "docs/how-to/systemd.md").read_text()
    user = section(UNITS[0])["User"]
    steps = [f"useradd --system .* {user}\\n", "shodohflo init /etc/shodohflo/configuration.py", UNITS[0].name]

    places = [match.start() for step in [*steps, "systemctl enable --now"] if (match := re.search(step, page))]

    assert len(places) == 4
    assert places == sorted(places)
