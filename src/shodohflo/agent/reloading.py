"""Reloading: the configuration is read and checked in a separate thread while the main loop keeps receiving packets.

A valid configuration is adopted between two batches. An invalid one changes only the agent's status.
"""

from __future__ import annotations

import logging
import sys
import time
from concurrent.futures import Future
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING, Final

from shodohflo.agent.pidfile import ReloadStatus
from shodohflo.config.limits import interrupt
from shodohflo.errors import ShodohfloError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shodohflo.agent.pidfile import PidFile
    from shodohflo.agent.session import Session
    from shodohflo.config import Configuration

PATIENCE: Final = 25.0
"""Seconds until a reload is given up: less than `shodohflo reload` waits, so that it learns why."""

_log = logging.getLogger(__name__)


class Reloading:
    """Runs one reload at a time; any number of requests during a reload cause one more."""

    def __init__(self, reread: Callable[[], Configuration] | None, session: Session, pid_file: PidFile | None) -> None:
        """`reread` loads the configuration, `session` adopts it, `pid_file` publishes the result."""
        self._reread = reread or _nothing_to_read
        self._session = session
        self._pid_file = pid_file
        self._requested = False
        self._reading: Future[Configuration] | None = None
        self._thread: Thread | None = None
        self._given_up_at = 0.0
        self._abandoned: list[Thread] = []
        self._status = ReloadStatus()
        self._publish()

    def request(self) -> None:
        """Request a reload that reads the file as it is from now on."""
        self._requested = True

    def poll(self) -> bool:
        """Start or finish a reload without blocking; return whether one has finished."""
        self._stop_abandoned()
        if self._reading is not None and (self._reading.done() or time.monotonic() > self._given_up_at):
            reading = self._reading if self._reading.done() else self._abandon()
            self._finish(reading)
            self._reading = None
            return True
        if self._requested and self._reading is None:
            self._requested = False
            self._begin()
        return False

    def _begin(self) -> None:
        _log.info("reading the configuration again")
        self._status = replace(self._status, begun=self._status.begun + 1)
        self._publish()
        self._reading = Future()
        self._given_up_at = time.monotonic() + PATIENCE
        # A daemon thread, because code in a configuration may never return.
        self._thread = Thread(target=_read, args=(self._reread, self._reading), name="reload", daemon=True)
        self._thread.start()

    def _abandon(self) -> Future[Configuration]:
        """Give up waiting for the thread, and return a future with the reason."""
        assert self._thread is not None
        self._abandoned.append(self._thread)
        failed: Future[Configuration] = Future()
        failed.set_exception(
            ShodohfloError(f"it was not ready within {PATIENCE:g} seconds, and is at {_place(self._thread)}")
        )
        return failed

    def _stop_abandoned(self) -> None:
        """Interrupt threads that were given up, until they end: code may catch an interruption, or wait."""
        self._abandoned = [thread for thread in self._abandoned if thread.is_alive()]
        for thread in self._abandoned:
            interrupt(thread.ident or 0)

    def _finish(self, reading: Future[Configuration]) -> None:
        error = ""
        try:
            self._session.adopt(reading.result())
        except ShodohfloError as refused:
            error = str(refused)
        except Exception as refused:  # noqa: BLE001 - whatever it was, the old rules stay valid
            error = f"unexpected {type(refused).__name__}: {refused}"
        if error:
            self._session.refuse(error)
            _log.error("the configuration stays as it was: %s", error)
        else:
            _log.info("configuration: %s", self._session.loaded)
        self._status = replace(self._status, answered=self._status.begun, error=error)
        self._publish()

    def _publish(self) -> None:
        self._status = replace(self._status, configuration=str(self._session.loaded))
        if self._pid_file is not None:
            self._pid_file.write_status(self._status)


def _read(reread: Callable[[], Configuration], reading: Future[Configuration]) -> None:
    try:
        reading.set_result(reread())
    except Exception as error:  # noqa: BLE001 - raised again by `Future.result`
        reading.set_exception(error)
    except BaseException as error:  # noqa: BLE001 - code in a configuration must not end the agent
        reading.set_exception(ShodohfloError(f"it ended with {type(error).__name__}"))


def _place(thread: Thread) -> str:
    """Return file and line of what `thread` executes."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - there is no other way to ask
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "its end"


def _nothing_to_read() -> Configuration:
    raise ShodohfloError("this run has no configuration file to reload")
