"""Reloading: a configuration is read or adapted, and checked, in a separate thread while packets are received.

A reload reads the file again. When the addresses of the interfaces change, and our networks come from these, the
settings in force are adapted to other networks; the file is not read. A valid configuration is adopted between two
batches. An invalid one changes only the log and, after a reload, the agent's status.
"""

from __future__ import annotations

import logging
import sys
import time
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Final

from shodohflo.agent.pidfile import ReloadStatus
from shodohflo.config.limits import interrupt
from shodohflo.errors import ShodohfloError
from shodohflo.process.service_manager import ServiceManager
from shodohflo.process.timers import Interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from shodohflo.agent.pidfile import PidFile
    from shodohflo.agent.session import Session
    from shodohflo.config import Configuration, Settings
    from shodohflo.model import Network

ADAPT: Final = 5.0
"""The least number of seconds between two changes of the networks: addresses often come and go in bursts."""

PATIENCE: Final = 25.0
"""Seconds until a reload is given up: less than `shodohflo reload` waits, so that it learns why."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Making:
    """A configuration that another thread makes."""

    is_reload: bool
    """Whether somebody waits for the answer; otherwise our networks have changed."""
    thread: Thread
    result: Future[Configuration]
    given_up_at: float
    """Seconds of the monotonic clock."""

    def is_over(self, now: float) -> bool:
        """Return whether the configuration is made, refused, or not to be waited for any longer."""
        return self.result.done() or now > self.given_up_at


class Reloading:
    """Makes one configuration at a time; any number of requests meanwhile cause one more."""

    def __init__(
        self,
        reread: Callable[[], Configuration] | None,
        session: Session,
        pid_file: PidFile | None,
        adapt: Callable[[Settings, tuple[Network, ...]], Configuration] | None = None,
        manager: ServiceManager | None = None,
    ) -> None:
        """`reread` and `adapt` make configurations, as in `RunOptions`; `session` adopts them.

        `pid_file` publishes the results of reloads; `manager` is told when they begin and end.
        """
        self._reread = reread or _nothing_to_read
        self._adapt = adapt
        self._session = session
        self._pid_file = pid_file
        self._manager = manager or ServiceManager()
        self._requested = False
        self._derived = session.configuration.named
        """The networks of the interfaces that were taken up last, or refused."""
        self._networks: tuple[Network, ...] | None = None
        """Those that are to be taken up next."""
        self._rest = Interval(ADAPT, 0.0)
        self._making: _Making | None = None
        self._abandoned: list[Thread] = []
        self._status = ReloadStatus()
        self._publish()

    def request(self) -> None:
        """Request a reload that reads the file as it is from now on."""
        self._requested = True

    def follow(self, derived: tuple[Network, ...], now: float) -> None:
        """Take up the networks of the interfaces, as they are `now`, if ours come from these.

        `now` is in seconds of a monotonic clock. Without any address, the networks stay as they are.
        """
        if self._adapt is None or derived == self._derived or not self._rest.due(now):
            return
        self._derived = derived
        if derived:
            self._networks = derived
        else:
            ours = self._session.configuration.our_nets_text
            _log.warning("no interface has an address any more that shows a network: ours stay %s", ours)

    def poll(self) -> bool:
        """Start or finish making a configuration without blocking; return whether one was adopted or refused."""
        self._stop_abandoned()
        if self._making is not None and self._making.is_over(time.monotonic()):
            made, self._making = self._making, None
            if not made.result.done():
                self._abandon(made)
            self._finish(made)
            return True
        if self._making is None and self._requested:
            self._requested = False
            _log.info("reading the configuration again")
            self._manager.reloading()
            self._status = replace(self._status, begun=self._status.begun + 1)
            self._publish()
            self._begin(partial(self._read_again, self._session.configuration.named), is_reload=True)
        elif self._making is None and self._networks is not None and self._adapt is not None:
            in_force, networks, self._networks = self._session.configuration, self._networks, None
            if networks != in_force.named:
                self._begin(partial(self._adapt, in_force.settings, networks), is_reload=False)
        return False

    def _read_again(self, networks: tuple[Network, ...]) -> Configuration:
        """Return the configuration as its file is now; with `networks`, those in force, if no address shows others."""
        made = self._reread()
        if self._adapt is None or made.named or not networks:
            return made
        return self._adapt(made.settings, networks)

    def _begin(self, make: Callable[[], Configuration], *, is_reload: bool) -> None:
        result: Future[Configuration] = Future()
        # A daemon thread, because code in a configuration may never return.
        thread = Thread(target=_make, args=(make, result), name="reload", daemon=True)
        self._making = _Making(is_reload, thread, result, time.monotonic() + PATIENCE)
        thread.start()

    def _abandon(self, made: _Making) -> None:
        """Give up waiting for the thread, and let the result be the reason."""
        self._abandoned.append(made.thread)
        reason = f"it was not ready within {PATIENCE:g} seconds, and is at {_place(made.thread)}"
        _settle(made.result, ShodohfloError(reason))

    def _stop_abandoned(self) -> None:
        """Interrupt threads that were given up, until they end: code may catch an interruption, or wait."""
        self._abandoned = [thread for thread in self._abandoned if thread.is_alive()]
        for thread in self._abandoned:
            interrupt(thread.ident or 0)

    def _finish(self, made: _Making) -> None:
        error = ""
        try:
            self._session.adopt(made.result.result())
        except ShodohfloError as refused:
            error = str(refused)
        except Exception as refused:  # noqa: BLE001 - whatever it was, the old rules stay valid
            error = f"unexpected {type(refused).__name__}: {refused}"
        if error:
            _log.error("the configuration stays as it was: %s", error)
        elif self._networks is None:
            # A reload derives the networks itself; if these have gone by now, they must be followed from there.
            self._derived = self._session.configuration.named
        if made.is_reload:
            self._answer(error)

    def _answer(self, error: str) -> None:
        """Tell whoever asked for the reload what became of it."""
        if error:
            self._session.refuse(error)
        else:
            _log.info("configuration: %s", self._session.loaded)
        self._status = replace(self._status, answered=self._status.begun, error=error)
        self._publish()
        self._manager.ready()

    def _publish(self) -> None:
        self._status = replace(self._status, configuration=str(self._session.loaded))
        if self._pid_file is not None:
            self._pid_file.write_status(self._status)


def _make(make: Callable[[], Configuration], result: Future[Configuration]) -> None:
    try:
        _settle(result, make())
    except Exception as error:  # noqa: BLE001 - raised again by `Future.result`
        _settle(result, error)
    except BaseException as error:  # noqa: BLE001 - code in a configuration must not end the agent
        _settle(result, ShodohfloError(f"it ended with {type(error).__name__}"))


def _settle(result: Future[Configuration], outcome: Configuration | Exception) -> None:
    """Set the result unless it is set already: a thread that was given up may end at the same moment."""
    with suppress(InvalidStateError):
        if isinstance(outcome, Exception):
            result.set_exception(outcome)
        else:
            result.set_result(outcome)


def _place(thread: Thread) -> str:
    """Return file and line of what `thread` executes."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - there is no other way to ask
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "its end"


def _nothing_to_read() -> Configuration:
    raise ShodohfloError("this run has no configuration file to reload")
