"""A run of the agent, from the first socket to the last word, and what it does on the clock."""

from __future__ import annotations

import logging
import math
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from shodohflo.agent.complaints import Complaints
from shodohflo.agent.reloading import Reloading
from shodohflo.agent.session import Watch
from shodohflo.agent.signals import Orders
from shodohflo.agent.status import summary
from shodohflo.agent.timers import Every
from shodohflo.capture.live.listener import Listener
from shodohflo.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shodohflo.agent.options import RunOptions

TICK: Final = 0.25
"""Seconds between two looks at the clock: what a signal, or a new flow, waits for at most."""

HEARTBEAT: Final = 10.0
"""Seconds between two signs of life in the store."""

SHOW: Final = 0.5
"""Seconds between two calls of `on_status`."""

LISTEN: Final = 1.0
"""Seconds between two looks at what there is to complain about."""

_log = logging.getLogger(__name__)


def run(options: RunOptions) -> int:
    """Watch until a signal, or the end of the duration; return 0, or 1 if it was cut short."""
    with (
        Orders() as orders,
        closing(Listener(options.wanted, promiscuous=options.promiscuous, ring_octets=options.ring_octets)) as listener,
        Writer(options.store, agent=options.name, lifetime=options.terms.settings.ttl) as writer,
    ):
        watch = Watch(options, listener, writer)
        _log.info("configuration: %s", watch.configuration)
        _go_on(options, orders, watch, writer)
        _log.info("ending: %s", orders.end.name if orders.end else "the time is up")
        ended = watch.finish()
    _log.info("%s", summary(ended))
    if options.on_end is not None:
        options.on_end(ended)
    return 0 if ended.state == "ended" else 1


def _go_on(options: RunOptions, orders: Orders, watch: Watch, writer: Writer) -> None:
    """Receive, and do what is due, until the end."""
    reloading = Reloading(options.reread, watch, options.presence)
    complaints = Complaints()
    duties = list(_duties(options, watch, writer, complaints))
    deadline = math.inf if options.duration is None else time.monotonic() + options.duration
    while orders.end is None and time.monotonic() < deadline:
        watch.receive(TICK)
        if orders.take_reread():
            reloading.ask()
        if reloading.go_on():  # everything is due now: the sign of life that tells of it, above all
            duties = list(_duties(options, watch, writer, complaints))
        for every, duty in duties:
            if every.due(time.monotonic()):
                duty()


def _duties(
    options: RunOptions, watch: Watch, writer: Writer, complaints: Complaints
) -> Iterator[tuple[Every, Callable[[], None]]]:
    """Yield what is to be done, and how often."""
    now = time.monotonic()
    yield Every(TICK, now), watch.record
    yield Every(HEARTBEAT, now), lambda: writer.heartbeat(watch.status().to_fields())
    yield Every(LISTEN, now), lambda: complaints.hear(watch.status(), time.monotonic())
    if options.on_status is not None:
        show = options.on_status
        yield Every(SHOW, now), lambda: show(watch.news())
    else:
        interval = watch.terms.settings.stats_interval
        yield Every(interval, now + interval), lambda: _log.info("%s", summary(watch.status()))
