"""A server on a unix socket or a port, for tests that need one that does not behave as a store does."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, BinaryIO, Self

if TYPE_CHECKING:
    from pathlib import Path


class Listening(ABC):
    """Listens at the path of a socket or at a port, and serves each connection in a thread of its own."""

    def __init__(self, place: Path | int) -> None:
        """Listen at `place`; nothing is accepted yet."""
        if isinstance(place, int):
            self._listening = socket.create_server(("127.0.0.1", place))
        else:
            self._listening = socket.socket(socket.AF_UNIX)
            self._listening.bind(str(place))
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


def read_request(asked: BinaryIO) -> tuple[bytes, list[bytes]]:
    """Read one command, as it came and as its parts."""
    raw = _line(asked)
    parts = []
    for _ in range(int(raw[1:])):
        head = _line(asked)
        body = asked.read(int(head[1:]) + 2)
        parts.append(body[:-2])
        raw += head + body
    return raw, parts


def read_answer(answered: BinaryIO) -> bytes:
    """Read one whole answer."""
    raw = head = _line(answered)
    if head[:1] == b"$" and int(head[1:]) >= 0:
        raw += answered.read(int(head[1:]) + 2)
    elif head[:1] == b"*":
        raw += b"".join(read_answer(answered) for _ in range(int(head[1:])))
    return raw


def _line(stream: BinaryIO) -> bytes:
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError
    return line
