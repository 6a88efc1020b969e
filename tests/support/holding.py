"""An unreliable network: a proxy that holds requests back and delivers them long after the client has given up."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, Final

from support.listening import Listening, read_answer, read_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

_PATIENCE: Final = 5.0
"""Seconds that the store may take to answer a request that is delivered late."""


class HoldingWire(Listening):
    """Passes bytes between clients of the socket at `path` and the store at `store`.

    `holds` is called for every request. If it returns true, that request and everything after it on the same
    connection are kept, as a router does that has stopped forwarding, until `deliver` sends them.
    """

    def __init__(self, path: Path, store: Path, holds: Callable[[], bool]) -> None:
        """Listen at `path`."""
        super().__init__(path)
        self.delivered = 0
        """Connections whose requests came late."""
        self._store = store
        self._holds = holds
        self._held: list[tuple[socket.socket, bytes]] = []
        self._lock = Lock()

    def deliver(self, chance: Random) -> None:
        """Send what was held of connections that their clients have closed, in the order that `chance` gives."""
        with self._lock:
            held, self._held = self._held, []
        chance.shuffle(held)
        for far, requests in held:
            with far:
                far.settimeout(_PATIENCE)
                far.sendall(requests)
                far.recv(1 << 16)
            self.delivered += 1

    def _serve(self, near: socket.socket) -> None:
        """Pass one request after the other, each with its answer, until the client ends or one is held."""
        far = socket.socket(socket.AF_UNIX)
        with near, suppress(OSError, EOFError), near.makefile("rb") as asked, far.makefile("rb") as answered:
            far.connect(str(self._store))
            while True:
                request, _ = read_request(asked)
                if self._holds():
                    self._keep(asked, far, request)
                    return
                far.sendall(request)
                near.sendall(read_answer(answered))
        far.close()

    def _keep(self, asked: BinaryIO, far: socket.socket, request: bytes) -> None:
        """Collect what the client sends until it closes the connection."""
        with suppress(OSError):
            request += asked.read()
        with self._lock:
            self._held.append((far, request))
