"""What tests need of the machine they run on: programs, rights, and captures kept outside the repository.

Elsewhere a test whose needs are not met is skipped and says what is missing; on CI (`CI=true`) it fails,
so that nothing goes untested there without anybody noticing.
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
"""The captures that are part of the repository; `ORIGIN.md` there says where each comes from."""

_SYSTEM_PATH: Final = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
# Not every user's PATH has the folders of tcpreplay and ip.


def on_ci() -> bool:
    """Say whether this is a run that may skip nothing."""
    return os.environ.get("CI", "").lower() in {"true", "1"}


def missing(what: str) -> NoReturn:
    """Skip the test that needs `what`; on CI, fail it."""
    if on_ci():
        pytest.fail(f"missing on CI, where nothing may be skipped: {what}", pytrace=False)
    pytest.skip(f"missing: {what}")


def require(*programs: str, root: bool = False) -> None:
    """Go on only where all `programs` are installed and, if `root`, the tests run as root."""
    absent = [program for program in programs if shutil.which(program, path=_SYSTEM_PATH) is None]
    if absent:
        missing(", ".join(f"the program {program}" for program in absent))
    if root and os.geteuid() != 0:
        missing("the rights of root (run the tests with sudo for these)")


def outside_captures() -> Path | None:
    """Return the directory that `CAPTURES` names, if it is set to one."""
    named = os.environ.get("CAPTURES")
    return Path(named) if named and Path(named).is_dir() else None


def require_captures() -> Path:
    """Return the directory of the captures whose licences keep them out of the repository."""
    directory = outside_captures()
    if directory is None:
        missing("the captures outside the repository (set CAPTURES to their directory)")
    return directory
