"""Gathering evidence beside packets: the sockets of this host, and the services that the store knows.

An agent that starts in the middle of long connections learns from the store which services are known, and later those
that other agents write there. What the evidence of this agent shows is passed on to the writer.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from shodohflo.process.timers import RateLimit

if TYPE_CHECKING:
    from shodohflo.attribution.evidence.evidence import Evidence
    from shodohflo.capture.live.socket_watch import SocketWatch
    from shodohflo.config import Configuration
    from shodohflo.store.feed import ServiceFeed
    from shodohflo.store.writer import Writer

_log = logging.getLogger(__name__)


class Gathering:
    """What is gathered beside packets, and passed on."""

    def __init__(self, evidence: Evidence, sockets: SocketWatch, services: ServiceFeed, writer: Writer) -> None:
        """Gather from `sockets` and `services` into `evidence`, and pass on to `writer`."""
        self._evidence, self._sockets, self._services, self._writer = evidence, sockets, services, writer
        self._limit = RateLimit(3600.0)

    def adapt(self, configuration: Configuration) -> None:
        """Go by another configuration."""
        self._evidence.adapt(configuration.our_nets, configuration.settings.listed_ports)

    @property
    def is_pending(self) -> bool:
        """Whether the store is about to say which services it knows."""
        return self._services.is_pending

    def gather(self, now: float) -> None:
        """Take up what was read; `now` is in seconds of a monotonic clock."""
        if (ends := self._sockets.take()) is not None:
            self._evidence.own_ends = ends
        if seen := self._services.take():
            self._evidence.recall(seen)
        if (problem := self._sockets.problem) and self._limit.allows(problem, now):
            _log.warning("%s", problem)

    def pass_on(self, now_ns: int) -> None:
        """Pass on the services and the knocks that are new at `now_ns`, in ns since 1970; of a flood, some."""
        self._writer.offer_services(self._evidence.news(now_ns))
        self._writer.offer_knocks(self._evidence.knocks.take(now_ns))

    def pass_on_rest(self, now_ns: int) -> None:
        """Pass on all that is new at `now_ns`."""
        while news := self._evidence.news(now_ns):
            self._writer.offer_services(news)
        self._writer.offer_knocks(self._evidence.knocks.take(now_ns))
