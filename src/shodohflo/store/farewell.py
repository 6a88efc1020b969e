"""The farewell to an embedded server: it is told to save its data and to exit, and waited for.

The client library waits for answers as long as its timeouts last. Here, the caller says at every look whether there is
time left. Nothing is taken back when there is none: the server finds the command as soon as it goes on, and obeys it.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from shodohflo.errors import foreign_text
from shodohflo.store.access import USER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOOK_EVERY: Final = 0.02
"""Seconds between two looks at whether there is time left."""

_LONGEST: Final = 4096
"""Bytes of answers that are read."""


def say_farewell(path: Path, key: str, left: Callable[[], float], *, saving: bool) -> str | None:
    """Tell the server at the socket `path` to exit, and to save its data first if `saving` is true.

    Returns an empty text when the server has gone, or was not there; its answer if it refuses, as it does if it cannot
    save; None if neither happened while `left`, in seconds, was more than 0. `key` is that of the agents of the store.
    """
    # One command a line, which is the protocol's own form for typing (valkey.io, "Inline commands").
    proof = [f"AUTH {USER} {key}"] if key else []
    commands = [*proof, "SHUTDOWN SAVE" if saving else "SHUTDOWN NOSAVE FORCE"]
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(LOOK_EVERY)
        try:
            asking.connect(str(path))
            asking.sendall("".join(f"{command}\r\n" for command in commands).encode())
            return _answer(asking, len(commands), left)
        except OSError:
            return ""


def _answer(asking: socket.socket, commands: int, left: Callable[[], float]) -> str | None:
    """Return the answer to the last of so many commands; empty if the connection is closed instead."""
    received = b""
    while True:
        try:
            piece = asking.recv(_LONGEST)
        except TimeoutError:
            if left() <= 0:
                return None
            continue
        received += piece
        answers = received.split(b"\r\n")[:-1]
        if len(answers) >= commands or len(received) > _LONGEST:
            return foreign_text(answers[-1].decode(errors="replace")) if answers else ""
        if not piece:
            return ""
