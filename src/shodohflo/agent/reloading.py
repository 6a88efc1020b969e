"""Reloading: the configuration is read and checked in a thread of its own, so that packets go on being counted.

What is read is adopted between two batches. What can't be used changes nothing but what the agent says of itself.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING

from shodohflo.agent.pidfile import Reloads
from shodohflo.errors import ShodohfloError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shodohflo.agent.options import Terms
    from shodohflo.agent.pidfile import Presence
    from shodohflo.agent.session import Watch

_log = logging.getLogger(__name__)


class Reloading:
    """One reload at a time; however often it is asked for meanwhile, one more follows."""

    def __init__(self, reread: Callable[[], Terms] | None, watch: Watch, presence: Presence | None) -> None:
        """Take how the configuration is read again, who decides by it, and where to account for it."""
        self._reread = reread or _nothing_to_read
        self._watch = watch
        self._presence = presence
        self._asked = False
        self._reading: Future[Terms] | None = None
        self._account = Reloads()
        self._tell()

    def ask(self) -> None:
        """Have the configuration read again, as it is from now on."""
        self._asked = True

    def go_on(self) -> bool:
        """Do what there is to do, without waiting; say whether a reload has come to its end."""
        if self._reading is not None and self._reading.done():
            self._finish(self._reading)
            self._reading = None
            return True
        if self._asked and self._reading is None:
            self._asked = False
            self._begin()
        return False

    def _begin(self) -> None:
        _log.info("reading the configuration again")
        self._account = replace(self._account, begun=self._account.begun + 1)
        self._tell()
        self._reading = Future()
        # Not waited for at the end: an operator's code may never come back.
        Thread(target=_read, args=(self._reread, self._reading), name="reload", daemon=True).start()

    def _finish(self, reading: Future[Terms]) -> None:
        error = ""
        try:
            self._watch.adopt(reading.result())
        except ShodohfloError as refused:
            error = str(refused)
        except Exception as refused:  # noqa: BLE001 - whatever it was, the old rules are good
            error = f"unexpected {type(refused).__name__}: {refused}"
        if error:
            self._watch.refuse(error)
            _log.error("the configuration stays as it was: %s", error)
        else:
            _log.info("configuration: %s", self._watch.configuration)
        self._account = replace(self._account, answered=self._account.begun, error=error)
        self._tell()

    def _tell(self) -> None:
        self._account = replace(self._account, configuration=str(self._watch.configuration))
        if self._presence is not None:
            self._presence.tell(self._account)


def _read(reread: Callable[[], Terms], reading: Future[Terms]) -> None:
    try:
        reading.set_result(reread())
    except Exception as error:  # noqa: BLE001 - raised again where it is waited for
        reading.set_exception(error)
    except BaseException as error:  # noqa: BLE001 - an operator's code ends nothing but itself
        reading.set_exception(ShodohfloError(f"it ended with {type(error).__name__}"))


def _nothing_to_read() -> Terms:
    raise ShodohfloError("this run was given its settings once and for all")
