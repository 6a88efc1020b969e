"""Ask a running agent to read its configuration again, and wait for its answer."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Final, TypeVar

from shodohflo.errors import ShodohfloError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shodohflo.agent.pidfile import AgentFiles, ReloadStatus

_POLL_INTERVAL: Final = 0.02
"""Seconds between two polls of the agent's files."""

T = TypeVar("T")


def request_reload(files: AgentFiles, timeout: float) -> ReloadStatus:
    """Send SIGHUP to the agent, and return the result of the reload that it causes.

    Raises `ShodohfloError` if the agent does not run, ends, or has not answered within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    late = f"{files.name} has not answered within {timeout:g} s; its log may tell why"
    before = _await(files, files.reload_status, deadline, late)
    _signal(files)

    # A reload that began before the signal may have read the old file, so only one that begins afterwards counts.
    def answered() -> ReloadStatus | None:
        now = files.reload_status()
        return now if now and now.answered > before.begun else None

    return _await(files, answered, deadline, late)


def _await(files: AgentFiles, poll: Callable[[], T | None], deadline: float, late: str) -> T:
    """Call `poll` until it returns a value; fail if the agent has ended, or with `late` at the deadline."""
    while True:
        runs = files.holder() != 0
        if (value := poll()) is not None:
            return value
        if not runs:
            raise ShodohfloError(f"{files.name} ended before it answered; its log may tell why")
        if time.monotonic() > deadline:
            raise ShodohfloError(late)
        time.sleep(_POLL_INTERVAL)


def _signal(files: AgentFiles) -> None:
    """Send SIGHUP to the agent; a process that takes over its id meanwhile gets nothing (pidfd_open(2))."""
    pid = files.holder()
    if not pid:
        return
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if files.holder() == pid:
            signal.pidfd_send_signal(process, signal.SIGHUP)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise ShodohfloError(
            f"{files.name} is process {pid} of another user: run this as that user, or with sudo"
        ) from None
    finally:
        os.close(process)
