"""The systemd unit in `examples/` is valid, and starts what the program is."""

from __future__ import annotations

import re
import shlex
import sys
from configparser import ConfigParser
from pathlib import Path

from shodohflo.cli.program import program
from shodohflo.cli.run import run
from support.machine import require
from support.networks import run as succeed

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "examples" / "shodohflo.service"


def service() -> dict[str, str]:
    """Return the section `Service` of the unit."""
    parser = ConfigParser(interpolation=None, delimiters=["="])
    parser.optionxform = str  # type: ignore[assignment,method-assign] # keys keep their capitals
    parser.read(UNIT)
    return dict(parser["Service"])


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """`systemd-analyze verify` accepts the unit without a word."""
    require("systemd-analyze")
    there = tmp_path / UNIT.name
    there.write_text(re.sub(r"/usr/local/bin/shodohflo", sys.executable, UNIT.read_text()))

    told = succeed("bash", "-c", f"systemd-analyze verify {there} 2>&1")

    assert UNIT.name not in told


def test_the_unit_starts_and_reloads_with_options_that_exist() -> None:
    """The commands of the unit are accepted by the program."""
    for name in ("ExecStart", "ExecReload"):
        path, command, *words = shlex.split(service()[name])
        found = program.get_command(run.make_context("run", []), command)

        assert path == "/usr/local/bin/shodohflo"
        assert found is not None
        assert found.make_context(command, words).params is not None


def test_a_mistake_in_the_configuration_does_not_start_it_again_and_again() -> None:
    """The status of a wrong configuration prevents a restart; other failures are tried again, but not at once."""
    settings = service()

    assert settings["RestartPreventExitStatus"] == "2"
    assert settings["Restart"] == "on-failure"
    assert int(settings["RestartSec"]) > 2  # five starts in ten seconds are the limit of systemd


def test_the_page_has_every_step_before_the_start() -> None:
    """The page creates the user, the configuration and the unit that the service needs before it starts it."""
    page = (ROOT / "docs/how-to/systemd.md").read_text()
    steps = [f"useradd --system .* {service()['User']}\\n", "shodohflo init /etc/shodohflo/configuration.py", UNIT.name]

    places = [match.start() for step in [*steps, "systemctl enable --now"] if (match := re.search(step, page))]

    assert len(places) == 4
    assert places == sorted(places)
