"""Netlink dumps: one request, and all objects of the kernel that answer it, as columns.

A message is a header, a fixed part, and attributes, each aligned to 4 bytes in the byte order of the host:

    0  4  length, header included        16  fixed part, whose length depends on the kind of message
    4  2  type                           ..  attributes: 2 length, 2 type, value
    6  2  flags
    8  4  sequence number: the request's
    12 4  port number

linux/netlink.h. The messages of a dump are mostly of one length, so that they are found as runs of equal lengths.
Whatever an answer holds, reading it ends, and ends with messages or with `DumpError`.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

HEADER_OCTETS: Final = 16
"""Bytes of the header of a message."""

MOST_OCTETS: Final = 256 << 20
"""Bytes of the answer to one request: more are not read. A socket takes some 130, so that 2 million fit."""

_HEADER: Final = struct.Struct("=IHHII")
_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_NLM_F_REQUEST: Final = 0x1
_NLM_F_DUMP_INTR: Final = 0x10
_NLM_F_DUMP: Final = 0x300
# linux/netlink.h

_RECEIVED_OCTETS: Final = 1 << 16
"""Bytes that are received at once; the kernel fills at most 32 KiB of a dump."""

_PATIENCE: Final = 1.0
"""Seconds to wait for the next part of an answer, which the kernel makes while it is asked for."""

_TRIES: Final = 3
"""How often a dump is asked for that the kernel says has changed meanwhile."""

_MOST_ATTRIBUTES: Final = 64
"""Attributes of a message that are looked at."""

_LONGEST_RUN: Final = 512
"""Messages that are compared with the first of a run at once: more than fit into what is received at once."""


class DumpError(Exception):
    """The kernel has not answered a request, or with something else than messages; the text is one line."""

    def __init__(self, reason: str, number: int = 0) -> None:
        """Say the reason; `number` is the kernel's, from `errno`, if it gave one."""
        super().__init__(reason)
        self.number = number

    @property
    def is_unknown(self) -> bool:
        """Whether the kernel does not know what was asked for, or lacks the module."""
        return self.number in {errno.ENOENT, errno.EINVAL, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT}


@dataclass(frozen=True, slots=True)
class Dump:
    """The messages of an answer."""

    octets: NDArray[np.uint8]
    """All that was received, in one piece, and some zeros."""
    starts: NDArray[np.int64]
    """Where the header of each message begins, a multiple of 4."""
    stops: NDArray[np.int64]
    """Where each message ends."""

    def keep(self, mask: NDArray[np.bool_]) -> Dump:
        """Return the messages where `mask` is true."""
        return Dump(self.octets, self.starts[mask], self.stops[mask])

    def byte(self, offset: int) -> NDArray[np.uint8]:
        """Return the byte at `offset` after the header of each message."""
        return self.octets[self.starts + HEADER_OCTETS + offset]

    def number(self, offset: int) -> NDArray[np.uint16]:
        """Return the two bytes at the even `offset` after the header, in network order."""
        numbers: NDArray[np.uint16] = self.octets.view(">u2")[(self.starts + HEADER_OCTETS + offset) // 2]
        return numbers.astype(np.uint16)

    def word(self, places: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the four bytes at each of `places`, multiples of 4, in network order."""
        words: NDArray[np.uint64] = self.octets.view(">u4")[places // 4].astype(np.uint64)
        return words

    def native(self, places: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Return the four bytes at each of `places`, multiples of 4, in the order of this host."""
        words: NDArray[np.uint32] = self.octets.view(np.uint32)[places // 4]
        return words

    def attribute(self, fixed: int, kind: int, least: int) -> NDArray[np.int64]:
        """Return where the value of the first attribute `kind` of each message is, after a fixed part of `fixed` bytes.

        -1 for messages without it, or where it has fewer than `least` bytes or reaches past the end.
        """
        found = np.full(len(self.starts), -1, np.int64)
        halves = self.octets.view(np.uint16)
        rows = np.arange(len(self.starts))
        at = self.starts + HEADER_OCTETS + fixed
        for _ in range(_MOST_ATTRIBUTES):
            rows = rows[at[rows] + 4 <= self.stops[rows]]
            length = halves[at[rows] // 2].astype(np.int64)
            is_whole = (length >= 4) & (at[rows] + length <= self.stops[rows])
            rows, length = rows[is_whole], length[is_whole]
            is_it = halves[at[rows] // 2 + 1] & 0x3FFF == kind  # the upper bits are flags (NLA_TYPE_MASK)
            fits = rows[is_it & (length >= 4 + least)]
            found[fits] = at[fits] + 4
            at[rows] += (length + 3) & ~3
            rows = rows[~is_it]
            if not len(rows):
                break
        return found


NO_MESSAGES: Final = Dump(np.zeros(4, np.uint8), np.empty(0, np.int64), np.empty(0, np.int64))
"""The answer of which nothing is known."""


@dataclass(frozen=True, slots=True)
class DumpRequest:
    """What the kernel is asked to list."""

    kind: int
    """The type of the request."""
    body: bytes
    """What follows its header."""
    answer: int
    """The type of the messages that answer it."""
    fixed: int
    """Bytes of their fixed part; shorter ones are ignored."""


class DumpSocket:
    """A netlink socket for dumps, which stays in the network namespace in which it was made."""

    def __init__(self, family: int) -> None:
        """Open a socket of a netlink family, such as NETLINK_SOCK_DIAG; raises `OSError`."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
        self._socket.settimeout(_PATIENCE)
        self._buffer = bytearray(_RECEIVED_OCTETS)
        self._sequence = itertools.count(1)
        self._is_dirty = False

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def dump(self, request: DumpRequest) -> Dump:
        """Return the messages that answer `request`; raises `DumpError`."""
        for _ in range(_TRIES):
            try:
                reading = self._ask(request)
            except OSError as error:
                raise DumpError(error.strerror or str(error), error.errno or 0) from error
            if not reading.is_interrupted:
                return reading.dump()
        raise DumpError("it has changed each time while it was read")

    def _ask(self, request: DumpRequest) -> Reading:
        if self._is_dirty:
            self._drain()
        reading = Reading(request, next(self._sequence) & 0xFFFFFFFF)
        self._is_dirty = True  # until the answer has been read to its end
        self._socket.send(reading.question())
        while not reading.is_done:
            reading.take(self._receive())
        self._is_dirty = False
        return reading

    def _receive(self) -> bytes:
        count, _, flags, sender = self._socket.recvmsg_into([self._buffer])
        if flags & socket.MSG_TRUNC:
            raise DumpError("a part of the answer is larger than the kernel makes them")
        return bytes(memoryview(self._buffer)[:count]) if sender[0] == 0 else b""  # another process can send to us, too

    def _drain(self) -> None:
        """Read what is left of an answer that was given up."""
        self._socket.setblocking(False)
        try:
            for _ in range(MOST_OCTETS // _RECEIVED_OCTETS):
                self._socket.recv_into(self._buffer)
        except BlockingIOError:
            pass
        finally:
            self._socket.settimeout(_PATIENCE)


class Reading:
    """An answer that is being read, part by part."""

    def __init__(self, request: DumpRequest, sequence: int) -> None:
        """Expect the answer to `request` with the number `sequence`."""
        self._request = request
        self._sequence = sequence
        self._parts: list[bytes] = []
        self._size = 0
        self._runs: list[tuple[int, int, int]] = []
        self.is_done = False
        self.is_interrupted = False
        """Whether the kernel says that what was dumped has changed meanwhile."""

    def question(self) -> bytes:
        """Return the message that asks for the answer."""
        request = self._request
        length = HEADER_OCTETS + len(request.body)
        return _HEADER.pack(length, request.kind, _NLM_F_REQUEST | _NLM_F_DUMP, self._sequence, 0) + request.body

    def take(self, part: bytes) -> None:
        """Take in what was received at once; raises `DumpError`."""
        for start, length, count in runs(part):
            _, kind, flags, sequence, _ = _HEADER.unpack_from(part, start)
            if sequence != self._sequence:
                continue  # of a request that was given up
            self.is_interrupted |= bool(flags & _NLM_F_DUMP_INTR)
            if kind == self._request.answer and length >= HEADER_OCTETS + self._request.fixed:
                self._runs.append((self._size + start, length, count))
            elif kind in {_NLMSG_ERROR, _NLMSG_DONE}:
                self._end(part, start, length)
                break
        self._parts.append(part + bytes(-len(part) % 4))
        self._size += len(self._parts[-1])
        if self._size > MOST_OCTETS:
            raise DumpError(f"the answer has more than {MOST_OCTETS >> 20} MB")

    def _end(self, part: bytes, start: int, length: int) -> None:
        """Read the number after the last header: 0, or why the kernel gave up."""
        number = struct.unpack_from("=i", part, start + HEADER_OCTETS)[0] if length >= HEADER_OCTETS + 4 else 0
        if number:
            raise DumpError(os.strerror(abs(number)), abs(number))
        self.is_done = True

    def dump(self) -> Dump:
        """Return the messages so far."""
        octets = np.frombuffer(b"".join([*self._parts, bytes(4)]), np.uint8)
        found = [start + np.arange(count) * _aligned(length) for start, length, count in self._runs]
        starts = np.concatenate([np.empty(0, np.int64), *found])
        lengths = np.repeat([length for _, length, _ in self._runs], [count for _, _, count in self._runs])
        return Dump(octets, starts, starts + lengths.astype(np.int64))


def runs(part: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the messages in `part` as runs with equal headers: start, length and number of messages.

    Raises `DumpError` after the last whole message if others follow.
    """
    words = np.frombuffer(part, np.uint32, len(part) // 4)
    start = 0
    while start < len(part):
        if len(part) - start < HEADER_OCTETS:
            raise DumpError("the answer ends within a header")
        length = int(words[start // 4])
        if not HEADER_OCTETS <= length <= len(part) - start:
            raise DumpError(f"a message of {length} bytes, where {len(part) - start} were received")
        step = _aligned(length) // 4
        # Rows of the length of this message: those that begin with an equal header are the messages that follow.
        whole = min((len(part) - start) // (4 * step), _LONGEST_RUN)
        first = start // 4
        rows = words[first : first + max(whole, 1) * step]
        count = _equal_headers(rows.reshape(whole, step)) if whole else 1
        yield start, length, count
        start += 4 * step * count


def _equal_headers(rows: NDArray[np.uint32]) -> int:
    """Return how many of `rows`, from the first one on, begin with the header of the first one."""
    differs = (rows[:, :4] != rows[0, :4]).any(axis=1)
    return int(differs.argmax()) if differs.any() else len(rows)


def _aligned(length: int) -> int:
    return (length + 3) & ~3
