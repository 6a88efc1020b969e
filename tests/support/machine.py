"""Requirements of tests: programs, rights, and captures outside the repository.

A test whose requirements are not met is skipped, with the missing thing as the reason. On CI (`CI=true`) it fails, so
that nothing goes untested there unnoticed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final, NoReturn

import pytest

DATA: Final = Path(__file__).parents[1] / "data"
"""Captures and tables that are part of the repository."""

SHIPPED_CAPTURES: Final = DATA / "captures"
"""The captures that are part of the repository; `ORIGIN.md` there names the origin of each."""

_SYSTEM_PATH: Final = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
# PATH may lack the directories of tcpreplay and ip.


def on_ci() -> bool:
    """Return whether the tests run on CI, where no test may be skipped."""
    return os.environ.get("CI", "").lower() in {"true", "1"}


def missing(what: str) -> NoReturn:
    """Skip the test because `what` is missing; on CI, fail it."""
    if on_ci():
        pytest.fail(f"missing on CI, where nothing may be skipped: {what}", pytrace=False)
    pytest.skip(f"missing: {what}")


def require(*programs: str, root: bool = False) -> None:
    """Skip the test, or fail it on CI, unless all `programs` are installed and, if `root`, it runs as root."""
    absent = [program for program in programs if shutil.which(program, path=_SYSTEM_PATH) is None]
    if absent:
        missing(", ".join(f"the program {program}" for program in absent))
    if root and os.geteuid() != 0:
        missing("the rights of root (run the tests with sudo for these)")


def outside_captures() -> Path | None:
    """Return the directory that `CAPTURES` names, or `None` if there is none."""
    named = os.environ.get("CAPTURES")
    return Path(named) if named and Path(named).is_dir() else None


def require_captures() -> Path:
    """Return the directory that `CAPTURES` names; without it, skip the test or fail it on CI."""
    directory = outside_captures()
    if directory is None:
        missing("the captures outside the repository (set CAPTURES to their directory)")
    return directory
