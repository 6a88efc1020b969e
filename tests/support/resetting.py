"""A TCP wire that resets connections: what is on the way is lost, and both ends get an error."""

from __future__ import annotations

import select
import socket
import struct
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_RESET = struct.pack("ii", 1, 0)
"""Closing with this option sends RST instead of FIN (socket(7), `SO_LINGER`)."""


class Resetting:
    """Passes bytes between clients of `port` and the store at another one, and resets connections when told to."""

    def __init__(self, store: int) -> None:
        """Pass bytes to and from the port `store` of this host."""
        self.resets = 0
        self._store = store
        self._left = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [Thread(target=self._accept)]

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        return int(self._listening.getsockname()[1])

    def reset_after(self, pieces: int) -> None:
        """Reset the connection once, after so many more pieces in either direction."""
        self._left = pieces

    def __enter__(self) -> Self:
        """Start to accept connections."""
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop listening; the clients must have closed their connections."""
        self._listening.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                self._threads.append(Thread(target=self._serve, args=(near,)))
                self._threads[-1].start()

    def _serve(self, near: socket.socket) -> None:
        with near, suppress(OSError), socket.create_connection(("127.0.0.1", self._store)) as far:
            while self._pass(near, far):
                pass

    def _pass(self, near: socket.socket, far: socket.socket) -> bool:
        """Pass a piece, or drop it and reset the connection; return whether the connection stays open."""
        readable, _, _ = select.select([near, far], [], [])
        source, drain = (near, far) if near in readable else (far, near)
        piece = source.recv(1 << 16)
        if self._left and not (left := self._left - 1):
            self.resets += 1
            self._left = left
            for end in (near, far):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return False
        self._left -= bool(self._left)
        drain.sendall(piece)
        return bool(piece)
