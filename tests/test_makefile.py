"""The Makefile: what `make run` and the other targets install, and with whose rights the agent starts."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def script(path: Path, text: str) -> None:
    """Write a shell script that stands in for a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Return a virtual environment that make takes for complete; its shodohflo prints how it was called."""
    venv = tmp_path / "venv"
    script(venv / "bin/shodohflo", 'echo "shodohflo $* with $SHODOHFLO_STORE as $WHO"')
    script(venv / "bin/python", "exit 1")
    for stamp in (".installed", ".installed-dev"):
        (venv / stamp).touch()
    return venv


def make(venv: Path, *arguments: str, user: int = 1000, sudo: str | None = None) -> str:
    """Run make as the user id `user`, with `sudo` as the script for sudo (`None`: no sudo); return its output."""
    fakes = venv.parent / "fakes"
    script(fakes / "id", f"echo {user}")
    if sudo is not None:
        script(fakes / "sudo", sudo)
    path = f"{fakes}:/usr/bin:/bin" if sudo is not None else str(_without_sudo(fakes))
    environment = os.environ | {"PATH": path, "SHODOHFLO_STORE": "unix:///x", "WHO": "caller"}
    environment.pop("MAKEFLAGS", None)
    done = subprocess.run(
        ["/usr/bin/make", "-C", ROOT, "--no-print-directory", f"VENV={venv}", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def _without_sudo(fakes: Path) -> Path:
    """Add the programs that the recipe needs, but no sudo, and return the directory."""
    for program in ("env", "sh", "touch"):
        target = fakes / program
        if not target.exists():
            target.symlink_to(Path("/bin") / program)
    return fakes


WORKING_SUDO = 'case "$1" in --preserve-env=*) shift ;; esac\nWHO=root exec "$@"'


def test_a_user_gets_the_agent_through_sudo_with_the_settings_of_the_environment(installed: Path) -> None:
    """A user's `make run` starts the agent by sudo and passes on the settings in the environment."""
    said = make(installed, "run", "ARGS=--duration 10", sudo=WORKING_SUDO)

    assert said == "shodohflo run --duration 10 with unix:///x as root\n"


def test_root_needs_no_sudo(installed: Path) -> None:
    """For root, `make run` does not call sudo."""
    said = make(installed, "run", "ARGS=eth0", user=0, sudo="exit 9")

    assert said == "shodohflo run eth0 with unix:///x as caller\n"


def test_without_the_right_to_sudo_the_agent_itself_says_what_is_needed(installed: Path) -> None:
    """If sudo refuses, the agent is started directly and reports the missing rights itself."""
    assert "as caller" in make(installed, "run", sudo="exit 1")


def test_without_sudo_the_agent_is_started_directly(installed: Path) -> None:
    """On a machine without sudo, the agent is started directly."""
    assert "as caller" in make(installed, "run")


def test_nothing_is_installed_again_while_nothing_changed(installed: Path) -> None:
    """While no requirement has changed, nothing is installed and no network is needed."""
    assert "pip install" not in make(installed, "-n", "run", "test", "demo", "bench", "docs")


def test_a_changed_requirement_installs_again(installed: Path) -> None:
    """A newer pyproject.toml causes a new installation."""
    for stamp in (".installed", ".installed-dev"):
        os.utime(installed / stamp, (0, 0))

    assert make(installed, "-n", "run").count("pip install") == 1
    assert "'.[dev,fuzz]'" in make(installed, "-n", "test")


def test_every_dependency_is_pinned() -> None:
    """Every dependency has a pinned version, so that what CI tested is what gets installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.split(r"[\[<>=~!; ]", requirement)[0].lower() for some in wanted for requirement in some}
    pinned = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}

    assert names - pinned == set()


def test_ci_runs_what_everybody_runs_and_skips_nothing() -> None:
    """CI runs `make test` with `CI=true`, after installing the packages that the tests need."""
    text = (ROOT / ".ci/run").read_text()

    subprocess.run(["bash", "-n", ROOT / ".ci/run"], check=True)
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert text.rstrip().endswith("make test")
    assert "export CI=true" in text
    assert all(package in text for package in ("tcpreplay", "tcpdump", "iproute2", "redis-server"))


def test_no_address_of_a_registry_is_written_down() -> None:
    """No file names the URL of a package registry, which each machine configures itself."""
    for name in (".ci/run", "Makefile", "constraints.txt", "pyproject.toml"):
        assert "://" not in (ROOT / name).read_text(), name
