"""The session: frames from the listener through the pipeline to the writer, each on its own schedule."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from shodohflo.agent.gathering import Gathering
from shodohflo.agent.status import Identity, LoadedConfiguration, Status
from shodohflo.attribution.pipeline import Pipeline
from shodohflo.attribution.policy import Connection
from shodohflo.config.published import published
from shodohflo.report.numbers import counted
from shodohflo.report.unmatched import NO_NETWORK, Origin
from shodohflo.store.outlet import Outlet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shodohflo.agent.options import RunOptions
    from shodohflo.attribution.policy import Policy
    from shodohflo.capture.live.listener import Listener
    from shodohflo.capture.live.socket_watch import SocketWatch
    from shodohflo.columns.frames import Frames
    from shodohflo.config import Configuration, Settings
    from shodohflo.model import Network
    from shodohflo.rules.mapping import FlowMapping
    from shodohflo.store.announced import TcpEnds
    from shodohflo.store.feed import ServiceFeed
    from shodohflo.store.writer import Writer

_SLICE: Final = 0.25
"""Seconds between two looks at whether the user wants to wait for the store."""

_SHORT: Final = 0.02
"""Seconds between two looks at whether the store has said which services it knows."""

_MOST_FILTERS: Final = 20
"""Filters that the ledger names: a reload may change them every hour, for months."""

_log = logging.getLogger(__name__)


class Session:
    """The pipeline of a running agent with its input and output."""

    def __init__(
        self, options: RunOptions, listener: Listener, writer: Writer, sockets: SocketWatch, services: ServiceFeed
    ) -> None:
        """Connect the parts; packets are first read by `receive`."""
        self._listener = listener
        self._writer = writer
        self._patience = options.patience
        self._on_status = options.on_status
        self._is_derived = options.adapt is not None
        self._own: frozenset[TcpEnds] = frozenset()
        configuration = options.configuration
        self._identity = Identity(
            options.name,
            os.getpid(),
            time.time(),
            options.store.name,
            configuration.our_nets,
            published(configuration.networks),
            self._origin(configuration),
            options.rights,
        )
        self._unmatched_before: Counter[tuple[str, str]] = Counter()
        self._configuration, self._loaded = configuration, _loaded(configuration.settings)
        self._filters: tuple[str, ...] = ()
        self._note_filter()
        rules = configuration.rules()
        evidence = configuration.evidence()
        self._gathering = Gathering(evidence, sockets, services, writer)
        self._pipeline = Pipeline(rules, self._policy(), evidence if configuration.settings.evidence_memory else None)
        ttl = configuration.settings.ttl
        self._outlet = Outlet(writer, rules.mapping.sentences, ttl, keep_recent=options.on_status is not None)

    @property
    def configuration(self) -> Configuration:
        """The configuration in force."""
        return self._configuration

    @property
    def derived(self) -> tuple[Network, ...]:
        """The networks that the addresses of the interfaces show now."""
        return self._listener.networks

    @property
    def loaded(self) -> LoadedConfiguration:
        """Where it was loaded from, and when."""
        return self._loaded

    def begin(self, latest: float, is_over: Callable[[], bool]) -> None:
        """Gather what is known before the first packet is decided on; packets are received meanwhile.

        A store that is there may take until `latest`, in seconds of a monotonic clock, to say which services it knows,
        unless `is_over` returns true.
        """
        while self._gathering.is_pending and time.monotonic() < latest and not is_over():
            self.receive(_SHORT)
        if self._gathering.is_pending:
            _log.info("the store has not said yet which services it knows: they are known from its answer on")
        self.gather()

    def receive(self, timeout: float) -> None:
        """Decode the packets in the ring; wait up to `timeout` seconds if there are none."""
        self._take_in(self._listener.read(timeout))

    def record(self) -> None:
        """Pass the observations that are due to the writer."""
        observations = self._pipeline.take()
        self._outlet.add(observations, self._pipeline.take_corrections(), time.monotonic_ns())

    def gather(self) -> None:
        """Take up the sockets of this host and the services of the store, and pass on what evidence shows."""
        self._gathering.gather(time.monotonic())
        self._gathering.pass_on(time.time_ns())

    def finish(self, left: Callable[[float], float] | None = None) -> Status:
        """Count and write the rest; return the final status.

        The store has `patience` seconds for it, from now on, or those of them that `left` returns, which may become
        less while the store is waited for.
        """
        until = time.monotonic() + self._patience
        left = left or (lambda _: until - time.monotonic())
        self._take_in(self._listener.finish())
        self.record()
        self._outlet.hand_on_rest()
        self._gathering.pass_on_rest(time.time_ns())
        complete = self._wait_for_store(left)
        ended = replace(self.status(), state="ended" if complete else "cut short")
        self._writer.heartbeat(ended.to_fields())
        self._writer.close(left(self._patience) if complete else 0)
        return replace(ended, writer=self._writer.stats)

    def _wait_for_store(self, left: Callable[[float], float]) -> bool:
        """Wait until the store has taken the rest, and return whether it has; a wait that can be noticed is logged."""
        if self._flushed(left(self._patience)):
            return True
        waiting = counted(self._writer.stats.waiting_packets, "recorded packet")
        notice = (
            f"waiting for {self._identity.store} to take {waiting}, for {left(self._patience):.0f} s at most; "
            "Ctrl-C or SIGTERM ends at once, and gives them up"
        )
        _log.warning("%s", notice)
        while (longest := left(self._patience)) > 0:
            if self._on_status is not None:
                self._on_status(replace(self.status_with_recent(), notice=notice))
            if self._flushed(longest):
                return True
        return False

    def _flushed(self, longest: float) -> bool:
        """Wait for the store for a slice of time, `longest` at most, and return whether it has taken everything."""
        longest = min(_SLICE, longest)
        return self._writer.flush(longest, longest)

    def adopt(self, configuration: Configuration) -> None:
        """Switch to another configuration between two batches; no packet is lost and no count restarts.

        Raises `CaptureError` if the kernel refuses its filter; then nothing has changed.
        """
        rules = configuration.rules()
        self._listener.pass_only(configuration.settings.capture_filter)
        self.record()
        # Network ids are those of one configuration, so counts are kept by name across reloads.
        self._unmatched_before = self._unmatched(self._pipeline.take_unmatched())
        _carry_failures(self._pipeline.rules.mapping, rules.mapping)
        if configuration.settings is not self._configuration.settings:
            self._loaded = _loaded(configuration.settings)
        self._configuration = configuration
        self._note_filter()
        self._identity = replace(
            self._identity,
            our_nets=configuration.our_nets,
            networks=published(configuration.networks),
            origin=self._origin(configuration),
        )
        self._pipeline.rules, self._pipeline.policy = rules, self._policy()
        self._gathering.adapt(configuration)
        self._outlet.adopt(rules.mapping.sentences, configuration.settings.ttl)
        self._writer.change_lifetime(configuration.settings.ttl)

    def refuse(self, error: str) -> None:
        """Keep the configuration in force, and report `error` in every status until another one is adopted."""
        self._loaded = replace(self._loaded, error=error, error_time=time.time())

    def status(self) -> Status:
        """Return the current status."""
        dropped = self._listener.kernel_dropped
        ledger = replace(self._pipeline.settle(), kernel_dropped=dropped, filters=self._filters)
        passing = self._configuration.settings.capture_filter
        return Status(
            identity=self._identity,
            configuration=self._loaded,
            time=time.time(),
            interfaces=tuple(interface.name for interface in self._listener.listened),
            ledger=ledger,
            passing=passing.expression if passing else "",
            machine=self._listener.counts.to_fields(),
            rules=self._pipeline.rules,
            writer=self._writer.stats,
            unmatched=self._unmatched(ledger.unmatched),
            grades=self._pipeline.grades.grades(),
            contradicted=dict(self._pipeline.grades.contradicted),
        )

    def _origin(self, configuration: Configuration) -> Origin:
        """Return where the networks of `configuration` come from."""
        if not self._is_derived:
            return Origin.NAMED
        return Origin.ADDRESSES if configuration.named else Origin.DEFAULTS

    def _note_filter(self) -> None:
        passing = self._configuration.settings.capture_filter
        expression = passing.expression if passing else "no filter"
        if expression != (self._filters or ("no filter",))[-1]:
            self._filters = (*self._filters, expression)[-_MOST_FILTERS:]

    def status_with_recent(self) -> Status:
        """Return the current status with the observations recorded since the last call."""
        return replace(self.status(), recent=self._outlet.take_recent())

    def _take_in(self, received: Iterable[Frames]) -> None:
        for frames in received:
            # The writer knows a connection before its first packet, so these frames are covered.
            own = self._writer.connections()
            if own != self._own:
                self._own = own
                self._pipeline.policy = self._policy()
            self._pipeline.ingest(frames)

    def _policy(self) -> Policy:
        own = frozenset(Connection(ends.local, ends.local_port, ends.peer, ends.peer_port) for ends in self._own)
        return self._configuration.policy(own)

    def _unmatched(self, pairs: Counter[tuple[int, int]]) -> Counter[tuple[str, str]]:
        """Return the unmatched packets by the names of their networks."""
        names = {number: name or NO_NETWORK for name, number in self._configuration.networks.network_id.items()}
        named = self._unmatched_before.copy()
        for (src, dst), count in pairs.items():
            named[names[src], names[dst]] += count
        return named


def _loaded(settings: Settings) -> LoadedConfiguration:
    return LoadedConfiguration(settings.path, settings.digest, time.time())


def _carry_failures(old: FlowMapping, new: FlowMapping) -> None:
    """Continue the counts by rule number, as the ledger does."""
    new.failures.update(old.failures)
    new.last_failure.update(old.last_failure)
