"""Files are opened so that no other user can choose what is read, executed or overwritten."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shodohflo.process.opening import (
    UntrustedError,
    is_privileged,
    make_folders,
    open_own,
    read_own,
    read_regular,
    read_trusted,
    refuse_untrusted,
    trusted_owners,
    write_output,
    write_own,
)
from support.machine import require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

NOBODY = 65534
TRUNCATE = os.O_WRONLY | os.O_TRUNC


@pytest.fixture
def umask() -> Iterator[None]:
    """Set the umask of a process that takes no care: files that everybody may write."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of root, three levels deep, which holds the file `here`."""
    require(root=True)
    made = tmp_path / "a" / "b"
    made.mkdir(parents=True)
    for each in (made, made.parent):
        each.chmod(0o755)
    (made / "here").write_text("ours")
    (made / "here").chmod(0o644)
    return made


def untrusted(text: str) -> AbstractContextManager[object]:
    """Expect an `UntrustedError` with `text`."""
    return pytest.raises(UntrustedError, match=text)


def test_a_file_that_only_root_can_change_is_read(folder: Path) -> None:
    """A file of root is read, also by a path with `..` and relative to the working directory."""
    assert read_trusted(folder / "here") == b"ours"
    assert read_trusted(folder / ".." / "b" / "here") == b"ours"
    refuse_untrusted(folder)


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_file_that_others_may_write_is_refused(folder: Path, mode: int) -> None:
    """A file that its group, or anybody, may write is refused."""
    (folder / "here").chmod(mode)

    with untrusted("here may be written by others"):
        read_trusted(folder / "here")


@pytest.mark.parametrize("level", [0, 1])
def test_every_folder_on_the_way_counts(folder: Path, level: int) -> None:
    """A folder of another user, or one that others may write, is refused at any distance from the file."""
    place = [folder, folder.parent][level]
    os.chown(place, NOBODY, -1)
    with untrusted(f"{place} belongs to user {NOBODY}"):
        read_trusted(folder / "here")
    with untrusted(f"{place} belongs to user {NOBODY}"):
        refuse_untrusted(folder)

    os.chown(place, 0, -1)
    place.chmod(0o775)
    with untrusted(f"{place} may be written by others"):
        read_trusted(folder / "here")


def test_a_sticky_folder_protects_folders_but_no_files(folder: Path) -> None:
    """Like /tmp, a sticky folder may be on the way to a folder of root, but may not hold the file or a link to it."""
    folder.parent.chmod(0o1777)
    assert read_trusted(folder / "here") == b"ours"

    (folder.parent / "link").symlink_to("b/here")
    with untrusted("a may be written by others"):
        read_trusted(folder.parent / "link")

    folder.chmod(0o1777)
    with untrusted("b may be written by others"):
        read_trusted(folder / "here")
    with untrusted("b may be written by others"):
        refuse_untrusted(folder)


def test_write_access_by_an_acl_counts(folder: Path) -> None:
    """A POSIX ACL that lets another user write is refused like a mode that does."""
    # linux/posix_acl_xattr.h: version 2, then tag, permissions and id of each entry: owner, user, group, mask, others.
    entries = [(0x01, 6, -1), (0x02, 6, NOBODY), (0x04, 4, -1), (0x10, 6, -1), (0x20, 4, -1)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    os.setxattr(folder / "here", "system.posix_acl_access", acl)

    with untrusted("here may be written by others"):
        read_trusted(folder / "here")


@pytest.mark.parametrize("target", ["../a/b/here", "{tmp_path}/a/b/here", "../second"])
def test_a_link_is_followed_through_folders_of_root(folder: Path, tmp_path: Path, target: str) -> None:
    """Relative, absolute and repeated links are followed, and the folders of links and targets are all checked."""
    links = tmp_path / "links"
    links.mkdir(mode=0o755)
    (tmp_path / "second").symlink_to("a/b/here")
    (links / "link").symlink_to(target.format(tmp_path=tmp_path))
    assert read_trusted(links / "link") == b"ours"

    links.chmod(0o777)
    with untrusted("links may be written"):
        read_trusted(links / "link")

    links.chmod(0o755)
    folder.parent.chmod(0o777)
    with untrusted("a may be written"):
        read_trusted(links / "link")


def test_a_linked_folder_is_checked_at_both_ends(folder: Path, tmp_path: Path) -> None:
    """If a folder of the path is a link, as /etc/shodohflo may be, the target's folders are checked too."""
    (tmp_path / "etc").symlink_to(folder)
    assert read_trusted(tmp_path / "etc" / "here") == b"ours"

    os.chown(folder.parent, NOBODY, -1)
    with untrusted("a belongs to user"):
        read_trusted(tmp_path / "etc" / "here")


def test_a_link_of_another_user_is_not_followed(folder: Path, tmp_path: Path) -> None:
    """A link that belongs to another user is refused, wherever it leads."""
    (tmp_path / "link").symlink_to(folder / "here")
    os.chown(tmp_path / "link", NOBODY, -1, follow_symlinks=False)

    with untrusted(f"link belongs to user {NOBODY}"):
        read_trusted(tmp_path / "link")


def test_links_in_a_circle_end(folder: Path) -> None:
    """Links that lead to each other are an error of the operating system, not an endless walk."""
    (folder / "x").symlink_to("y")
    (folder / "y").symlink_to("x")

    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        read_trusted(folder / "x")


@pytest.mark.parametrize(("path", "error"), [("a/b", "is a directory"), ("a/nope", "No such file"), ("/", "is a dir")])
def test_what_is_no_file_is_an_error_with_its_path(folder: Path, tmp_path: Path, path: str, error: str) -> None:
    """Folders and missing files are errors with their path."""
    with pytest.raises(OSError, match=error) as caught:
        read_trusted(tmp_path / path)

    assert caught.value.filename == str(tmp_path / path)
    assert folder.exists()


@pytest.mark.parametrize("read", [read_trusted, read_regular])
def test_a_pipe_is_refused_and_not_waited_for(folder: Path, read: object) -> None:
    """A named pipe is refused at once, although nobody writes to it."""
    assert callable(read)
    os.mkfifo(folder / "pipe", mode=0o600)

    with pytest.raises(OSError, match="is not a regular file"):
        read(folder / "pipe")


def test_what_is_swapped_during_the_walk_is_never_read(folder: Path, tmp_path: Path) -> None:
    """While a link alternates between a folder of root and one of another user, only root's file is ever read."""
    evil, current = tmp_path / "evil", tmp_path / "current"
    evil.mkdir(mode=0o755)
    (evil / "here").write_text("theirs")
    os.chown(evil, NOBODY, -1)
    current.symlink_to(folder)
    ended = threading.Event()

    def swap() -> None:
        while not ended.is_set():
            for target in (evil, folder):
                (tmp_path / "new").symlink_to(target)
                (tmp_path / "new").replace(current)

    swapping = threading.Thread(target=swap)
    swapping.start()
    refused, read = 0, set[bytes]()
    try:
        while refused < 200 or not read:
            try:
                read.add(read_trusted(current / "here"))
            except UntrustedError:
                refused += 1
    finally:
        ended.set()
        swapping.join()

    assert read == {b"ours"}


def test_files_of_ours_never_go_through_a_link(tmp_path: Path) -> None:
    """A link in place of a file of ours is an error, and its target keeps its content."""
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link").symlink_to("target")

    with pytest.raises(OSError, match="symbolic link"):
        open_own(tmp_path / "link", TRUNCATE, 0o600)
    with pytest.raises(OSError, match="symbolic link"):
        read_own(tmp_path / "link", 100)

    assert (tmp_path / "target").read_text() == "precious"


def test_a_pipe_in_place_of_a_file_of_ours_is_refused(tmp_path: Path) -> None:
    """A named pipe in place of a file of ours is refused at once, for reading and for writing."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError, match="not a regular file"):
        open_own(tmp_path / "pipe", os.O_RDWR, 0o600)
    with pytest.raises(OSError, match="not a regular file"):
        read_own(tmp_path / "pipe", 100)


@pytest.mark.usefixtures("umask")
def test_a_file_of_ours_has_the_given_mode_and_is_read_in_part(tmp_path: Path) -> None:
    """A file has the given mode whatever the umask is, and also if it is an old one, which is truncated."""
    (tmp_path / "old").write_text("a long text of before")
    for name in ("old", "new"):
        with os.fdopen(open_own(tmp_path / name, TRUNCATE, 0o640), "w") as file:
            file.write("12345")

    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("old", "new")} == {0o640}
    assert read_own(tmp_path / "old", 100) == b"12345"
    assert read_own(tmp_path / "new", 3) == b"123"


@pytest.mark.usefixtures("umask")
def test_parents_are_made_for_their_owner_alone_to_write(tmp_path: Path) -> None:
    """With umask 000, the folder has the given mode, and missing parents have mode 0755."""
    make_folders(tmp_path / "x" / "y" / "z", 0o750)

    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("x", "x/y", "x/y/z")]
    assert modes == [0o755, 0o755, 0o750]


def in_a_process(question: str, *prefix: str) -> str:
    """Return the answer of a process that has been started with `prefix` before the interpreter."""
    program = f"from shodohflo.process.opening import *; print({question})"
    done = subprocess.run([*prefix, sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_file_on_a_full_disk_is_named(tmp_path: Path) -> None:
    """Writing to a full device names it, although the error of write(2) has no name."""
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        write_output(Path("/dev/full"), "text")
    (tmp_path / "x").touch()
    with pytest.raises(OSError, match=f"Not a directory: '{tmp_path}/x/y'"):
        write_own(tmp_path / "x" / "y", "text", 0o600)


def test_root_writes_through_no_link_of_others(tmp_path: Path) -> None:
    """What the user names may be a link of root, such as /dev/stdout, but not one that another user has left there."""
    require(root=True)
    (tmp_path / "link").symlink_to("file")
    write_output(tmp_path / "link", "one")
    os.chown(tmp_path / "link", NOBODY, -1, follow_symlinks=False)

    with pytest.raises(OSError, match="symbolic link"):
        write_output(tmp_path / "link", "two")
    with pytest.raises(FileExistsError):
        write_output(tmp_path / "file", "three", replace=False)

    assert (tmp_path / "file").read_text() == "one"


def test_root_and_its_capabilities_are_privileges() -> None:
    """Root is privileged, another user is not, and another user with a capability is."""
    require("setpriv", root=True)
    another = ("setpriv", f"--reuid={NOBODY}", "--regid=0", "--clear-groups")
    capable = (*another, "--inh-caps=+net_raw", "--ambient-caps=+net_raw")

    assert is_privileged()
    assert trusted_owners() == {0}
    assert in_a_process("is_privileged()", *another) == "False"
    assert in_a_process("is_privileged()", *capable) == "True"
    assert in_a_process("sorted(trusted_owners())", *capable) == f"[0, {NOBODY}]"


APART = """
import ctypes, os
from pathlib import Path
from shodohflo.process.opening import read_trusted, trusted_owners

os.setgroups([]); os.setgid(12345); os.setuid(12345)
libc = ctypes.CDLL(None)
libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: without it, /proc/self belongs to root after a change of user
assert libc.unshare(0x10000000) == 0  # CLONE_NEWUSER
Path("/proc/self/uid_map").write_text("0 12345 1")
print(os.geteuid(), sorted(trusted_owners()), len(read_trusted(Path("/etc/passwd"))) > 0)
"""


def test_root_of_a_user_namespace_trusts_the_machines_root() -> None:
    """In a user namespace, files of the machine's root belong to nobody, and are trusted."""
    require(root=True)

    done = subprocess.run([sys.executable, "-c", APART], capture_output=True, text=True, check=True)

    assert done.stdout == f"0 [0, {NOBODY}] True\n"
