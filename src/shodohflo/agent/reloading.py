"""Reloading: a configuration is read or adapted, and checked, in a separate thread while packets are received.

A reload reads the file again. When the addresses of the interfaces change, and our networks come from these, the
settings in force are adapted to other networks; the file is not read. A valid configuration is adopted between two
batches. An invalid one changes only the log and, after a reload, the agent's status.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Final

from shodohflo.agent.pidfile import ReloadStatus
from shodohflo.errors import ShodohfloError
from shodohflo.process.timers import Interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from shodohflo.agent.pidfile import PidFile
    from shodohflo.agent.session import Session
    from shodohflo.config import Configuration, Settings
    from shodohflo.model import Network

ADAPT: Final = 5.0
"""The least number of seconds between two changes of the networks: addresses often come and go in bursts."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Making:
    """A configuration that another thread makes."""

    is_reload: bool
    """Whether somebody waits for the answer; otherwise our networks have changed."""
    result: Future[Configuration] = field(default_factory=Future)


class Reloading:
    """Makes one configuration at a time; any number of requests meanwhile cause one more."""

    def __init__(
        self,
        reread: Callable[[], Configuration] | None,
        session: Session,
        pid_file: PidFile | None,
        adapt: Callable[[Settings, tuple[Network, ...]], Configuration] | None = None,
    ) -> None:
        """`reread` and `adapt` make configurations, as in `RunOptions`; `session` adopts them.

        `pid_file` publishes the results of reloads.
        """
        self._reread = reread or _nothing_to_read
        self._adapt = adapt
        self._session = session
        self._pid_file = pid_file
        self._requested = False
        self._derived = session.configuration.named
        self._networks: tuple[Network, ...] | None = None
        self._rest = Interval(ADAPT, 0.0)
        self._making: _Making | None = None
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
        """Start or finish making a configuration without blocking; return whether a reload has finished."""
        if self._making is not None and self._making.result.done():
            made, self._making = self._making, None
            self._finish(made)
            return made.is_reload
        if self._making is None and self._requested:
            self._requested = False
            _log.info("reading the configuration again")
            self._status = replace(self._status, begun=self._status.begun + 1)
            self._publish()
            self._begin(self._reread, is_reload=True)
        elif self._making is None and self._networks is not None and self._adapt is not None:
            settings, networks, self._networks = self._session.configuration.settings, self._networks, None
            self._begin(partial(self._adapt, settings, networks), is_reload=False)
        return False

    def _begin(self, make: Callable[[], Configuration], *, is_reload: bool) -> None:
        self._making = _Making(is_reload)
        # A daemon thread, because code in a configuration may never return.
        Thread(target=_make, args=(make, self._making.result), name="reload", daemon=True).start()

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

    def _publish(self) -> None:
        self._status = replace(self._status, configuration=str(self._session.loaded))
        if self._pid_file is not None:
            self._pid_file.write_status(self._status)


def _make(make: Callable[[], Configuration], result: Future[Configuration]) -> None:
    try:
        result.set_result(make())
    except Exception as error:  # noqa: BLE001 - raised again by `Future.result`
        result.set_exception(error)
    except BaseException as error:  # noqa: BLE001 - code in a configuration must not end the agent
        result.set_exception(ShodohfloError(f"it ended with {type(error).__name__}"))


def _nothing_to_read() -> Configuration:
    raise ShodohfloError("this run has no configuration file to reload")
