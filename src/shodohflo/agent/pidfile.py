"""The PID file: a locked file in the run directory by which a running agent is found by name.

The lock shows that the agent runs, and the kernel reports the process that holds it. So neither the stale file of a
killed agent nor a process that reuses its id is mistaken for an agent. In a second file the agent writes its
`ReloadStatus`, which `shodohflo reload` waits for.

The run directory may belong to another user, whose agent root asks to reload. So its files are read with suspicion: no
link is followed, texts are bounded and escaped, and only a process of the file's own user is taken for the agent.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import struct
from contextlib import suppress
from dataclasses import asdict, dataclass
from errno import ELOOP, ENOENT, ENOTDIR, ENXIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote, unquote

from shodohflo.errors import ConfigurationError, ShodohfloError, foreign_text
from shodohflo.process.opening import (
    UntrustedError,
    is_privileged,
    make_folders,
    open_own,
    read_own,
    refuse_untrusted,
    write_own,
)
from shodohflo.store.directory import VARIABLE as STATE_VARIABLE
from shodohflo.store.directory import state_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

SYSTEM_DIRECTORY: Final = Path("/run/shodohflo")
"""The run directory of an agent that runs as root."""

VARIABLE: Final = "SHODOHFLO_RUN_DIR"
"""The environment variable that names another run directory."""

_FLOCK: Final = struct.Struct("hhqqi")
"""fcntl(2), `struct flock`: type, whence, start, length, process id."""

_NO_FILE: Final = (ENOENT, ENOTDIR, ELOOP, ENXIO)
"""The errors of `open` where there is no file, or a link or a socket in its place."""

_LONGEST: Final = 64 * 1024
"""The most bytes of a status that are read."""

_log = logging.getLogger(__name__)


def run_directory(environment: Mapping[str, str], user: int) -> Path:
    """Return the run directory of the agents of `user` (0 is root).

    If the environment names only the state directory, that is the run directory as well.
    """
    if named := environment.get(VARIABLE):
        return Path(named).absolute()
    if environment.get(STATE_VARIABLE):
        return state_directory(environment, user)
    if user == 0:
        return SYSTEM_DIRECTORY
    session = environment.get("XDG_RUNTIME_DIR", "")
    return Path(session) / "shodohflo" if session.startswith("/") else state_directory(environment, user)


@dataclass(frozen=True, slots=True)
class ReloadStatus:
    """The reloads of an agent: how many, and the result of the last."""

    begun: int = 0
    answered: int = 0
    error: str = ""
    """Why the last one was refused; empty if it was not."""
    configuration: str = ""
    """The configuration in force: path, digest and load time."""

    @classmethod
    def from_json(cls, text: bytes) -> ReloadStatus:
        """Parse the status; raise `ValueError` for anything else."""
        match json.loads(text):
            case {"begun": int(begun), "answered": int(answered), "error": str(error), "configuration": str(loaded)}:
                return cls(begun, answered, foreign_text(error), foreign_text(loaded))
        raise ValueError("it has other fields")


@dataclass(frozen=True, slots=True)
class AgentFiles:
    """The files of the agent called `name`, running or not."""

    directory: Path
    name: str

    @property
    def pid_file(self) -> Path:
        """The file that a running agent keeps locked."""
        return self.directory / f"{quote(self.name, safe='')}.pid"

    @property
    def reload_file(self) -> Path:
        """The file that holds its `ReloadStatus` as JSON."""
        return self.pid_file.with_suffix(".reloads")

    def holder(self) -> int:
        """Return the process id of the agent, or 0 if it does not run.

        The agent itself must not call this: closing the file would release its lock (fcntl(2)).
        """
        try:
            descriptor = os.open(self.pid_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in _NO_FILE:
                return 0
            raise
        try:
            asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
            owner = os.fstat(descriptor).st_uid
        finally:
            os.close(descriptor)
        # The agent's lock is for writing. A lock of an open file description has no process: its id is -1 (fcntl(2)),
        # which kill(2) takes for every process.
        return int(pid) if kind == fcntl.F_WRLCK and pid > 0 and _belongs_to(pid, owner) else 0

    def reload_status(self) -> ReloadStatus | None:
        """Return the status, or None while the agent does not yet handle signals."""
        try:
            return ReloadStatus.from_json(read_own(self.reload_file, _LONGEST))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise ShodohfloError(f"{self.reload_file}: not the status of an agent: {error}") from error


def _belongs_to(pid: int, owner: int) -> bool:
    """Return whether process `pid` runs with the effective user id `owner` (proc(5), `Uid`)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(line.split()[2] == str(owner) for line in status.splitlines() if line.startswith("Uid:"))


def running(directory: Path) -> list[AgentFiles]:
    """Return the running agents of `directory`, sorted by name."""
    try:
        files = sorted(directory.iterdir())  # unlike `glob`, raises PermissionError
        found = [AgentFiles(directory, unquote(file.stem)) for file in files if file.suffix == ".pid"]
        return [files for files in found if files.name.isprintable() and files.holder()]
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise ShodohfloError(f"{error.filename}: {error.strerror}: run this as the user of the agent") from error


def make_run_directory(directory: Path) -> None:
    """Create the run directory if missing; a privileged process raises `UntrustedError` if others can change it."""
    with suppress(FileExistsError):
        make_folders(directory, 0o750)
    if is_privileged():
        refuse_untrusted(directory)


class PidFile:
    """The locked PID file of a running agent; it exists while the context is entered."""

    def __init__(self, files: AgentFiles) -> None:
        """Create nothing yet."""
        self._files = files
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Create and lock the file; `ConfigurationError` if another agent has this name.

        Without a writable run directory the agent runs all the same, with a warning.
        """
        try:
            make_run_directory(self._files.directory)
            self._lock = self._take()
            self._files.reload_file.unlink(missing_ok=True)
        except BlockingIOError:
            raise ConfigurationError(
                f"an agent called {self._files.name} is already running, as process {self._files.holder()}: "
                "end it, or give this one another --name"
            ) from None
        except UntrustedError as error:
            self._go_without(error)
        except OSError as error:
            self._go_without(f"{error.filename or self._files.directory}: {error.strerror}")
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the files and release the lock."""
        if self._lock is not None:
            self._files.reload_file.unlink(missing_ok=True)
            self._files.pid_file.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def write_status(self, status: ReloadStatus) -> None:
        """Replace the status atomically."""
        if self._lock is None:
            return
        unfinished = self._files.reload_file.with_suffix(".new")
        try:
            write_own(unfinished, json.dumps(asdict(status)) + "\n", 0o644)
            unfinished.replace(self._files.reload_file)
        except OSError as error:
            _log.warning("%s: %s: shodohflo reload will time out", unfinished, error.strerror)

    def _go_without(self, reason: object) -> None:
        _log.warning("%s: shodohflo reload will not find this agent; %s names another directory", reason, VARIABLE)

    def _take(self) -> int:
        """Lock the current file and write our process id; BlockingIOError if another process holds the lock."""
        path = self._files.pid_file
        while True:
            lock = open_own(path, os.O_RDWR, 0o600)  # whoever can read it can lock it
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Its previous owner may have removed the file between `open` and `lockf`.
                if path.exists() and os.path.samestat(os.fstat(lock), path.stat()):
                    os.ftruncate(lock, 0)
                    os.write(lock, f"{os.getpid()}\n".encode())
                    return lock
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)


def find(name: str | None, environment: Mapping[str, str], user: int) -> AgentFiles:
    """Return the running agent called `name`, or the only one; otherwise raise `ShodohfloError`."""
    directories = list(dict.fromkeys((run_directory(environment, user), SYSTEM_DIRECTORY)))
    looked = " and ".join(map(str, directories))
    for directory in directories:
        found = [files for files in running(directory) if name in (None, files.name)]
        if len(found) > 1:
            names = ", ".join(files.name for files in found)
            raise ShodohfloError(f"several agents are running: {names}; choose one with --name")
        if found:
            return found[0]
    called = f" called {name}" if name else ""
    raise ShodohfloError(f"no agent{called} is running here (looked in {looked}); {VARIABLE} names another directory")
