"""A store that answers what it likes: a proxy that replaces the answers of a real store to chosen commands."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from support.listening import Listening, read_answer, read_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ODD: Final[dict[str, bytes]] = {
    "integer": b":7\r\n",
    "huge integer": b":99999999999999999999999999\r\n",
    "text": b"+fine\r\n",
    "text that is not UTF-8": b"$3\r\n\xff\xfe\x1b\r\n",
    "number of 5,000 digits": b"$5000\r\n" + b"9" * 5000 + b"\r\n",
    "nothing": b"$-1\r\n",
    "no array": b"*-1\r\n",
    "empty array": b"*0\r\n",
    "short array": b"*1\r\n:1\r\n",
    "long array": b"*8\r\n:1\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n",
    "array of texts": b"*3\r\n$1\r\n1\r\n$1\r\n0\r\n$1\r\n0\r\n",
    "nested array": b"*3\r\n*1\r\n:1\r\n*0\r\n:0\r\n",
    "deep array": b"*1\r\n" * 2000 + b":1\r\n",
    "array with an error": b"*7\r\n:1\r\n:0\r\n-ERR no\r\n:0\r\n:0\r\n:0\r\n:0\r\n",
    "less than nothing refused": b"*7\r\n:1\r\n:0\r\n:-5\r\n:0\r\n:0\r\n:-1\r\n:0\r\n",
    "more refused than there is": b"*7\r\n:1\r\n:0\r\n:1000000\r\n:0\r\n:0\r\n:-1\r\n:0\r\n",
    "an outcome that is none": b"*7\r\n:4\r\n:0\r\n:0\r\n:0\r\n:0\r\n:-1\r\n:0\r\n",
    "less than no write before": b"*7\r\n:1\r\n:-1\r\n:0\r\n:0\r\n:0\r\n:-1\r\n:0\r\n",
    "less than nothing rewritten": b"*7\r\n:1\r\n:0\r\n:0\r\n:-1\r\n:0\r\n:-1\r\n:0\r\n",
    "a time before all times": b"*7\r\n:1\r\n:0\r\n:0\r\n:0\r\n:0\r\n:-1\r\n:-1\r\n",
    "fewer evicted than none": b"*7\r\n:1\r\n:0\r\n:0\r\n:0\r\n:0\r\n:-2\r\n:0\r\n",
    "error": b"-ERR \x1b]0;owned\x07 no\r\n",
    "error without text": b"-\r\n",
    "odd error": b"-WRONGTYPE Operation against a key\r\n",
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "another type": b"%1\r\n+a\r\n+b\r\n",
    "cut text": b"$100\r\nabc",
    "cut array": b"*3\r\n:1\r\n",
    "cut array of two thousand million": b"*2000000000\r\n",
    "silence": b"",
}
"""Answers that no honest store gives, by name; after those that are no whole answer the connection ends."""

HALF: Final = "half of the answer"
"""The name of the answer that begins as the honest one and ends in its middle."""

_UNFINISHED: Final = {name for name in ODD if name.startswith("cut")} | {"silence", "another protocol", HALF}


@dataclass(slots=True)
class Lies:
    """Answers to the commands of one name: each of `answers` in turn, and then the honest ones."""

    command: str
    """The name, as `named` returns it."""
    answers: list[str] = field(default_factory=lambda: list(ODD))
    """Names in `ODD`, or `HALF`."""

    def __call__(self, request: list[bytes]) -> str | None:
        """Return the name of the answer to `request`, `None` for the honest one."""
        return self.answers.pop(0) if self.answers and named(request) == self.command else None


def named(request: list[bytes]) -> str:
    """Return the name of a command; a script is named by the first word of its first key."""
    command = request[0].decode()
    if command == "EVAL":
        return f"EVAL {request[3].decode().partition(';')[0]}"
    return f"{command} {request[1].decode()}" if len(request) > 1 else command


class LyingWire(Listening):
    """Listens at `path` and passes commands to the store at `store`, but answers some of them as `lie` says.

    A password is accepted, whatever it is.
    """

    def __init__(self, path: Path, store: Path, lie: Callable[[list[bytes]], str | None], *, applies: bool) -> None:
        """Listen at `path`; with `applies`, the real store gets also the commands that are answered with a lie."""
        super().__init__(path)
        self._store = store
        self._lie = lie
        self._applies = applies

    def _serve(self, near: socket.socket) -> None:
        """Answer one connection until either side ends it."""
        far = socket.socket(socket.AF_UNIX)
        with suppress(OSError, EOFError), near, far, ExitStack() as stack:
            far.connect(str(self._store))
            asked, answered = stack.enter_context(near.makefile("rb")), stack.enter_context(far.makefile("rb"))
            while True:
                raw, request = read_request(asked)
                lie = self._lie(request)
                honest = b""
                if request[0] == b"AUTH":
                    honest = b"+OK\r\n"
                elif lie is None or self._applies:
                    far.sendall(raw)
                    honest = read_answer(answered)
                near.sendall(_answer(lie, honest))
                if lie in _UNFINISHED:
                    return


def _answer(lie: str | None, honest: bytes) -> bytes:
    """Return what is answered instead of `honest`."""
    if lie == HALF:
        return honest[: len(honest) // 2]
    return honest if lie is None else ODD[lie]
