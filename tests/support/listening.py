"""A server on a unix socket, for tests that need one that does not behave as a store does."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path


class Listening(ABC):
    """Listens at `path`, and serves each connection in a thread of its own."""

    def __init__(self, path: Path) -> None:
        """Listen at `path`; nothing is accepted yet."""
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._threads = [Thread(target=self._accept)]

    def __enter__(self) -> Self:
        """Start to accept connections."""
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening; the clients must have closed their connections."""
        self._listening.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listening.close()

    @abstractmethod
    def _serve(self, near: socket.socket) -> None:
        """Serve one connection, close it, and raise nothing."""

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                self._threads.append(Thread(target=self._serve, args=(near,)))
                self._threads[-1].start()
