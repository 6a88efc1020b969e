"""Servers that are no store: each says the same to everybody, whatever is asked."""

from __future__ import annotations

import socket
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def answering(said: bytes, port: int = 0) -> Iterator[int]:
    """Say `said` to everybody who connects to `port`, or a free one, which is yielded; then wait until they go."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        thread = Thread(target=_answer, args=(listening, said))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _answer(listening: socket.socket, said: bytes) -> None:
    """Serve one client after the other."""
    with suppress(OSError):
        while True:
            near, _ = listening.accept()
            with near, suppress(OSError):
                near.recv(1 << 16)
                near.sendall(said)
                near.recv(1 << 16)
