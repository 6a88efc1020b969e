"""Answers of bounded size: a parser that gives up on a store that answers without end.

The client library waits for each piece of an answer, but for any number of pieces: a store that sends a byte every few
seconds holds it for ever, and one that announces two gigabytes fills the memory. Nothing that we ask for is that large.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from valkey._parsers import _LibvalkeyParser
from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import TimeoutError as ValkeyTimeoutError

if TYPE_CHECKING:
    import socket

    from valkey import Connection

LARGEST: Final = 64 * 2**20
"""Bytes of an answer; a step of a reader, with 2,000 keys and their details, has about 2 MB."""

LONGEST: Final = 60.0
"""Seconds that an answer may take, from the first wait for it to its last byte."""


class BoundedParser(_LibvalkeyParser):
    """The parser of the client library, with a limit on the size and the duration of each answer."""

    def on_connect(self, connection: Connection, **options: Any) -> None:  # noqa: ANN401 - the library's
        """Start on a new connection."""
        super().on_connect(connection, **options)  # type: ignore[no-untyped-call] # typed in part
        self._sock = self._metered = _Metered(self._sock)

    def can_read(self, timeout: float | None) -> bool:
        """Return whether anything has come; asked of a connection before a request, however long it was quiet."""
        if self._reader:
            self._metered.begin()
        return bool(super().can_read(timeout))  # type: ignore[no-untyped-call] # typed in part

    def read_response(self, disable_decoding: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - the library's
        """Return the next answer; raise an error of the client library if it exceeds a limit."""
        if self._reader:
            self._metered.begin()
        return super().read_response(disable_decoding)  # type: ignore[no-untyped-call] # as above


class _Metered:
    """The receiving half of a socket, with a limit on what is received for one answer."""

    def __init__(self, receiving: socket.socket) -> None:
        self._socket = receiving
        self.settimeout = receiving.settimeout
        self.begin()

    def begin(self) -> None:
        """Begin an answer."""
        self._left = LARGEST
        self._deadline = time.monotonic() + LONGEST

    def recv_into(self, buffer: bytearray) -> int:
        """Receive one piece."""
        if self._left <= 0:
            raise ValkeyConnectionError(f"an answer of more than {LARGEST:,} bytes")
        if time.monotonic() > self._deadline:
            raise ValkeyTimeoutError(f"an answer that does not end within {LONGEST:.0f} seconds")
        received = self._socket.recv_into(buffer)
        self._left -= received
        return received
