"""Opening files where other users may write, so that none of them can choose what is read, executed or overwritten.

A *trusted* place is one that only root and the user of this process can change: the file or folder itself and every
folder up to `/` belong to one of them, and nobody else may write there. A path is walked from `/`, one component at a
time, on open descriptors (openat(2) with O_NOFOLLOW), and each component is checked after it was opened. So a
component that is replaced between the check and the use changes nothing. Symbolic links are walked in the same way: the
folder that holds a link is checked, then each folder on the way to its target.

Write access that a POSIX ACL grants needs no look of its own: it never exceeds the mask, which is what the group bits
of the mode show (acl(5)).
"""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from errno import ELOOP
from pathlib import Path
from typing import Final, Never, TextIO

_LOOK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_SAFELY: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Without O_NONBLOCK, opening a named pipe waits for its other end."""

_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH

_MOST_LINKS: Final = 40
"""The kernel's own limit on the symbolic links of a path (path_resolution(7))."""

_ROOT: Final = 0
_EVERYBODY: Final = b"0 0 4294967295".split()
"""The map of user ids outside user namespaces (user_namespaces(7))."""


class UntrustedError(Exception):
    """A file or folder that somebody else could change."""

    def __init__(self, place: Path, wrong: str, *, curable: bool) -> None:
        """`wrong` says what is wrong with `place`; `curable` whether taking write access from others is a way out.

        It is none if the place belongs to somebody else, or is made for everybody, as /tmp.
        """
        super().__init__(f"{place} {wrong}")
        self.place = place
        self.wrong = wrong
        self.curable = curable


@dataclass(frozen=True, slots=True)
class _Step:
    """An open component of a path."""

    place: Path
    descriptor: int
    status: os.stat_result

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.status.st_mode)

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def others_write(self) -> bool:
        return not self.is_link and bool(self.status.st_mode & _OTHERS_WRITE)

    @property
    def protects_folders(self) -> bool:
        """Whether others may create entries here, but not replace a folder of somebody else, as in /tmp."""
        return self.is_folder and bool(self.status.st_mode & stat.S_ISVTX)

    def refuse_strangers(self, owners: frozenset[int]) -> None:
        if self.status.st_uid not in owners:
            raise UntrustedError(self.place, f"belongs to user {self.status.st_uid}", curable=False)
        if self.others_write and not self.protects_folders:
            self.refuse_writers()

    def refuse_writers(self) -> Never:
        raise UntrustedError(self.place, "may be written by others", curable=not self.protects_folders)


def is_privileged() -> bool:
    """Return whether this process may do more than its user: it runs as root, or with a capability."""
    return os.geteuid() == _ROOT or _effective_capabilities() != 0


def _effective_capabilities() -> int:
    """Return the effective capabilities as the bits of proc(5); 0 if /proc is not mounted."""
    with suppress(OSError), Path("/proc/self/status").open(encoding="utf-8", errors="replace") as status:
        return next((int(line.split()[1], 16) for line in status if line.startswith("CapEff:")), 0)
    return 0


def trusted_owners() -> frozenset[int]:
    """Return the users who may own what a privileged process executes or writes to: root, and the process's own.

    In a user namespace, the owner of files that belong to nobody inside it is accepted as well: the machine's root is
    among them, and such a process can do nothing that the user who made the namespace could not.
    """
    owners = {_ROOT, os.geteuid()}
    with suppress(OSError):
        if Path("/proc/self/uid_map").read_bytes().split() != _EVERYBODY:
            owners.add(int(Path("/proc/sys/kernel/overflowuid").read_bytes()))
    return frozenset(owners)


def read_trusted(path: Path) -> bytes:
    """Return the bytes of the file `path`; raise `UntrustedError` if others could change it, `OSError` as `open` does.

    The folder that holds the file, or a symbolic link to it, must not be writable by others even if it is sticky.
    """
    with ExitStack() as closing:
        way = _walk(path, closing)
        _refuse_special(way[-1].status, path)
        folder, file = way[-2:]
        descriptor = os.open(file.place.name, os.O_RDONLY | _SAFELY, dir_fd=folder.descriptor)
        with os.fdopen(descriptor, "rb") as stream:
            opened = os.fstat(descriptor)
            _Step(file.place, descriptor, opened).refuse_strangers(trusted_owners())
            _refuse_special(opened, path)
            return stream.read()


def read_regular(path: Path) -> bytes:
    """Return the bytes of the file `path`; raise `OSError` for anything but a regular file."""
    return _read(path, _SAFELY & ~os.O_NOFOLLOW, -1)


def read_own(path: Path, most: int) -> bytes:
    """Return at most `most` bytes of `path`, which `open_own` made; a link, or a special file, is an `OSError`."""
    return _read(path, _SAFELY, most)


def _read(path: Path, flags: int, most: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | flags)
    try:
        _refuse_special(os.fstat(descriptor), path)
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return stream.read(most)
    finally:
        os.close(descriptor)


def refuse_untrusted(folder: Path) -> None:
    """Raise `UntrustedError` if somebody else could change `folder`, its contents, or the way to it."""
    with ExitStack() as closing:
        *_, last = _walk(folder, closing)
        if last.others_write:
            last.refuse_writers()


def open_own(path: Path, flags: int, mode: int) -> int:
    """Open a file of ours, created if it is missing; a link or anything but a regular file is an error.

    The file gets `mode`, whatever the umask is and whoever made it. Whatever `flags` say, it is truncated only after it
    has been found to be a regular file.
    """
    descriptor = os.open(path, (flags & ~os.O_TRUNC) | os.O_CREAT | _SAFELY, mode)
    try:
        opened = os.fstat(descriptor)
        _refuse_special(opened, path)
        if opened.st_uid == os.geteuid():
            os.fchmod(descriptor, mode)
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def write_own(path: Path, text: str, mode: int) -> None:
    """Replace the content of a file of ours, opened as `open_own` does; every `OSError` has the name of the file."""
    try:
        with os.fdopen(open_own(path, os.O_WRONLY | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        error.filename = str(path)
        raise


def write_output(path: Path, text: str, *, replace: bool = True) -> None:
    """Write `text` to a file that the user named; every `OSError` has the name of the file.

    Without `replace`, a file that exists is a `FileExistsError`. A privileged process does not follow a symbolic link
    of an untrusted user, which would choose the file that is overwritten. The mode is 0644, or less by the umask.
    """
    try:
        with _open_output(path, os.O_TRUNC if replace else os.O_EXCL) as file:
            file.write(text)
    except OSError as error:
        error.filename = str(path)
        raise


def open_output(path: Path) -> TextIO:
    """Open a file as `write_output` does, made if it is missing, and leave what it holds in it."""
    return _open_output(path, 0)


def _open_output(path: Path, flags: int) -> TextIO:
    flags |= os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    if is_privileged() and not (path.is_symlink() and path.lstat().st_uid in trusted_owners()):
        flags |= os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o644), "w", encoding="utf-8")


def make_folders(folder: Path, mode: int) -> None:
    """Create `folder` with `mode`, and its missing parents, which only their owner may write whatever the umask is.

    A privileged process raises `UntrustedError` where somebody else could have chosen the place.
    """
    if is_privileged():
        with ExitStack() as closing:
            _walk(next(each for each in (folder, *folder.parents) if os.path.lexists(each)), closing)
    for parent in reversed(folder.parents):
        with suppress(FileExistsError):
            parent.mkdir(mode=0o755)
    folder.mkdir(mode=mode & 0o777)  # RestrictSUIDSGID= of systemd refuses more, also where the folder is there


def _walk(path: Path, closing: ExitStack) -> list[_Step]:
    """Open and check every component of `path`, and return those from `/` to the file or folder that it names."""
    owners, links = trusted_owners(), 0
    way = [_look(Path("/"), "/", None, closing)]
    way[0].refuse_strangers(owners)
    left = list(reversed(path.absolute().parts[1:]))
    while left:
        name = left.pop()
        if name == "..":
            way = way[:-1] or way
            continue
        folder = way[-1]
        step = _look(folder.place / name, name, folder.descriptor, closing)
        if folder.others_write and not step.is_folder:
            folder.refuse_writers()
        step.refuse_strangers(owners)
        if not step.is_link:
            way.append(step)
            continue
        target = Path(os.readlink("", dir_fd=step.descriptor))
        links += 1
        if links > _MOST_LINKS:
            raise OSError(ELOOP, os.strerror(ELOOP), str(path))
        if target.is_absolute():
            way = way[:1]
        left.extend(reversed(target.parts[1:] if target.is_absolute() else target.parts))
    return way


def _look(place: Path, name: str, folder: int | None, closing: ExitStack) -> _Step:
    """Open a component without reading it."""
    try:
        descriptor = os.open(name, _LOOK, dir_fd=folder)
    except OSError as error:
        error.filename = str(place)
        raise
    closing.callback(os.close, descriptor)
    return _Step(place, descriptor, os.fstat(descriptor))


def _refuse_special(status: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(0, "is a directory", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "is not a regular file", str(path))
