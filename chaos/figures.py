"""The figures of a run: what the packets should have left in the store, what it has, and which losses have names."""

from __future__ import annotations

from collections import ChainMap, Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from chaos.traffic import KINDS, kind_of, sums
from support.agents import NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chaos.world import World
    from support.serving import Server

_AGENT: Final = f"agent;{NAME}"

_REDIRECTS: Final = ("errorstat_MOVED", "errorstat_ASK", "errorstat_TRYAGAIN")

LOSSES: Final = ("expired", "no_room", "given_up", "lost")
"""The names of losses in the agent's hash."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a store has in the end."""

    counts: Counter[str]
    agent: Mapping[str, str]
    """The hash of the agent."""
    evicted: int
    """Keys that the store evicted, as it says."""
    lifeless: int
    """Keys without a lifetime."""
    redirects: int = 0
    """Answers of a cluster's nodes that others have a slot, or will have it soon."""

    def named(self, what: str) -> Counter[str]:
        """Return the counts of each kind under one name in the agent's hash."""
        as_named = {kind: "flow" if kind == "detail" else kind for kind in KINDS}
        return Counter({kind: int(self.agent.get(f"store.{what}.{name}", 0)) for kind, name in as_named.items()})


@dataclass(frozen=True, slots=True)
class Figures:
    """A run and what came of it."""

    scenario: str
    seed: int
    packets: int
    sent: Counter[str]
    """How often each key should have been counted."""
    found: Found
    ended: Mapping[str, int]
    mistakes: tuple[str, ...] = ()
    """Lines of the agents' logs that tell of a mistake in the program."""
    may_miss: Counter[str] = field(default_factory=Counter)
    """What agents that were killed had not written yet, at most, by key."""
    steady: frozenset[str] = frozenset()
    """Keys that are refreshed all the time."""
    expires: bool = False
    """Whether keys that are not refreshed may have expired."""

    @property
    def offered(self) -> Counter[str]:
        """The counts that the agent should have offered to the store, of each kind."""
        return sums(self.sent.items())

    @property
    def evicted(self) -> Counter[str]:
        """The counts of the keys that are gone, if the store says that it evicted as many."""
        gone = {key: count for key, count in self.sent.items() if key not in self.found.counts}
        return sums(gone.items()) if len(gone) <= self.found.evicted else Counter()

    @property
    def stored(self) -> Counter[str]:
        """The counts that the store has, or has had before their keys expired."""
        return self.found.named("written") if self.expires else sums(self.found.counts.items())

    @property
    def difference(self) -> dict[str, int]:
        """Counts of each kind that are missing without a name; negative if there are more than should be."""
        accounted = [self.stored, self.evicted, *map(self.found.named, LOSSES)]
        return {kind: self.offered[kind] - sum(part[kind] for part in accounted) for kind in KINDS}

    @property
    def above(self) -> dict[str, tuple[int, int]]:
        """Keys that count more packets than were sent: what they should count, and what they do."""
        return {key: (self.sent[key], count) for key, count in self.found.counts.items() if count > self.sent[key]}

    @property
    def below(self) -> dict[str, tuple[int, int]]:
        """Keys that count less than was sent, beyond what killed agents may not have written."""
        found = self.found.counts
        return {key: (count, found[key]) for key, count in self.sent.items() if found[key] < count - self.may_miss[key]}

    def faults(self) -> list[str]:
        """Return what is wrong, in words; nothing if every loss has a name."""
        wrong = [f"{len(self.above)} keys count too much: {_some(self.above)}"] if self.above else []
        if self.found.lifeless:
            wrong.append(f"{self.found.lifeless} keys have no lifetime")
        if self.ended["kernel_dropped"]:
            wrong.append(f"the kernel dropped {self.ended['kernel_dropped']} packets: the machine is too busy for this")
        if self.ended["status"] != 0:
            wrong.append(f"the agent ended with status {self.ended['status']}")
        wrong += [f"an agent's log has: {line}" for line in self.mistakes[:3]]
        if too_little := self._too_little():
            wrong.append(f"{len(too_little)} keys count too little: {_some(too_little)}")
        if not self.may_miss and any(self.difference.values()):
            wrong.append(f"counts are missing: {self.difference}; such as {_some(self.below)}")
        return wrong

    def line(self) -> str:
        """Return all figures in a line."""
        named = {loss: sum(self.found.named(loss).values()) for loss in ("written", *LOSSES)}
        named |= {"rewritten": int(self.found.agent.get("store.rewritten", 0)), "evicted": sum(self.evicted.values())}
        words = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in named.items())
        least = f" of {sum(self.may_miss.values()):,} that may be" if self.may_miss else ""
        stored = f"{sum(self.found.counts.values()):,} in the store"
        stored += f", {self.found.redirects:,} redirects" if self.found.redirects else ""
        return (
            f"chaos {self.scenario}, seed {self.seed}: {self.packets:,} packets, {len(self.sent):,} keys, "
            f"{sum(self.sent.values()):,} counts offered, {words}, {stored}; "
            f"difference {sum(self.difference.values()):,}{least}, {len(self.above)} keys above"
        )

    def _too_little(self) -> dict[str, tuple[int, int]]:
        """Return the keys below of which none may be: after a named loss nobody knows which keys it befell."""
        if self.expires:
            return {key: counts for key, counts in self.below.items() if key in self.steady}
        return {} if self._has_names and not self.may_miss else self.below

    @property
    def _has_names(self) -> bool:
        """Whether any loss has a name, so that single keys may count less."""
        return any(any(part.values()) for part in [self.evicted, *map(self.found.named, LOSSES)])


def figures(name: str, seed: int, world: World, *, expires: bool) -> Figures:
    """Return the figures of a world in which everything has ended."""
    return Figures(
        name,
        seed,
        world.sending.packets,
        world.sending.counts(),
        look(world.holders),
        dict(world.ended),
        tuple(world.mistakes),
        world.may_miss,
        frozenset(world.sending.steady),
        expires,
    )


def look(servers: Iterable[Server]) -> Found:
    """Return what the servers have together; a key that two of them have counts twice."""
    parts = [_held_by(server) for server in servers]
    return Found(
        counts=sum((part.counts for part in parts), Counter()),
        agent=ChainMap(*(dict(part.agent) for part in parts)),
        evicted=sum(part.evicted for part in parts),
        lifeless=sum(part.lifeless for part in parts),
        redirects=sum(part.redirects for part in parts),
    )


def _held_by(server: Server) -> Found:
    """Return what a server has."""
    found: dict[str, Any] = {}
    with server.client() as client:
        cursor = -1
        while cursor:
            cursor, keys = client.scan(max(cursor, 0), count=10_000)
            keys = [key for key in keys if kind_of(key) or key == _AGENT]
            pipe = client.pipeline(transaction=False)
            for key in keys:
                pipe.get(key) if kind_of(key) not in {"", "detail"} else pipe.hgetall(key)
            # A key may have expired meanwhile.
            found |= {key: value for key, value in zip(keys, pipe.execute(), strict=True) if value}
        database = Counter(client.info("keyspace").get("db0", {}))
        errors = client.info("errorstats")
        agent = found.pop(_AGENT, {})
        return Found(
            counts=Counter({key: _packets(value) for key, value in found.items()}),
            agent=agent,
            evicted=int(client.info("stats")["evicted_keys"]),
            lifeless=database["keys"] - database["expires"],
            redirects=sum(int(errors[kind]["count"]) for kind in _REDIRECTS if kind in errors),
        )


def _packets(value: str | Mapping[str, str]) -> int:
    """Return the packets that a key counts; a `detail` hash does by protocol."""
    if isinstance(value, str):
        return int(value)
    return sum(int(part) for name, part in value.items() if name.startswith("packets."))


def _some(keys: Mapping[str, tuple[int, int]]) -> str:
    return ", ".join(f"{key} {should} sent, {does} found" for key, (should, does) in list(keys.items())[:3])
