"""Accounts: as whom a service goes on that root started."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

import pytest

from shodohflo.process.accounts import Account, UnknownUserError, choose, current
from support.forks import in_child, sets_of
from support.machine import require

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = pwd.getpwnam("nobody")


def test_a_user_is_found_by_name_and_by_number() -> None:
    """Both give the same user, with all groups and the home directory."""
    by_name, by_number = Account.named("nobody"), Account.named(str(NOBODY.pw_uid))

    assert by_name == by_number
    assert (by_name.uid, by_name.gid, by_name.home) == (NOBODY.pw_uid, NOBODY.pw_gid, NOBODY.pw_dir)
    assert by_name.gid in by_name.groups


@pytest.mark.parametrize("name", ["", "no such user", "4294967290", "9" * 40, "-1", "0x0", "root\0x", "²"])
def test_what_is_no_user_is_refused(name: str) -> None:
    """An unknown name, or a number that is nobody's, is an error: nobody is become by accident."""
    with pytest.raises(UnknownUserError):
        Account.named(name)


def test_the_own_user_comes_first_then_who_called_sudo_then_root() -> None:
    """Without any of them it is root, whatever the environment says."""
    caller = {"SUDO_UID": str(NOBODY.pw_uid)}

    assert choose("daemon", caller).name == "daemon"
    assert choose("no such user", caller).name == "nobody"
    for hostile in ({}, {"SUDO_UID": ""}, {"SUDO_UID": "4294967290"}, {"SUDO_UID": "-1"}, {"SUDO_UID": "x"}):
        assert choose("no such user", hostile).name == "root"


def test_becoming_a_user_is_for_good() -> None:
    """All three user ids, group ids and the groups are those of the user, and there is no way back."""
    require(root=True)

    def become() -> list[object]:
        Account.named("nobody").become()
        held = sets_of()
        with pytest.raises(PermissionError):
            os.setuid(0)
        return [held["Uid"].split(), held["Gid"].split(), held["Groups"].split(), held["CapPrm"], current()]

    uid, gid = str(NOBODY.pw_uid), str(NOBODY.pw_gid)
    assert in_child(become) == [[uid] * 4, [gid] * 4, [gid], "0" * 16, "nobody"]


def test_whether_a_user_can_read_is_asked_as_that_user(tmp_path: Path) -> None:
    """A file in a folder that only root may enter can't be read by others; asking changes nothing for who asks."""
    require(root=True)
    (tmp_path / "program").touch(mode=0o755)
    tmp_path.chmod(0o700)

    answers = [Account.named(name).can_read([tmp_path / "program"]) for name in ("nobody", "root")]

    assert answers == [False, True]
    assert Account.named("nobody").can_read([])
    assert os.geteuid() == 0


def test_a_number_without_a_name_is_named_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run as a number that its files do not name."""
    monkeypatch.setattr(os, "geteuid", lambda: 4_294_967_290)

    assert current() == "user 4294967290"
