"""The status of the agent as one frozen value: for a terminal, the log, and the agent's hash in the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from shodohflo import __version__
from shodohflo.columns.observations import Observations
from shodohflo.keys.grades import contradictions_to_fields, grades_to_fields
from shodohflo.keys.networks import to_fields
from shodohflo.keys.outcomes import outcomes_to_fields
from shodohflo.model import Network, rule_place
from shodohflo.report.numbers import counted
from shodohflo.report.unmatched import Origin
from shodohflo.store.portion import KINDS, packets_in

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping
    from pathlib import Path

    from shodohflo.agent.rights import Rights
    from shodohflo.attribution.ledger import Ledger
    from shodohflo.keys.networks import PublishedNetwork
    from shodohflo.model import RuleGrade
    from shodohflo.rules.compiler import CompiledRules
    from shodohflo.store.stats import WriterStats

MOST_PAIRS: Final = 20
"""The number of pairs of networks listed in `unmatched` fields; those with most packets come first."""

MOST_KINDS: Final = 20
"""The number of `not_ip` and of `protocol` fields, which say what was refused; the most frequent kinds come first."""

USUAL: Final = 5000
"""Keys that wait for a store that keeps up: some writes."""

_DIGITS: Final = 12
"""The length of a digest as shown to people."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Name, process and store of the agent; only `our_nets` and `networks` change while it runs."""

    name: str
    pid: int
    started: float
    """Seconds since 1970."""
    store: str
    our_nets: tuple[Network, ...]
    networks: tuple[PublishedNetwork, ...] = ()
    """The networks of the configuration, by whose names readers can ask."""
    origin: Origin = Origin.NAMED
    """Where `our_nets` come from."""
    rights: Rights | None = None
    """As whom the agent runs."""


@dataclass(frozen=True, slots=True)
class LoadedConfiguration:
    """The configuration in force: its file, and when it was loaded."""

    path: Path | None
    digest: str
    since: float
    """When it was loaded; seconds since 1970."""
    error: str = ""
    """Why a newer one was refused, if the last reload was."""
    error_time: float = 0.0
    """When; seconds since 1970."""

    @property
    def place(self) -> str:
        """The absolute path of the file, or `defaults`."""
        return str(self.path.absolute()) if self.path else "defaults"

    def __str__(self) -> str:
        """Return path, digest and load time as text."""
        digest = f" (SHA-256 {self.digest[:_DIGITS]})" if self.digest else ""
        return f"{self.place}{digest}, loaded {_iso(self.since)}"

    def to_fields(self) -> dict[str, str]:
        """Return the fields of the agent's hash that describe it."""
        fields = {
            "configuration": self.place,
            "configuration.digest": self.digest,
            "configuration.since": _iso(self.since),
        }
        error = {"configuration.error": self.error, "configuration.error_time": _iso(self.error_time)}
        return fields | error if self.error else fields


@dataclass(frozen=True, slots=True)
class Status:
    """The agent at one moment."""

    identity: Identity
    configuration: LoadedConfiguration
    time: float
    """Seconds since 1970."""
    interfaces: tuple[str, ...]
    ledger: Ledger
    """A copy."""
    rules: CompiledRules
    writer: WriterStats
    unmatched: Counter[tuple[str, str]]
    """Packets unmatched by any rule, by the names of their networks; - for no network."""
    recent: Observations = field(default_factory=Observations.empty)
    """For `on_status`: the observations since its last call, at most `store.outlet.RECENT` rows."""
    state: str = "running"
    """`running`, `ended`, or `cut short` if the store did not take everything at the end."""
    grades: tuple[RuleGrade, ...] = ()
    """How often evidence contradicted each rule about ports."""
    contradicted: Mapping[int, int] = field(default_factory=dict)
    """Flows that each rule decided against evidence, by the number of the rule."""
    passing: str = ""
    """The expression of the filter in force: packets that it leaves out are in no count. Empty if there is none."""
    machine: Mapping[str, int] = field(default_factory=dict)
    """What has become of interfaces and addresses since the start, by kind of change."""
    notice: str = ""
    """What the agent is waiting for, for a terminal; empty if for nothing but packets."""

    @property
    def given_up(self) -> int:
        """The number of recorded packets that never reached the store, or not with all of their keys; at least."""
        return packets_in(self.missed)

    @property
    def lost(self) -> int:
        """The number of packets that the store had taken, and lost; at least."""
        return packets_in(self.writer.lost)

    @property
    def missed(self) -> dict[str, int]:
        """The counts that never reached the store, by kind of key."""
        known = (self.writer.given_up, self.writer.no_room)
        sums = {kind: sum(counts.get(kind, 0) for counts in known) for kind in KINDS}
        return {kind: count for kind, count in sums.items() if count}

    def to_fields(self) -> dict[str, str | int]:
        """Return the fields of the agent's hash."""
        return {
            "version": __version__,
            "pid": self.identity.pid,
            "started": _iso(self.identity.started),
            "seen": _iso(self.time),
            "state": self.state,
            "store": self.identity.store,
            "interfaces": " ".join(self.interfaces),
            "our_nets": " ".join(map(str, self.identity.our_nets)),
            "our_nets.origin": self.identity.origin.value,
            **({"filter": self.passing} if self.passing else {}),
            **(self.identity.rights.to_fields() if self.identity.rights else {}),
            **self.configuration.to_fields(),
            **to_fields(self.identity.networks),
            **self._counters(),
        }

    def _counters(self) -> dict[str, str | int]:
        pairs = {f"unmatched.{src};{dst}": count for (src, dst), count in self.unmatched.most_common(MOST_PAIRS)}
        kinds = {
            f"{reason}.{kind}": count
            for reason, counts in self.ledger.refused_kinds().items()
            for kind, count in counts.most_common(MOST_KINDS)
        }
        failures = {f"failures.{rule_place(rule)}": count for rule, count in sorted(self.rules.failures.items())}
        return {
            "received": self.ledger.received,
            "kernel_dropped": self.ledger.kernel_dropped,
            **outcomes_to_fields(self.ledger.outcomes),
            **{f"machine.{kind}": count for kind, count in self.machine.items()},
            **kinds,
            **pairs,
            **failures,
            **grades_to_fields(self.grades),
            **contradictions_to_fields(self.contradicted),
            "store.packets": self.writer.packets,
            "store.waiting": self.writer.waiting_packets,
            "store.waiting_keys": self.writer.waiting,
            "store.given_up": self.given_up,
            "store.keys": self.writer.keys,
            "store.octets": self.writer.octets,
            "store.outages": self.writer.outages,
            "store.attempts": self.writer.attempts,
            "store.refused": self.writer.refused,
            "store.heartbeats_refused": self.writer.heartbeats_refused,
            "store.unsaved": self.writer.unsaved,
            "store.evicted": self.writer.evicted,
            "store.losses": self.writer.losses,
            "store.rewritten": self.writer.rewritten,
            "store.unsure": self.writer.unsure,
            **self._by_kind(),
            "store.corrections": self.writer.corrections,
            "store.corrected": self.writer.corrected,
            "store.corrections_vanished": self.writer.corrections_vanished,
            "store.hashes": self.writer.hashes,
            "store.hashes_given_up": self.writer.hashes_given_up,
        }

    def _by_kind(self) -> dict[str, int]:
        """Return what became of the counts, by kind of key."""
        writer = self.writer
        named = {
            "written": writer.written,
            "expired": writer.expired,
            "no_room": writer.no_room,
            "given_up": writer.given_up,
            "lost": writer.lost,
        }
        return {f"store.{name}.{kind}": counts.get(kind, 0) for name, counts in named.items() for kind in KINDS}


def summary(status: Status) -> str:
    """Return the outcomes so far in one line, for the log."""
    by_word = {"recorded": 0, "dropped": 0, "unmatched": 0, "refused": 0}
    for name, count in status.ledger.outcomes.items():
        word = name.partition(".")[0]
        by_word[word] = by_word.get(word, 0) + count
    counts = ", ".join(f"{count:,} {word}" for word, count in by_word.items() if count)
    store = _about_store(status.writer) if status.state == "running" else ""
    without = ", without what the filter leaves out" if status.passing else ""
    lost = f", {status.given_up:,} never reached the store" if status.given_up else ""
    lost += f", {status.lost:,} lost by the store" if status.lost else ""
    return (
        f"{counted(status.ledger.received, 'packet')} received ({counts or 'nothing yet'}), "
        f"{status.ledger.kernel_dropped:,} dropped by the kernel{without}{lost}{store}"
    )


def _about_store(writer: WriterStats) -> str:
    """Return what is wrong with the store now, and what waits for it."""
    wrong = ["the store is away"] if writer.failing else []
    if writer.waiting > USUAL or (writer.failing and writer.waiting):
        wrong.append(f"{writer.waiting_packets:,} packets in {writer.waiting:,} keys wait for the store")
    if writer.unsaved:
        wrong.append("the store cannot save what it has")
    return "".join(f"; {each}" for each in wrong)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
