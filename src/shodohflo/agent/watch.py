"""The watch: frames from the listener through the pipeline to the writer, each on its own clock."""

from __future__ import annotations

import os
import time
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

from shodohflo.agent.recording import Recording
from shodohflo.agent.status import Configuration, Identity, Status
from shodohflo.pcap_config import update_our_nets
from shodohflo.pipeline import Connection, Pipeline
from shodohflo.rules.compiler import CompiledRules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shodohflo.agent.options import RunOptions
    from shodohflo.capture.listener import Listener
    from shodohflo.config import Settings
    from shodohflo.frames import Frames
    from shodohflo.policy import Policy
    from shodohflo.store.connection import TcpEnds
    from shodohflo.store.writer import Writer


class Watch:
    """One agent's pipeline, with its input and its output."""

    def __init__(self, options: RunOptions, listener: Listener, writer: Writer) -> None:
        """Prepare; nothing is read before `receive`."""
        self._listener = listener
        self._writer = writer
        self._our_nets = options.our_nets
        self._patience = options.patience
        self._own: frozenset[TcpEnds] = frozenset()
        self._identity = Identity(options.name, os.getpid(), time.time(), options.store.name, options.our_nets)
        self._unmatched_before: Counter[tuple[str, str]] = Counter()
        self._settings = options.settings
        self._since = time.time()
        self._pipeline = Pipeline(self._rules(), self._policy())
        self._recording = Recording(
            writer, self._pipeline.rules.mapping, self._settings.ttl, keep_recent=options.on_status is not None
        )

    def receive(self, timeout: float) -> None:
        """Take in what was received; wait up to `timeout` seconds where there is nothing."""
        self._take_in(self._listener.read(timeout))

    def record(self) -> None:
        """Hand on what was seen and is due."""
        self._recording.add(self._pipeline.take(), time.monotonic_ns())

    def finish(self) -> Status:
        """Count and write what is left, as far as the store takes it in time; return how it ended."""
        self._take_in(self._listener.finish())
        self.record()
        self._recording.hand_on_rest()
        complete = self._writer.flush(self._patience)
        ended = replace(self.status(), state="ended" if complete else "cut short")
        self._writer.beat(ended.to_fields())
        self._writer.close(self._patience if complete else 0)
        return replace(ended, writer=self._writer.stats)

    def adopt(self, settings: Settings) -> None:
        """Decide by other settings from now on; no packet is lost and no count begins anew."""
        self.record()
        # The numbers of networks are those of their configuration.
        self._unmatched_before = self._unmatched()
        self._pipeline.ledger.unmatched.clear()
        self._settings, self._since = settings, time.time()
        self._pipeline.rules, self._pipeline.policy = self._rules(), self._policy()
        self._recording.adopt(self._pipeline.rules.mapping)

    def status(self) -> Status:
        """Say how things stand."""
        self._pipeline.ledger.kernel_dropped = self._listener.kernel_dropped
        return Status(
            identity=self._identity,
            configuration=Configuration(self._settings.path, self._settings.digest, self._since),
            time=time.time(),
            interfaces=tuple(interface.name for interface in self._listener.listened),
            ledger=deepcopy(self._pipeline.ledger),
            rules=self._pipeline.rules,
            writer=self._writer.stats,
            unmatched=self._unmatched(),
        )

    def news(self) -> Status:
        """Say how things stand, and what was recorded since the last time."""
        return replace(self.status(), recent=self._recording.take_recent())

    def _take_in(self, received: Iterable[Frames]) -> None:
        for frames in received:
            # Connections are known before their first packet: asking now is early enough for these frames.
            own = self._writer.connections()
            if own != self._own:
                self._own = own
                self._pipeline.policy = self._policy()
            self._pipeline.ingest(frames)

    def _rules(self) -> CompiledRules:
        update_our_nets(self._our_nets)
        return CompiledRules(self._settings.enumeration, self._settings.mapping)

    def _policy(self) -> Policy:
        own = frozenset(Connection(ends.local, ends.local_port, ends.peer, ends.peer_port) for ends in self._own)
        return self._settings.policy(self._our_nets, own)

    def _unmatched(self) -> Counter[tuple[str, str]]:
        """Return the packets that nothing decided, by the names of their networks."""
        names = {number: name or "-" for name, number in self._settings.enumeration.network_id.items()}
        named = self._unmatched_before.copy()
        for (src, dst), count in self._pipeline.ledger.unmatched.items():
            named[names[src], names[dst]] += count
        return named
