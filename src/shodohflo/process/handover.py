"""Handover: root makes a directory, or gives one of its own, to the user as whom it goes on.

Root changes the owner only of what nobody else could have put in its way: the directory and its files must have been
root's, the files by the names that we use, each with one name, and no link. Whatever else is in it stays what it is,
and so does the directory then: it was not made for us.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from shodohflo.process.opening import make_folders, refuse_untrusted

if TYPE_CHECKING:
    from pathlib import Path

_ROOT: Final = 0
_LOOK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_OURS: Final = ("store.",)
_OUR_ENDINGS: Final = (".pid", ".reloads", ".new")


class NotHandedOverError(Exception):
    """A directory that root keeps, with the reason."""


def hand_over(directory: Path, user: int, group: int, mode: int) -> None:
    """Make `directory` one of `user` and `group` (numbers): a new one with `mode`, or one of root with our files.

    A directory that belongs to `user` already stays as it is. Raises `NotHandedOverError`, `OSError`, and
    `UntrustedError` if somebody else could change it, or the way to it.
    """
    if not os.path.lexists(directory):
        make_folders(directory, mode)
    status = directory.stat()
    if status.st_uid == user:
        return
    if status.st_uid != _ROOT:
        raise NotHandedOverError(f"{directory} belongs to user {status.st_uid}")
    refuse_untrusted(directory)
    # Nobody but root can change it until it is given away, which is the last step.
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        names = os.listdir(opened)  # noqa: PTH208 - of the open directory, which nobody can swap
        for name in names:
            if not (name.startswith(_OURS) or name.endswith(_OUR_ENDINGS)):
                raise NotHandedOverError(f"{directory} belongs to root, and holds {name!r}, which is none of our files")
        for name in names:
            _give(opened, name, user, group)
        os.fchown(opened, user, group)
        os.fchmod(opened, mode)  # after the owner, whose change takes the bits away that are set here
    finally:
        os.close(opened)


def _give(directory: int, name: str, user: int, group: int) -> None:
    """Give a file or a socket of root in the open `directory` to `user`."""
    descriptor = os.open(name, _LOOK, dir_fd=directory)
    try:
        found = os.fstat(descriptor)
        is_plain = stat.S_ISREG(found.st_mode) or stat.S_ISSOCK(found.st_mode)
        if is_plain and found.st_nlink == 1 and found.st_uid == _ROOT:
            os.chown(name, user, group, dir_fd=directory, follow_symlinks=False)
    finally:
        os.close(descriptor)
