"""Root hands directories over to the user as whom it goes on, and nothing that others have put there."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from shodohflo.process.handover import NotHandedOverError, hand_over
from shodohflo.process.opening import UntrustedError
from support.machine import require

USER, GROUP = 12345, 23456
MODE = 0o2750


@pytest.fixture(autouse=True)
def _root() -> None:
    require(root=True)


def owner(path: Path) -> tuple[int, int]:
    """Return the numbers of the user and the group of `path`, which may be a link."""
    status = path.lstat()
    return status.st_uid, status.st_gid


def test_a_new_directory_belongs_to_the_user(tmp_path: Path) -> None:
    """It has the mode, with the bit that passes its group on; its parents stay root's."""
    place = tmp_path / "a" / "state"

    hand_over(place, USER, GROUP, MODE)

    assert owner(place) == (USER, GROUP)
    assert stat.S_IMODE(place.stat().st_mode) == MODE
    assert owner(place.parent) == (0, 0)


def test_a_store_that_root_has_kept_goes_over_with_its_files(tmp_path: Path) -> None:
    """What an agent wrote that ran as root is the user's then: data, key, locks, and the socket of a running server."""
    for name in ("store.rdb", "store.key", "store.lock", "agent.pid", "agent.reloads"):
        (tmp_path / name).write_text("x")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "store.sock"))

    hand_over(tmp_path, USER, GROUP, MODE)

    assert {owner(path) for path in (tmp_path, *tmp_path.iterdir())} == {(USER, GROUP)}


def test_a_directory_of_the_user_stays_as_it_is(tmp_path: Path) -> None:
    """Group and mode are the operator's; what root has in it stays root's."""
    (tmp_path / "store.key").touch()
    os.chown(tmp_path, USER, 0)
    tmp_path.chmod(0o700)

    hand_over(tmp_path, USER, GROUP, MODE)

    assert (owner(tmp_path), stat.S_IMODE(tmp_path.stat().st_mode)) == ((USER, 0), 0o700)
    assert owner(tmp_path / "store.key") == (0, 0)


def test_links_and_files_with_other_names_are_not_given_away(tmp_path: Path) -> None:
    """A link, a hard link of a file elsewhere, or a folder keeps its owner, whatever its name is."""
    (tmp_path / "secret").write_text("x")
    place = tmp_path / "state"
    place.mkdir()
    (place / "store.link").symlink_to(tmp_path / "secret")
    (place / "store.hard").hardlink_to(tmp_path / "secret")
    (place / "store.folder").mkdir()

    hand_over(place, USER, GROUP, MODE)

    kept = (place / "store.link", place / "store.hard", place / "store.folder", tmp_path / "secret")
    assert [owner(path) for path in kept] == [(0, 0)] * 4
    assert owner(place) == (USER, GROUP)


@pytest.mark.parametrize("place", ["/etc", "/usr/bin"])
def test_a_directory_that_was_not_made_for_us_stays_roots(place: str) -> None:
    """A variable that names /etc by mistake gives nothing away."""
    with pytest.raises(NotHandedOverError, match=f"{place} belongs to root, and holds"):
        hand_over(Path(place), USER, GROUP, MODE)

    assert owner(Path(place)) == (0, 0)


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """What belongs to a third user is not taken away from this one."""
    os.chown(tmp_path, 65534, 65534)

    with pytest.raises(NotHandedOverError, match=f"{tmp_path} belongs to user 65534"):
        hand_over(tmp_path, USER, GROUP, MODE)


def test_a_place_that_others_can_change_is_refused(tmp_path: Path) -> None:
    """Root makes nothing, and gives nothing away, where another user could have chosen the place."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    (theirs / "etc").symlink_to("/etc")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)

    with pytest.raises(UntrustedError):
        hand_over(theirs / "new", USER, GROUP, MODE)
    with pytest.raises((UntrustedError, NotHandedOverError)):
        hand_over(theirs / "etc", USER, GROUP, MODE)
    with pytest.raises(UntrustedError):
        hand_over(tmp_path / "open", USER, GROUP, MODE)
    assert not (theirs / "new").exists()
