"""The state directory: where an embedded store keeps its socket and its data, and where readers look for it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from valkey.exceptions import TimeoutError as ValkeyTimeoutError

from shodohflo.errors import StoreError
from shodohflo.store.connection import ANSWER_TIMEOUT, SocketStore

if TYPE_CHECKING:
    from collections.abc import Mapping

SYSTEM_DIRECTORY: Final = Path("/var/lib/shodohflo")
"""The state directory of an agent that runs as root."""

VARIABLE: Final = "SHODOHFLO_STATE_DIR"
"""The environment variable that names another one."""

SOCKET: Final = "store.sock"

_LONGEST_PATH = 107
"""Bytes of a unix socket's path (unix(7): `sun_path` has 108 with the NUL)."""

_MODE = 0o2750
"""What is made in the directory belongs to its group, which may look in."""


def state_directory(environment: Mapping[str, str], user: int) -> Path:
    """Return where the agent of `user` (0 is root) keeps its state."""
    named = environment.get(VARIABLE)
    if named:
        return Path(named).absolute()
    return SYSTEM_DIRECTORY if user == 0 else _user_directory(environment)


def find_store(environment: Mapping[str, str]) -> SocketStore:
    """Return the embedded store that a reader means: the user's own, else the system's; `StoreError` if none runs."""
    named = environment.get(VARIABLE)
    directories = [Path(named).absolute()] if named else [_user_directory(environment), SYSTEM_DIRECTORY]
    silent = ""
    for directory in directories:
        store = SocketStore(directory / SOCKET)
        try:
            with store.connect():
                return store
        except StoreError as error:
            if isinstance(error.__cause__, PermissionError) or "Permission denied" in str(error):
                silent += f"; {directory / SOCKET}: permission denied"
            elif isinstance(error.__cause__, TimeoutError | ValkeyTimeoutError):
                silent += f"; {directory / SOCKET}: no answer for {ANSWER_TIMEOUT:.0f} seconds"
    looked = " and ".join(str(directory) for directory in directories)
    raise StoreError(
        f"no embedded store is running (looked in {looked}{silent}): start shodohflo run, or name one with --store"
    )


def socket_path(directory: Path) -> Path:
    """Return the path of the socket in `directory`; `StoreError` if it is longer than a socket's may be."""
    path = directory / SOCKET
    length = len(os.fsencode(path))
    if length > _LONGEST_PATH:
        raise StoreError(
            f"embedded store: the path {path} has {length} bytes and a unix socket takes {_LONGEST_PATH}: "
            f"name a shorter directory with {VARIABLE}"
        )
    return path


def invoking_group(environment: Mapping[str, str], user: int) -> int | None:
    """Return the group of whoever called `sudo`: they shall read what root's agent records."""
    group = environment.get("SUDO_GID", "")
    return int(group) if user == 0 and group.isdecimal() else None


def make_directory(directory: Path, group: int | None) -> None:
    """Make sure that the state directory exists, and that `group` may look into it if we made it."""
    try:
        made = _made(directory)
        # A directory that somebody else made, and named to us, keeps the mode that they gave it.
        if made or (directory == SYSTEM_DIRECTORY and directory.stat().st_uid == os.geteuid()):
            if group is not None:
                os.chown(directory, -1, group)
            directory.chmod(_MODE)
    except OSError as error:
        raise StoreError(
            f"embedded store: {directory}: {error.strerror}: name another directory with {VARIABLE}"
        ) from error


def _made(directory: Path) -> bool:
    directory.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        directory.mkdir(mode=_MODE)
        return True
    if not directory.is_dir():
        raise NotADirectoryError(0, "is no directory")
    return False


def _user_directory(environment: Mapping[str, str]) -> Path:
    # The specification of XDG_STATE_HOME has relative paths ignored.
    named = environment.get("XDG_STATE_HOME", "")
    base = Path(named) if named.startswith("/") else Path(environment.get("HOME") or "~").expanduser() / ".local/state"
    return base / "shodohflo"
