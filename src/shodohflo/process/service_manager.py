"""What the service manager is told: that the agent is ready, reloads, lives, ends, and what it does in one line.

systemd names a datagram socket in `NOTIFY_SOCKET` and takes lines `NAME=value` from it, as sd_notify(3) says. Without
that variable there is nobody to tell, and nothing happens. A manager that can't be reached is no reason to end: whoever
waits for `READY=1` notices by itself.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_VARIABLES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")

_PATIENCE: Final = 1.0
"""Seconds to wait for a queue that is full, with what must not be missed: packets wait in the ring meanwhile."""

_MICROSECONDS: Final = 1_000_000


class ServiceManager:
    """The service manager that started this process, or nobody."""

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        """`address` is that of its socket, with @ for one in the abstract namespace, or empty for nobody.

        `watchdog` is after how many seconds without a sign of life it takes this process for dead; `None` for never.
        """
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.interval = None if watchdog is None else watchdog / 2
        """Seconds between two signs of life, half of what is allowed (sd_watchdog_enabled(3)); `None` for none."""

    @classmethod
    def of(cls, environ: MutableMapping[str, str]) -> Self:
        """Return the manager that `environ` names, whose variables are taken out of it: no child may speak for us."""
        address, allowed, process = (environ.pop(name, "") for name in _VARIABLES)
        is_watched = allowed.isascii() and allowed.isdecimal() and int(allowed) > 0
        is_ours = process in {"", str(os.getpid())}
        return cls(
            address if address.startswith(("/", "@")) else "",
            int(allowed) / _MICROSECONDS if address and is_watched and is_ours else None,
        )

    def ready(self) -> None:
        """Say that packets are received and the configuration is in force; also at the end of a reload."""
        self._tell("READY=1", patience=_PATIENCE)

    def reloading(self) -> None:
        """Say that a reload has begun; `ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def alive(self) -> None:
        """Give a sign of life."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._tell("STOPPING=1", patience=_PATIENCE)

    def say(self, status: str) -> None:
        """Say in one line what this process does, for `systemctl status`."""
        self._tell(f"STATUS={' '.join(status.split())}")

    def _tell(self, *lines: str, patience: float = 0.0) -> None:
        """Send one datagram, and wait for room in the manager's queue for `patience` seconds at most."""
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.settimeout(patience)  # a manager that does not read must not stop the main loop
            end.sendto("\n".join(lines).encode(), self._address)
