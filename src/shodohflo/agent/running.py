"""A run of the agent: the main loop and its periodic tasks."""

from __future__ import annotations

import logging
import math
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from shodohflo.agent.problems import DiskLog, GradeLog, ProblemLog, UnmatchedLog
from shodohflo.agent.reloading import Reloading
from shodohflo.agent.session import Session
from shodohflo.agent.signals import Signals
from shodohflo.agent.status import summary
from shodohflo.capture.live.listener import Listener
from shodohflo.capture.live.socket_watch import SocketWatch
from shodohflo.process.timers import Interval
from shodohflo.store.feed import ServiceFeed
from shodohflo.store.kinds import sink_to
from shodohflo.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shodohflo.agent.options import RunOptions
    from shodohflo.agent.status import Status

TICK: Final = 0.25
"""Seconds between two checks of the timers: the longest delay of a signal or a new flow."""

GATHER: Final = 1.0
"""Seconds between two looks at what is known of services beside packets."""

FIRST_ANSWER: Final = 2.0
"""Seconds that the store has to say which services it knows, before the first packets are decided on."""

HEARTBEAT: Final = 10.0
"""Seconds between two heartbeats in the store."""

SHOW: Final = 0.5
"""Seconds between two calls of `on_status`."""

PROBLEMS: Final = 1.0
"""Seconds between two checks for problems to log."""

_log = logging.getLogger(__name__)


def run(options: RunOptions, signals: Signals | None = None) -> int:
    """Run until a signal or the end of the duration; return 0, or 1 if the store did not take everything.

    A second signal ends the run without waiting for the store any longer. `signals` have been entered, and go on after
    the run, if a caller has to end something within the same time.
    """
    if signals is None:
        with Signals() as own:
            return run(options, own)
    with (
        closing(_listener(options)) as listener,
        _writer(options) as writer,
        SocketWatch(options.namespaces) as sockets,
        ServiceFeed(options.store) as services,
    ):
        session = Session(options, listener, writer, sockets, services)
        _log.info("configuration: %s", session.loaded)
        _main_loop(options, signals, session, writer)
        _log.info("ending: %s", signals.end.name if signals.end else "the duration is over")
        options.manager.stopping()
        signals.begin_end()
        ended = session.finish(signals.left)
    _log.info("%s", summary(ended))
    if options.on_end is not None:
        options.on_end(ended)
    return 0 if ended.state == "ended" else 1


def _listener(options: RunOptions) -> Listener:
    passing = options.configuration.settings.capture_filter
    return Listener(options.wanted, promiscuous=options.promiscuous, ring_octets=options.ring_octets, passing=passing)


def _writer(options: RunOptions) -> Writer:
    settings = options.configuration.settings
    octets = settings.outbox_memory * 1_000_000
    return Writer(sink_to(options.store), agent=options.name, lifetime=settings.ttl, octets=octets)


def _main_loop(options: RunOptions, signals: Signals, session: Session, writer: Writer) -> None:
    """Receive packets and run the tasks that are due, until the end."""
    reloading = Reloading(options.reread, session, options.pid_file, options.adapt, options.manager)
    logs = (ProblemLog(), UnmatchedLog(time.monotonic()), GradeLog(), DiskLog(options.store))

    def problems(status: Status, now: float) -> None:
        for log in logs:
            log.log_new(status, now)

    tasks = list(_tasks(options, session, writer, problems))
    deadline = math.inf if options.duration is None else time.monotonic() + options.duration
    session.begin(min(deadline, time.monotonic() + FIRST_ANSWER), lambda: signals.end is not None)
    options.manager.ready()
    while signals.end is None and time.monotonic() < deadline:
        session.receive(TICK)
        if signals.take_reload():
            reloading.request()
        reloading.follow(session.derived, time.monotonic())
        if reloading.poll():  # run all tasks now, so that the heartbeat reports it
            tasks = list(_tasks(options, session, writer, problems))
        for interval, task in tasks:
            if interval.due(time.monotonic()):
                task()


def _tasks(
    options: RunOptions, session: Session, writer: Writer, problems: Callable[[Status, float], None]
) -> Iterator[tuple[Interval, Callable[[], None]]]:
    """Yield each periodic task with its interval."""
    now = time.monotonic()
    yield Interval(TICK, now), session.record
    yield Interval(GATHER, now), session.gather
    yield Interval(HEARTBEAT, now), lambda: writer.heartbeat(session.status().to_fields())
    yield Interval(PROBLEMS, now), lambda: problems(session.status(), time.monotonic())
    yield Interval(HEARTBEAT, now), lambda: options.manager.say(summary(session.status()))
    if options.manager.interval is not None:
        yield Interval(options.manager.interval, now), options.manager.alive
    if options.on_status is not None:
        show = options.on_status
        yield Interval(SHOW, now), lambda: show(session.status_with_recent())
    else:
        interval = session.configuration.settings.stats_interval
        yield Interval(interval, now + interval), lambda: _log.info("%s", summary(session.status()))
