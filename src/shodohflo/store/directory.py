"""The state directory: where an embedded store keeps its socket and data, and where readers look for it."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from grp import getgrgid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from valkey.exceptions import BusyLoadingError
from valkey.exceptions import TimeoutError as ValkeyTimeoutError

from shodohflo.errors import StoreError
from shodohflo.process.opening import UntrustedError, is_privileged, make_folders, refuse_untrusted
from shodohflo.store.connection import ANSWER_TIMEOUT, SocketStore

if TYPE_CHECKING:
    from collections.abc import Mapping

SYSTEM_DIRECTORY: Final = Path("/var/lib/shodohflo")
"""The state directory of an agent that runs as root."""

VARIABLE: Final = "SHODOHFLO_STATE_DIR"
"""The environment variable that names another state directory."""

SOCKET: Final = "store.sock"

_LONGEST_PATH = 107
"""The most bytes in the path of a unix socket (unix(7): `sun_path` has 108, with the final NUL)."""

_MODE = 0o2750
"""Group readable, and setgid: files made in the directory belong to its group."""


def state_directory(environment: Mapping[str, str], user: int) -> Path:
    """Return the state directory of an agent that runs as `user` (a user id; 0 is root)."""
    named = environment.get(VARIABLE)
    if named:
        return Path(named).absolute()
    return SYSTEM_DIRECTORY if user == 0 else _user_directory(environment)


def find_store(environment: Mapping[str, str]) -> SocketStore:
    """Return the embedded store to read: the user's own, else the system's; raise `StoreError` if none is running."""
    named = environment.get(VARIABLE)
    directories = [Path(named).absolute()] if named else [_user_directory(environment), SYSTEM_DIRECTORY]
    problems: list[str] = []
    for directory in directories:
        store = SocketStore(directory / SOCKET)
        try:
            with store.connect():
                return store
        except StoreError as error:
            if problem := _problem(directory, error):
                problems.append(problem)
    if problems:
        raise StoreError(f"embedded store: {'; '.join(problems)}")
    looked = " and ".join(str(directory) for directory in directories)
    raise StoreError(
        f"no embedded store is running (looked in {looked}): start shodohflo run, or name one with --store"
    )


def _problem(directory: Path, error: StoreError) -> str:
    """Return why the store in `directory`, which is there, cannot be read, and the way out; empty if none is there."""
    path = directory / SOCKET
    if isinstance(error.__cause__, PermissionError) or "Permission denied" in str(error):
        return f"{path}: permission denied: {_who_may(directory)}"
    if isinstance(error.__cause__, TimeoutError | ValkeyTimeoutError):
        return f"{path}: no answer for {ANSWER_TIMEOUT:.0f} seconds: see {directory / 'store.log'}, or try again"
    if isinstance(error.__cause__, BusyLoadingError):
        return f"{path}: it is still loading its data: try again in a moment"
    return ""


def _who_may(directory: Path) -> str:
    """Return who may read the store in `directory`."""
    try:
        group = getgrgid(directory.stat().st_gid).gr_name
    except (OSError, KeyError):
        return "use sudo, or join the group of the directory"
    return f"use sudo, or join the group {group} (sudo usermod -aG {group} USER, then log in again)"


def socket_path(directory: Path) -> Path:
    """Return the path of the socket in `directory`; raise `StoreError` if it is too long for a unix socket."""
    path = directory / SOCKET
    length = len(os.fsencode(path))
    if length > _LONGEST_PATH:
        raise StoreError(
            f"embedded store: the path {path} has {length} bytes, but a unix socket allows {_LONGEST_PATH}: "
            f"name a shorter directory with {VARIABLE}"
        )
    return path


def invoking_group(environment: Mapping[str, str], user: int) -> int | None:
    """Return the group of the user who called `sudo`, so that this user can read what root's agent records."""
    group = environment.get("SUDO_GID", "")
    return int(group) if user == 0 and group.isdecimal() else None


def make_directory(directory: Path, group: int | None) -> None:
    """Create the state directory if missing; a new one, and our own system directory, get `group` and mode 02750.

    A privileged process refuses a directory that somebody else could change: it writes and executes nothing there.
    """
    try:
        made = _made(directory)
        if is_privileged():
            refuse_untrusted(directory)
        # A directory that existed before and was named by the user keeps its mode.
        if made or (directory == SYSTEM_DIRECTORY and directory.stat().st_uid == os.geteuid()):
            if group is not None:
                os.chown(directory, -1, group)
            if stat.S_IMODE(directory.stat().st_mode) != _MODE:  # RestrictSUIDSGID= of systemd refuses to set it again
                directory.chmod(_MODE)
    except UntrustedError as error:
        raise StoreError(
            f"embedded store: {directory}: not used with the rights of root, because {error}: "
            f"name a directory that only you can change with {VARIABLE}"
        ) from error
    except OSError as error:
        raise StoreError(
            f"embedded store: {directory}: {error.strerror}: name another directory with {VARIABLE}"
        ) from error


def _made(directory: Path) -> bool:
    with suppress(FileExistsError):
        make_folders(directory, _MODE)
        return True
    if not directory.is_dir():
        raise NotADirectoryError(0, "is not a directory")
    return False


def _user_directory(environment: Mapping[str, str]) -> Path:
    # The XDG Base Directory Specification requires that relative paths are ignored.
    named = environment.get("XDG_STATE_HOME", "")
    base = Path(named) if named.startswith("/") else Path(environment.get("HOME") or "~").expanduser() / ".local/state"
    return base / "shodohflo"
