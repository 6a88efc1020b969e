"""Log lines about a store: a warning when it is lost, at most one a minute, and a line when it takes data again.

Refused heartbeats, refused hashes and data that the store cannot save are logged here too: only the writer learns of
them.
"""

from __future__ import annotations

import logging

from shodohflo.process.timers import RateLimit

_LOG = logging.getLogger(__name__)


class OutageLog:
    """Logs the outages of one store; `now` is always in seconds, of any clock."""

    def __init__(self, name: str) -> None:
        """Start with nothing logged; `name` is the name of the store in messages."""
        self._name = name
        self._limit = RateLimit()
        self._is_away = False
        self._since: float | None = None
        self._unsaved = ""

    def lost(self, reason: str, now: float, *, lasting: bool = False, waiting: int = 0) -> None:
        """Log that the store failed, unless a warning was logged in the last minute; `waiting` packets wait for it.

        A `lasting` failure, which only somebody can end, has a limit of its own: it is news after one that may pass.
        """
        self._since = now if self._since is None else self._since
        if self._limit.allows("lasting" if lasting else "passing", now):
            self._is_away = True
            still = "nothing is written until somebody corrects this; " if lasting else ""
            lasts = f"for {now - self._since:.0f} s now; " if now > self._since else ""
            waits = f"{waiting:,} recorded packets wait, " if waiting else ""
            _LOG.warning("%s; %s%sstill counting, %strying again", reason, lasts, still, waits)

    def recovered(self) -> None:
        """Log that the store works again, if a warning has been logged since the last such line."""
        self._since = None
        if self._is_away:
            self._is_away = False
            _LOG.info("store %s: writing again", self._name)

    def found_losses(self, written: int, held: int, now: float) -> None:
        """Log that the store has only `held` of so many writes, at most once a minute."""
        if self._limit.allows("losses", now):
            has = (
                f"of {written:,} writes of this agent it has the first {held:,}"
                if held
                else "it has nothing of this agent"
            )
            _LOG.warning(
                "store %s: %s: it was emptied, restored, restarted without data or failed over; what still lives is "
                "written again",
                self._name,
                has,
            )

    def heartbeat_refused(self, reason: str, now: float) -> None:
        """Log that the store refused a heartbeat, at most once a minute."""
        if self._limit.allows("heartbeat", now):
            counts = "" if self._is_away else ", counts still are"
            _LOG.warning("%s; the heartbeat of this agent was not written%s", reason, counts)

    def hashes_refused(self, reason: str, now: float) -> None:
        """Log that the store refused hashes of services or knocks, at most once a minute."""
        if self._limit.allows("hashes", now):
            counts = "" if self._is_away else ", counts still are"
            _LOG.warning("%s; what is known of services and knocks was not written%s", reason, counts)

    def saving(self, unsaved: str, now: float) -> None:
        """Log that the store cannot save its data for the reason `unsaved`, at most once a minute, and when it can."""
        if unsaved and self._limit.allows("unsaved", now):
            self._unsaved = unsaved
            _LOG.warning(
                "store %s: %s: what it has would be lost at its restart; see its log and the space on its disk",
                self._name,
                unsaved,
            )
        elif self._unsaved and not unsaved:
            self._unsaved = ""
            _LOG.info("store %s: saved again", self._name)
