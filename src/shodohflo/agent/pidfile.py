"""How a running agent is found by its name: by a locked file in the run directory that holds its process id.

The lock says that the agent runs, and the kernel says who holds it. So a file that was left behind by an agent that
was killed is no agent, and neither is a process that got its number since. Beside it the agent keeps an account of its
reloads, for whoever told it to reload.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote, unquote

from shodohflo.errors import ConfigurationError, ShodohfloError
from shodohflo.store.directory import VARIABLE as STATE_VARIABLE
from shodohflo.store.directory import state_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

SYSTEM_DIRECTORY: Final = Path("/run/shodohflo")
"""The run directory of an agent that runs as root."""

VARIABLE: Final = "SHODOHFLO_RUN_DIR"
"""The environment variable that names another one."""

_FLOCK: Final = struct.Struct("hhqqi")
"""fcntl(2), `struct flock`: type, whence, start, length, process id."""

_log = logging.getLogger(__name__)


def run_directory(environment: Mapping[str, str], user: int) -> Path:
    """Return where the agent of `user` (0 is root) can be found; with its state, if that has a place of its own."""
    if named := environment.get(VARIABLE):
        return Path(named).absolute()
    if environment.get(STATE_VARIABLE):
        return state_directory(environment, user)
    if user == 0:
        return SYSTEM_DIRECTORY
    session = environment.get("XDG_RUNTIME_DIR", "")
    return Path(session) / "shodohflo" if session.startswith("/") else state_directory(environment, user)


@dataclass(frozen=True, slots=True)
class Reloads:
    """An agent's account of how often it read its configuration again, and what became of that."""

    begun: int = 0
    answered: int = 0
    error: str = ""
    """Why the last was refused; empty if it was not."""
    configuration: str = ""
    """What the agent runs, in words."""


@dataclass(frozen=True, slots=True)
class Place:
    """The files of the agent called `name`, whether it runs or not."""

    directory: Path
    name: str

    @property
    def pid_file(self) -> Path:
        """The file that a running agent holds locked."""
        return self.directory / f"{quote(self.name, safe='')}.pid"

    @property
    def account(self) -> Path:
        """The file with its `Reloads`."""
        return self.pid_file.with_suffix(".reloads")

    def holder(self) -> int:
        """Return the process id of the agent, or 0 if it does not run.

        The agent itself must not ask: closing the file would end its lock.
        """
        try:
            with self.pid_file.open("rb") as file:
                asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(file, fcntl.F_GETLK, asked))
        except FileNotFoundError:
            return 0
        return 0 if kind == fcntl.F_UNLCK else int(pid)

    def reloads(self) -> Reloads | None:
        """Return the account, or None as long as the agent has not begun to listen to signals."""
        try:
            return Reloads(**json.loads(self.account.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None


def running(directory: Path) -> list[Place]:
    """Return the agents that run in `directory`, by name."""
    try:
        files = sorted(directory.iterdir())  # unlike `glob`, says what it may not read
        places = [Place(directory, unquote(file.stem)) for file in files if file.suffix == ".pid"]
        return [place for place in places if place.holder()]
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise ShodohfloError(f"{error.filename}: {error.strerror}: ask as the user that the agent runs as") from error


class Presence:
    """What a running agent shows of itself in the run directory, from `enter` to `leave`."""

    def __init__(self, place: Place) -> None:
        """Show nothing yet."""
        self._place = place
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Take the name, where there can be a file for it; `ConfigurationError` if another agent has it."""
        try:
            self._place.directory.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._lock = self._take()
            self._place.account.unlink(missing_ok=True)
        except BlockingIOError:
            raise ConfigurationError(
                f"an agent called {self._place.name} runs already, as process {self._place.holder()}: "
                "end it, or give this one another --name"
            ) from None
        except OSError as error:
            _log.warning(
                "%s: %s: shodohflo reload will not find this agent; %s names another directory",
                error.filename or self._place.directory,
                error.strerror,
                VARIABLE,
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind."""
        if self._lock is not None:
            self._place.account.unlink(missing_ok=True)
            self._place.pid_file.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def tell(self, reloads: Reloads) -> None:
        """Write the account, in one step for whoever reads it."""
        if self._lock is None:
            return
        unfinished = self._place.account.with_suffix(".new")
        try:
            unfinished.write_text(json.dumps(asdict(reloads)) + "\n", encoding="utf-8")
            unfinished.replace(self._place.account)
        except OSError as error:
            _log.warning("%s: %s: shodohflo reload will wait in vain", unfinished, error.strerror)

    def _take(self) -> int:
        """Lock the file that now has the name, and write who we are; BlockingIOError if another process has."""
        path = self._place.pid_file
        while True:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The agent that had it may have removed it between our two steps.
                if path.exists() and os.path.samestat(os.fstat(lock), path.stat()):
                    os.ftruncate(lock, 0)
                    os.write(lock, f"{os.getpid()}\n".encode())
                    return lock
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)


def find(name: str | None, environment: Mapping[str, str], user: int) -> Place:
    """Return the running agent of that name, or the only one there is; else `ShodohfloError`."""
    directories = list(dict.fromkeys((run_directory(environment, user), SYSTEM_DIRECTORY)))
    looked = " and ".join(map(str, directories))
    for directory in directories:
        found = [place for place in running(directory) if name in (None, place.name)]
        if len(found) > 1:
            names = ", ".join(place.name for place in found)
            raise ShodohfloError(f"several agents run: {names}; say which with --name")
        if found:
            return found[0]
    called = f" called {name}" if name else ""
    raise ShodohfloError(f"no agent{called} runs here (looked in {looked}); {VARIABLE} names another directory")
