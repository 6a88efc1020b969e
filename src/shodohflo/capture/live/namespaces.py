"""Network namespaces: the sockets and files through which the kernel is asked about one, which may be another's.

What is opened in a namespace stays there, so another namespace is entered once, by a thread that does nothing else and
ends. Entering needs CAP_SYS_ADMIN (setns(2)); asking through what was opened needs no right.
"""

from __future__ import annotations

import ctypes
import errno
import os
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Final

from shodohflo.capture.live.dumps import DumpSocket
from shodohflo.errors import CaptureError, foreign_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NAMED: Final = Path("/run/netns")
"""Where ip-netns(8) puts the namespaces that have a name."""

_CLONE_NEWNET: Final = 0x40000000  # linux/sched.h
_NETLINK_ROUTE: Final = 0
_NETLINK_SOCK_DIAG: Final = 4
# linux/netlink.h

_EPHEMERAL: Final = "/proc/sys/net/ipv4/ip_local_port_range"


_USUAL: Final = (32768, 60999)
"""The range of kernels that were told no other."""

_MOST_NAMES: Final = 20
"""Names that an error lists."""


class NamespaceError(CaptureError):
    """A network namespace that does not exist or may not be entered."""


@dataclass(frozen=True, slots=True)
class OpenedNamespace:
    """What was opened in a network namespace."""

    sockets: DumpSocket
    """For NETLINK_SOCK_DIAG."""
    addresses: DumpSocket
    """For NETLINK_ROUTE."""
    range_file: int | None
    """A descriptor of the file with the range of ephemeral ports, if this process may see it."""
    identity: tuple[int, int] | None
    """Device and inode of a named namespace."""

    def ephemeral(self) -> tuple[int, int]:
        """Return the first and the last port that the kernel gives to sockets that ask for none (ip(7)).

        Raises `OSError`, and `ValueError` if the kernel gives no range.
        """
        if self.range_file is None:
            return _USUAL
        first, last = os.pread(self.range_file, 64, 0).split()
        return int(first), int(last)

    def close(self) -> None:
        """Close everything; a deleted namespace is gone only then."""
        self.sockets.close()
        self.addresses.close()
        if self.range_file is not None:
            os.close(self.range_file)


def open_own() -> OpenedNamespace:
    """Open what is needed in the network namespace of this thread; raises `OSError`."""
    return _open(None)


def open_named(name: str) -> OpenedNamespace:
    """Enter the namespace `name` in a thread of its own, and open what is needed there; raises `NamespaceError`."""
    place = _place(name)
    try:
        with place.open("rb") as file:
            found = os.fstat(file.fileno())
            return _in_namespace(file.fileno(), lambda: _open((found.st_dev, found.st_ino)))
    except FileNotFoundError as error:
        raise NamespaceError(f"there is no network namespace {_shown(name)}; {_there_are()}") from error
    except OSError as error:
        raise NamespaceError(_refusal(name, error)) from error


def is_same(name: str, opened: OpenedNamespace) -> bool:
    """Return whether `name` is still the namespace that was opened: it may have been deleted, and made anew."""
    try:
        found = _place(name).stat()
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == opened.identity


def refuse_namespaces(names: Iterable[str]) -> None:
    """Raise `NamespaceError` if one of `names` does not exist or may not be entered."""
    for name in names:
        open_named(name).close()


def _place(name: str) -> Path:
    if not name or "/" in name or "\0" in name or name in {".", ".."}:
        raise NamespaceError(f"{_shown(name)} is no name of a network namespace; {_there_are()}")
    return NAMED / name


def _there_are() -> str:
    try:
        names = sorted(foreign_text(entry.name) for entry in NAMED.iterdir())
    except OSError:
        names = []
    if more := len(names[_MOST_NAMES:]):
        names[_MOST_NAMES:] = [f"and {more} more"]
    return f"there are {', '.join(names)}" if names else f"there is none at all in {NAMED}: `ip netns add` makes them"


def _shown(name: str) -> str:
    return foreign_text(name) or "''"


def _refusal(name: str, error: OSError) -> str:
    if error.errno in {errno.EPERM, errno.EACCES}:
        return (
            f"entering the network namespace {_shown(name)} needs the right CAP_SYS_ADMIN: run this with sudo, "
            "or leave out --netns"
        )
    return f"cannot enter the network namespace {_shown(name)}: {error.strerror or error}; {_there_are()}"


def _open(identity: tuple[int, int] | None) -> OpenedNamespace:
    sockets = DumpSocket(_NETLINK_SOCK_DIAG)
    try:
        addresses = DumpSocket(_NETLINK_ROUTE)
    except OSError:
        sockets.close()
        raise
    try:
        range_file = os.open(_EPHEMERAL, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # a service may see no /proc/sys (ProcSubset=pid of systemd)
        range_file = None
    return OpenedNamespace(sockets, addresses, range_file, identity)


def _in_namespace(descriptor: int, opening: Callable[[], OpenedNamespace]) -> OpenedNamespace:
    """Call `opening` in a thread that has entered the namespace of `descriptor`; raises its `OSError`."""
    opened: list[OpenedNamespace] = []
    failures: list[OSError] = []

    def enter() -> None:
        try:
            _set_namespace(descriptor)
            opened.append(opening())
        except OSError as error:
            failures.append(error)

    # setns(2) moves the calling thread alone, and this one ends: no other thread is ever in another namespace.
    thread = Thread(target=enter, name="entering-netns", daemon=True)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return opened[0]


def _set_namespace(descriptor: int) -> None:
    """Call setns(2), which `os` has only since Python 3.12."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
