"""The state directory: where an embedded store is kept, and where readers look for it."""

from __future__ import annotations

import grp
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from shodohflo.errors import StoreError
from shodohflo.store.directory import find_store, invoking_group, make_directory, state_directory
from shodohflo.store.embedded import EmbeddedStore
from support.machine import require


@pytest.mark.parametrize(
    ("environment", "user", "directory"),
    [
        ({}, 0, "/var/lib/shodohflo"),
        ({"XDG_STATE_HOME": "/x"}, 0, "/var/lib/shodohflo"),
        ({"SHODOHFLO_STATE_DIR": "/s"}, 0, "/s"),
        ({"SHODOHFLO_STATE_DIR": "/s", "XDG_STATE_HOME": "/x"}, 1000, "/s"),
        ({"SHODOHFLO_STATE_DIR": "", "XDG_STATE_HOME": "/x", "HOME": "/h"}, 1000, "/x/shodohflo"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, 1000, "/h/.local/state/shodohflo"),
        ({"HOME": "/h"}, 1000, "/h/.local/state/shodohflo"),
    ],
)
def test_the_state_directory_is_roots_the_users_or_the_named_one(
    environment: dict[str, str], user: int, directory: str
) -> None:
    """The environment variable comes first, then root's or the user's directory; relative XDG paths are ignored."""
    assert state_directory(environment, user) == Path(directory)


@pytest.mark.parametrize(
    ("environment", "user", "group"),
    [({"SUDO_GID": "1000"}, 0, 1000), ({"SUDO_GID": "1000"}, 1000, None), ({}, 0, None), ({"SUDO_GID": "x"}, 0, None)],
)
def test_the_invoking_group_counts_for_root_only(environment: dict[str, str], user: int, group: int | None) -> None:
    """`SUDO_GID` is used only by root, because anybody can set the variable."""
    assert invoking_group(environment, user) == group


def test_readers_find_the_users_store(tmp_path: Path) -> None:
    """Readers find the store in the user's state directory, or in the directory that the variable names."""
    store = EmbeddedStore(tmp_path / "shodohflo")
    with store.connect():
        pass

    found = [
        find_store({"XDG_STATE_HOME": str(tmp_path)}),
        find_store({"SHODOHFLO_STATE_DIR": f"{tmp_path}/shodohflo"}),
    ]
    store.close()

    assert [one.path for one in found] == [tmp_path / "shodohflo/store.sock"] * 2


def test_readers_without_a_store_are_told_where_was_looked(tmp_path: Path) -> None:
    """Without a running store the error lists the directories and the remedy; a stale socket file is no store."""
    (tmp_path / "store.sock").write_text("")

    with pytest.raises(StoreError) as caught:
        find_store({"SHODOHFLO_STATE_DIR": str(tmp_path)})

    assert str(caught.value) == (
        f"no embedded store is running (looked in {tmp_path}): start shodohflo run, or name one with --store"
    )


def test_a_store_that_is_there_and_silent_is_told_apart_from_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error distinguishes a store that does not answer from a missing one."""
    monkeypatch.setattr("shodohflo.store.connection.ANSWER_TIMEOUT", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "store.sock"))
        silent.listen()

        with pytest.raises(StoreError, match=rf"{tmp_path}/store.sock: no answer for .*: see {tmp_path}/store.log"):
            find_store({"SHODOHFLO_STATE_DIR": str(tmp_path)})


def test_a_store_that_may_not_be_read_names_who_may(tmp_path: Path) -> None:
    """A store without permission is told apart from none, with the group that may read it."""
    require(root=True)
    store = EmbeddedStore(tmp_path / "shodohflo", group=grp.getgrnam("daemon").gr_gid)
    with store.connect():
        program = (
            "import os; from shodohflo.store.directory import find_store; from shodohflo.errors import StoreError\n"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            f"try: find_store({{'SHODOHFLO_STATE_DIR': {str(tmp_path / 'shodohflo')!r}}})\n"
            "except StoreError as error: print(error)"
        )
        for directory in (tmp_path, *tmp_path.parents[:2]):
            directory.chmod(0o755)
        told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    store.close()

    assert "no embedded store is running" not in told.stdout
    assert f"{tmp_path / 'shodohflo' / 'store.sock'}: permission denied: use sudo, or join the group" in told.stdout


def test_a_directory_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """An existing directory that the user named keeps its mode."""
    tmp_path.chmod(0o711)

    make_directory(tmp_path, os.getgid())

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o711


@pytest.mark.parametrize(("owner", "mode", "wrong"), [(65534, 0o755, "belongs to user 65534"), (0, 0o1777, "may be")])
def test_root_keeps_nothing_where_others_may_write(tmp_path: Path, owner: int, mode: int, wrong: str) -> None:
    """Root refuses a state directory of another user, and one that others may write, and a new one inside it."""
    require(root=True)
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, owner, -1)
    state.chmod(mode)

    with pytest.raises(StoreError, match=rf"{state} {wrong}.*SHODOHFLO_STATE_DIR"):
        make_directory(state, None)
    if owner:
        with pytest.raises(StoreError, match=rf"{state} {wrong}"):
            make_directory(state / "inner", None)

    assert list(state.iterdir()) == []


def test_a_directory_in_a_missing_one_is_made(tmp_path: Path) -> None:
    """A new directory has mode 02750 and its parents 0755, whatever the umask is."""
    before = os.umask(0)
    make_directory(tmp_path / "a/b/c", None)
    os.umask(before)

    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b", "a/b/c")]
    assert modes == [0o755, 0o755, 0o2750]
