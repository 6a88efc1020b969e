"""The Makefile: what `make run` and the other targets install, and with whose rights the agent starts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from support.machine import require

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    for program in ("env", "sh", "stat", "touch"):
        target = fakes / program
        if not target.exists():
            target.symlink_to(Path("/bin") / program)
    return fakes


@pytest.fixture
def clone() -> Iterator[Path]:
    """Return a clone of user 12346, whose shodohflo says as whom and with what it runs."""
    require("setpriv", "make", root=True)
    with TemporaryDirectory() as made:
        clone = Path(made)
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, clone)
        script(clone / ".venv/bin/shodohflo", TELLING)
        script(clone / ".venv/bin/pip", TELLING)
        script(clone / ".venv/bin/python", "exit 0")
        (clone / ".venv/.installed").touch()
        for path in (clone, *clone.rglob("*")):
            os.chown(path, 12346, 12347)
        clone.chmod(0o755)
        yield clone


TELLING = """
echo "$*" with "$SHODOHFLO_STORE" $HOME
grep -E '^(Uid|Gid|Groups|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs):' /proc/self/status | sed 's/[[:blank:]]*$//'"""
ONE_RIGHT = """\
Uid:	12346	12346	12346	12346
Gid:	12347	12347	12347	12347
Groups:
CapPrm:	{0}
CapEff:	{0}
CapBnd:	{0}
CapAmb:	{0}
NoNewPrivs:	1
"""


def told(clone: Path, *words: str, **variables: str) -> str:
    """Return what `make` with `words` prints in the clone, where root starts it with these variables."""
    environment = os.environ | {"SHODOHFLO_STORE": "unix:///x", "HOME": "/root"} | variables
    environment.pop("MAKEFLAGS", None)
    done = subprocess.run(
        ["/usr/bin/make", "-C", clone, "--no-print-directory", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_users_code_gets_one_capability_through_sudo_and_the_settings_of_the_environment(clone: Path) -> None:
    """A user's `make run` calls sudo, which executes nothing of the clone: the agent runs as the caller."""
    script(clone / "fakes/id", "case $1 in -u) echo 12346 ;; *) echo 12347 ;; esac")
    script(clone / "fakes/sudo", 'case "$1" in --preserve-env=*) shift ;; esac\nHOME=/root exec "$@"')

    said = told(clone, "run", "ARGS=--duration 10", PATH=f"{clone}/fakes:/usr/bin:/bin", HOME="/home/alice b")

    assert said == "run --duration 10 with unix:///x /home/alice b\n" + ONE_RIGHT.format("0000000000002000")


def test_root_executes_nothing_of_a_clone_of_somebody_else(clone: Path) -> None:
    """In `sudo make run`, the clone's code runs as the owner of the clone, whatever the variables say."""
    evil = clone / "evil"
    script(evil / "shodohflo", "touch " + str(clone / "trace"))
    (evil / "sitecustomize.py").write_text(f"open({str(clone / 'trace')!r}, 'w')\n")
    hostile = {"PYTHONPATH": str(evil), "PYTHONHOME": str(evil), "ENV": str(evil / "shodohflo"), "SUDO_UID": "0"}

    said = told(clone, "run", "ARGS=eth0", **hostile)

    assert said.endswith(ONE_RIGHT.format("0000000000002000"))
    assert said.startswith("run eth0 with unix:///x")
    assert not (clone / "trace").exists()


def test_sudo_make_installs_as_the_owner_of_the_clone(clone: Path) -> None:
    """What pip executes in the clone has no rights, and what it leaves there is not root's."""
    (clone / ".venv/.installed").unlink()

    said = told(clone, "run", SUDO_UID="12346", SUDO_GID="12347")

    assert "--editable . with unix:///x" in said
    assert ONE_RIGHT.format("0000000000000000").partition("CapBnd")[0] in said
    assert (clone / ".venv/.installed").stat().st_uid == 12346


def test_root_in_a_clone_of_its_own_needs_nobody(clone: Path) -> None:
    """The agent itself gives up the rights of root then."""
    for path in (clone, *clone.rglob("*")):
        os.chown(path, 0, 0)

    assert "Uid:\t0\t0\t0\t0\n" in told(clone, "run")


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
