"""An unreliable connection: a proxy between a client and a store that closes connections on demand."""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from support.listening import Listening

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_WRITE_ANSWERED: Final = b"*7\r\n:"


class CuttingWire(Listening):
    """Passes bytes between a client of the socket or port `place` and the store at `store`.

    `cuts` is called for every request, of which only half is passed on if it returns true, and for the answer to every
    write, which is dropped then; both close the connection.
    """

    def __init__(self, place: Path | int, store: Path, cuts: Callable[[], bool]) -> None:
        """Listen at `place`."""
        super().__init__(place)
        self.requests_cut = 0
        self.answers_cut = 0
        self._store = store
        self._cuts = cuts

    def _serve(self, near: socket.socket) -> None:
        with near, socket.socket(socket.AF_UNIX) as far, suppress(OSError):
            far.connect(str(self._store))
            while self._pass(near, far):
                pass

    def _pass(self, near: socket.socket, far: socket.socket) -> bool:
        """Pass the bytes that one end has sent; return whether the connection stays open."""
        readable, _, _ = select.select([near, far], [], [])
        if near in readable:
            request = near.recv(1 << 16)
            if request and self._cuts():
                self.requests_cut += 1
                far.sendall(request[: len(request) // 2])
                return False
            far.sendall(request)
            return bool(request)
        answer = far.recv(1 << 16)
        if answer.startswith(_WRITE_ANSWERED) and self._cuts():
            self.answers_cut += 1
            return False
        near.sendall(answer)
        return bool(answer)
