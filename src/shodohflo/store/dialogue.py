"""A dialogue with a store: many commands in one round trip, and a bound on every answer.

A store may be slow, damaged or hostile: it may announce an answer of two gigabytes, send a byte every few seconds, or
answer with any type. `Dialogue` returns plain answers (text, integers, lists, errors as values); whoever asks checks
their form. An answer that is too large is never held: it becomes a `TooLarge`, the connection is closed, and what
follows it is asked again on a new one. So one huge value costs its own key, and no other.

    ask([("GET", "a"), ("GET", "huge"), ("PTTL", "a")])   ->   ["7", TooLarge(...), 90000]
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import libvalkey
from valkey.connection import DefaultParser
from valkey.exceptions import ConnectionError as LostError
from valkey.exceptions import InvalidResponse, ResponseError
from valkey.exceptions import TimeoutError as LateError

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from valkey import Connection, Valkey

Command = tuple[str | int, ...]
Answer = Any
"""Text, an integer, None, a list of answers, an error, or a `TooLarge`; a hostile store may send yet other types."""

_MORE: Final = object()
_PIECE: Final = 1 << 16
"""Bytes received at once, by which an answer may exceed its limit."""

_HEAD: Final = 64
"""Bytes of an answer that is too large that are kept."""

_WIDE: Final = re.compile(rb"\n[*%~>|][0-9]{5}")
"""The header of a list of 10,000 or more: memory is reserved for all of it when its header is read, at any depth.

The end of the line before it is found six times as fast as any beginning of a line.
"""

_CUT: Final = re.compile(rb"\n[*%~>|][0-9]{0,4}\Z")
"""What may be the first part of such a header. No answer ends there, so it can wait for what follows."""

_LONGEST_CUT: Final = 6

_CAUTIOUS: Final = 16
"""Commands in one round trip after an answer that was too large: the store prepares what we do not read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a store may take of our memory and time."""

    octets: int = 1 << 20
    """Bytes of one answer; a page of a scan has about 100 kB, the details of a flow less than 1 kB."""
    seconds: float = 30.0
    """The time for all answers of one round trip."""
    total: float = 300.0
    """The time for a whole dialogue; a million flows take about ten seconds."""
    too_large: int = 1_000
    """Answers that may be too large in one dialogue: each costs a connection."""


@dataclass(frozen=True, slots=True)
class TooLarge:
    """An answer that was not read to its end."""

    head: bytes
    """What it began with."""


class Dialogue:
    """Commands and answers on one connection of `client`."""

    def __init__(self, client: Valkey, limits: Limits | None = None) -> None:
        """Use `client`, which nobody else may use meanwhile."""
        self._pool = client.connection_pool
        self._limits = limits or Limits()
        self._end = time.monotonic() + self._limits.total
        self._skipped = 0

    @property
    def database(self) -> int:
        """Return the number of the database."""
        return int(self._pool.connection_kwargs.get("db") or 0)

    def ask(self, commands: Sequence[Command]) -> list[Answer]:
        """Return the answer to each command; raise an error of the client library if the store breaks the protocol."""
        answers: list[Answer] = []
        at_once = len(commands)
        while len(answers) < len(commands):
            answers += self._round_trip(commands[len(answers) : len(answers) + at_once])
            if isinstance(answers[-1], TooLarge):
                at_once = _CAUTIOUS
        return answers

    def demand(self, command: Command) -> Answer:
        """Return the answer to one command that must not fail: an error of the store is raised."""
        [answer] = self.ask([command])
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    def _round_trip(self, commands: Sequence[Command]) -> list[Answer]:
        """Return the answers to `commands`, or to the first of them, up to one that is too large."""
        connection: Any = self._pool.get_connection("_")  # the library is typed in part
        try:
            connection.send_packed_command([b"".join(map(libvalkey.pack_command, commands))])
            answers = self._receive(connection, len(commands))
        except BaseException:
            connection.disconnect()
            raise
        finally:
            self._pool.release(connection)
        if isinstance(answers[-1], TooLarge):
            connection.disconnect()
            self._skipped += 1
            if self._skipped > self._limits.too_large:
                raise InvalidResponse(f"more than {self._limits.too_large:,} of its answers are too large")
        return answers

    def _receive(self, connection: Connection, number: int) -> list[Answer]:
        """Return `number` answers, or fewer if one is too large, which is then the last."""
        receiving = connection._sock  # noqa: SLF001 - the library's own parser has no limits
        if receiving is None:
            raise LostError("the connection was closed")
        incoming = Incoming(receiving, self._limits.octets, self._deadline())
        answers: list[Answer] = []
        while len(answers) < number:
            answers += incoming.complete(number - len(answers))
            if len(answers) < number:
                answers.append(incoming.next())
            if isinstance(answers[-1], TooLarge):
                return answers
        incoming.check_end()
        return answers

    def _deadline(self) -> float:
        return min(time.monotonic() + self._limits.seconds, self._end)


class Incoming:
    """The answers of one round trip."""

    def __init__(self, receiving: socket.socket, octets: int, deadline: float) -> None:
        """Receive from `receiving`, at most about `octets` bytes for an answer, until `deadline` (monotonic)."""
        self._socket = receiving
        self._octets = octets
        self._deadline = deadline
        # The last byte that was parsed, and after it what may be the first part of a header.
        self._unread = b"\n"
        self._is_too_wide = False
        self._reader = libvalkey.Reader(
            protocolError=InvalidResponse,
            replyError=DefaultParser.parse_error,
            encoding="utf-8",
            errors="replace",  # a key that is not UTF-8 is not ours, but it must not raise
            notEnoughData=_MORE,
        )

    def complete(self, most: int) -> list[Answer]:
        """Return at most so many answers of those that have been received to their end."""
        return list(islice(iter(self._parse, _MORE), most))

    def next(self) -> Answer:
        """Return the next answer; receive until it is complete, too large or too late."""
        head, left = b"", self._octets
        while (answer := self._parse()) is _MORE:
            if left <= 0 or self._is_too_wide:
                return TooLarge(head)
            received = self._receive()
            head += received[: _HEAD - len(head)]
            left -= len(received)
        return answer

    def check_end(self) -> None:
        """Raise an error if there is anything behind the last answer."""
        if self._reader.has_data():
            raise InvalidResponse("it sends more answers than there were questions")

    def _receive(self) -> bytes:
        """Receive and return some bytes, and parse those before a list that is too wide."""
        if time.monotonic() > self._deadline:
            raise LateError("its answers take too long")
        received = self._socket.recv(_PIECE)
        if not received:
            raise LostError("it closed the connection")
        known = self._unread + received
        wide = _WIDE.search(known)
        self._is_too_wide = wide is not None
        stop = wide or _CUT.search(known, max(len(known) - _LONGEST_CUT, 0))
        end = stop.start() + 1 if stop else len(known)
        self._reader.feed(known, 1, end - 1)
        self._unread = known[end - 1 :]
        return received

    def _parse(self) -> Answer:
        """Return the next complete answer, or `_MORE`."""
        try:
            return self._reader.gets()
        except (TypeError, ValueError) as error:  # a map whose key is a list, a number beyond all bounds
            raise InvalidResponse(f"an odd answer: {error}") from error
