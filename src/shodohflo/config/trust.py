"""Whether root may execute a configuration file: it is code, so nobody but root may be able to write it."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from shodohflo.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def refuse_strangers(path: Path) -> None:
    """Raise `ConfigurationError` if somebody other than root owns `path` or may write it.

    The file, its folder, and the folder of a symbolic link to it must belong to root and be writable by root alone.
    """
    target = path.resolve()
    for place in dict.fromkeys((target, target.parent, path.absolute().parent)):
        _refuse(path, place)


def _refuse(path: Path, place: Path) -> None:
    status = place.stat()
    if status.st_uid != 0:
        wrong, way_out = f"belongs to user {status.st_uid}", f"chown root {place}"
    elif status.st_mode & _OTHERS_WRITE:
        wrong, way_out = "may be written by others", f"chmod go-w {place}"
    else:
        return
    what = "it" if place == path.resolve() else place
    raise ConfigurationError(
        f"{path}: not run as root, because {what} {wrong} (a configuration is code): "
        f"{way_out}, or name another file with --config"
    )
