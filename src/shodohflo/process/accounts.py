"""Accounts: the user as whom a service that root started goes on."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

ROOT: Final = 0


class UnknownUserError(Exception):
    """A user that this machine does not have."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int
    """The number of the first group."""
    groups: tuple[int, ...]
    """The numbers of all groups."""
    home: str

    @classmethod
    def named(cls, name: str) -> Account:
        """Return the user `name`, or the one with this number; raises `UnknownUserError`."""
        try:
            found = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
        except (KeyError, OverflowError, ValueError) as error:
            raise UnknownUserError(name) from error
        groups = tuple(os.getgrouplist(found.pw_name, found.pw_gid))
        return cls(found.pw_name, found.pw_uid, found.pw_gid, groups, found.pw_dir)

    def become(self) -> None:
        """Go on as this user, for good; raises `OSError` if this process may not."""
        os.setgroups(self.groups)
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(self.uid, self.uid, self.uid)

    def can_read(self, places: Iterable[Path]) -> bool:
        """Return whether this user may read and execute all of `places`; asked by a process that becomes this user."""
        child = os.fork()
        if child == 0:
            try:
                self.become()
                os._exit(0 if all(os.access(place, os.R_OK | os.X_OK) for place in places) else 1)
            finally:
                os._exit(1)
        return os.waitpid(child, 0)[1] == 0


def current() -> str:
    """Return the name of the effective user, or `user` with its number if it has none."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"


def choose(own: str, environment: Mapping[str, str]) -> Account:
    """Return the user as whom root goes on: `own` if there is one, or who called sudo, or root.

    In a user namespace, which need not have all numbers, it is root.
    """
    candidates = [own, environment.get("SUDO_UID", "")] if _has_all_users() else []
    for candidate in candidates:
        try:
            return Account.named(candidate)
        except UnknownUserError:
            continue
    return Account.named(str(ROOT))


def _has_all_users() -> bool:
    """Return whether user ids are those of the machine (user_namespaces(7))."""
    try:
        with open("/proc/self/uid_map", "rb") as numbers:  # noqa: PTH123 - two words are shorter than an import
            return numbers.read().split() == [b"0", b"0", b"4294967295"]
    except OSError:
        return True
