"""Log lines about outages of the store: a warning when it is lost, at most one a minute, and a line when it is back."""

from __future__ import annotations

import logging

from shodohflo.process.timers import RateLimit

_LOG = logging.getLogger(__name__)


class OutageLog:
    """Logs the outages of one store."""

    def __init__(self, name: str) -> None:
        """Start with nothing logged; `name` is the name of the store in messages."""
        self._name = name
        self._limit = RateLimit()
        self._is_away = False

    def lost(self, reason: str, now: float) -> None:
        """Log that the store failed, unless a warning was logged in the last minute; `now` is in seconds, any clock."""
        if self._limit.allows(self._name, now):  # the reasons of one outage vary, so they share one limit
            self._is_away = True
            _LOG.warning("%s; still counting, trying again", reason)

    def recovered(self) -> None:
        """Log that the store works again, if a warning has been logged since the last such line."""
        if self._is_away:
            self._is_away = False
            _LOG.info("store %s: writing again", self._name)
