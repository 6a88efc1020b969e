"""A store that answers as it likes: a scripted server that speaks RESP on a unix socket."""

from __future__ import annotations

from contextlib import suppress
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from support.listening import Listening

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    Answer = bytes | Iterable[bytes]
    """Bytes, or pieces, perhaps without end, after which the connection is closed."""
    Script = Mapping[str, Answer | Callable[[list[bytes]], Answer]]
    """What is answered to each command, if not what an honest store would answer."""

FLOW: Final = "10.0.0.1;8.8.8.8;53;flow"
KEYS: Final = (
    FLOW,
    "10.0.0.1;8.8.8.8;peer",
    "8.8.8.8;10.0.0.1;peer",
    "client;10.0.0.1",
    "10.0.0.1;8.8.8.8;4711:53;rst",
    "10.0.0.1;8.8.8.8;4711:53;3;icmp",
    "agent;bert",
    "service;10.0.0.9;tcp;54321",
    "knock;203.0.113.9",
)
"""The names of an honest store."""

FIELDS: Final = {
    "packets.tcp": "7",
    "octets.tcp": "420",
    "first": "1700000000.250000",
    "last": "1700000009.500000",
    "rule": "FLOW_MAPPING[0]",
    "sentence": "in words",
    "agent.bert": "1700000009.500000",
    "lifetime": "900",
    "evidence": "handshake",
    "clients": "3",
    "refused.bert;4f1c9a": "16",
    "target.10.0.0.5;tcp;22": "1700000009.500000",
}
"""The fields of every hash."""


def bulk(*texts: str) -> bytes:
    """Return texts as bulk strings, one after the other."""
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    return b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def array(*answers: bytes) -> bytes:
    """Return answers as one array."""
    return b"*%d\r\n%s" % (len(answers), b"".join(answers))


def hashed(fields: Mapping[str, str]) -> bytes:
    """Return the answer to HGETALL."""
    return array(*(bulk(part) for field in fields.items() for part in field))


def page(cursor: str, names: Iterable[str]) -> bytes:
    """Return an answer to SCAN."""
    return array(bulk(cursor), array(*(bulk(name) for name in names)))


def matching(command: list[bytes]) -> bytes:
    """Return all of `KEYS` that match, as an honest answer to SCAN."""
    return page("0", [name for name in KEYS if fnmatchcase(name, command[3].decode())])


HONEST: Final[Script] = {
    "PING": b"+PONG\r\n",
    "CLIENT": b"+OK\r\n",
    "SELECT": b"+OK\r\n",
    "INFO": bulk(f"# Replication\r\nrole:master\r\nmaster_replid:{'0' * 40}\r\n"),
    "DBSIZE": b":%d\r\n" % len(KEYS),
    "SCAN": matching,
    "GETRANGE": bulk("7"),
    "PTTL": b":890000\r\n",
    "MGET": array(b"$-1\r\n", b"$-1\r\n"),
    "HGETALL": hashed(FIELDS),
}


class HostileStore(Listening):
    """A server at `path` that answers by `script`, and honestly to every command that the script does not have."""

    def __init__(self, path: Path, script: Script) -> None:
        """Listen at `path`."""
        super().__init__(path)
        self.url = f"unix://{path}"
        self.sent = 0
        """Bytes of all answers so far."""
        self._script = {**HONEST, **script}

    def _serve(self, near: socket.socket) -> None:
        """Answer one command after the other until the client closes the connection."""
        with near, suppress(OSError), near.makefile("rb") as requests:
            while header := requests.readline():
                command = [self._part(requests.readline(), requests.read) for _ in range(int(header[1:]))]
                answer = self._script[command[0].decode().upper()]
                answer = answer(command) if callable(answer) else answer
                for piece in (answer,) if isinstance(answer, bytes) else answer:
                    near.sendall(piece)
                    self.sent += len(piece)
                if not isinstance(answer, bytes):
                    return

    @staticmethod
    def _part(header: bytes, read: Callable[[int], bytes]) -> bytes:
        return read(int(header[1:]) + 2)[:-2]
