"""The scenarios: what happens to the store, or to the agent, at moments that the seed gives.

Each is a function that gets a world in which packets are sent, and leaves it with a store that works.
"""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from valkey.exceptions import ValkeyError

from chaos.traffic import ROUNDS, Load
from support.agents import NAME
from support.meddling import Fate, always_pass, often
from support.serving import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chaos.world import World
    from support.clusters import Cluster
    from support.serving import Server

OBSERVED: Final = """
from shodohflo.pcap_config import *

NETWORK_ENUMERATION = NetworkEnumeration(("our_nets", OUR_4NETS, OUR_6NETS), ("all", "0.0.0.0/0", "::/0"))
FLOW_MAPPING = FlowMapping((None, "our_nets", Observed(LowerPort(SRC))), ("our_nets", None, Observed(LowerPort(DST))))
"""
"""Rules that let evidence correct what ports have told."""

TURNING: Final = Load(fresh=0, turning=10)
"""Flows of which evidence says what ports say, and some that it corrects."""

_LONGEST: Final = 2.0
"""Seconds that a fault lasts at most, unless its scenario says otherwise."""

_SLOTS: Final = 20
"""Slots that are moved at a time, one after the other, at most."""

_MIGRATED: Final = 300
"""Slots that nodes move by themselves at a time, at most."""

_STEP: Final = 0.6
"""Seconds between two steps of moving slots, at most."""

_KILLS: Final = 20
"""How often agents are killed, if there are packets for as long."""

_LIFE: Final = (1.0, 9.0)
"""Seconds of packets between two kills: fewer and more than counts of known keys wait."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A way to trouble an agent's store."""

    play: Callable[[World], None]
    server: tuple[str, ...] = ()
    """Arguments of the server."""
    replicas: int | None = None
    """Of each primary of the cluster that is the store; None if one server is."""
    lifetime: int = 900
    """Seconds that keys live."""
    load: Load = field(default_factory=Load)
    rules: str = ""
    """Lines of the agent's configuration."""
    seconds: float = 15.0
    """Seconds of packets, if nobody says otherwise."""

    @property
    def says(self) -> str:
        """What happens, in a line."""
        return (self.play.__doc__ or "").partition("\n")[0].rstrip(".")


def calm(world: World) -> None:
    """Leave everything alone."""
    world.sending.wait_for(1)


def killed(world: World) -> None:
    """Kill the store, and start it again: empty, or with its journal."""
    for moment in world.moments(3):
        world.sending.wait_for(moment)
        _kill(world)


def snapshot(world: World) -> None:
    """Kill the store, and start it with an older snapshot."""
    for saved, killed_at in _in_pairs(world.moments(4)):
        world.sending.wait_for(saved)
        with world.server.client() as client:
            client.save()
        world.sending.wait_for(killed_at)
        _kill(world)


def stopped(world: World) -> None:
    """Stop the store for a while."""
    for moment in world.moments(3):
        world.sending.wait_for(moment)
        _stop(world)


def full(world: World) -> None:
    """Fill the store's memory, so that it refuses writes for a while."""
    for moment in world.moments(2):
        world.sending.wait_for(moment)
        _fill(world)


def evicting(world: World) -> None:
    """Fill the store's memory, so that it evicts the keys that expire next."""
    _evict(world, "volatile-ttl")


def evicting_any(world: World) -> None:
    """Fill the store's memory, so that it evicts any keys."""
    _evict(world, "allkeys-random")


def flushed(world: World) -> None:
    """Empty the store."""
    for moment in world.moments(3):
        world.sending.wait_for(moment)
        _flush(world)


def clients_killed(world: World) -> None:
    """Kill the connections of the store's clients again and again."""
    first, last = world.moments(2)
    world.sending.wait_for(first)
    for moment in range(first, max(last, first + 20)):
        world.sending.wait_for(moment)
        with world.server.client() as client, suppress(ValkeyError):
            client.execute_command("CLIENT", "KILL", "TYPE", "normal")


def cut(world: World) -> None:
    """Cut requests and answers in the middle, drop them, or delay them."""
    _meddle(world, Fate.CUT, Fate.DROP, Fate.LATE)


def swallowed(world: World) -> None:
    """Swallow requests and answers, and keep the connections open."""
    _meddle(world, Fate.SWALLOW, Fate.LATE, one_in=20)


def failed_over(world: World) -> None:
    """Promote a replica that lags behind, and kill the old store or make it a replica."""
    for number, (promoted, noticed) in enumerate(_in_pairs(world.moments(4))):
        old, new = world.server, _replica(world, f"replica-{number}")
        world.sending.wait_for(promoted)
        # From here on it has nothing of what the old one is told: as if it lagged when the old one died.
        with new.client() as client:
            client.replicaof("NO", "ONE")
        world.sending.wait_for(noticed)
        if world.chance.random() < 0.5:
            with old.client() as client:
                client.replicaof("127.0.0.1", str(new.port))
            _while_it_lasts(world)
        old.kill()
        world.server, world.wire.store = new, new.path


def agent_killed(world: World) -> None:
    """Kill the agent, and start it again."""
    for _ in _lives(world):
        world.kill_agent()
        world.start_agent()


def either_killed(world: World) -> None:
    """Kill the agent, its store or both, and start them again, the store with its journal."""
    for _ in _lives(world):
        agent, store = world.chance.choice([(True, False), (False, True), (True, True)])
        if agent:
            world.kill_agent()
        if store:
            _kill(world)
        if agent:
            world.start_agent()


def anything(world: World) -> None:
    """Do some of all of this, one after the other."""
    several = [_kill, _stop, _fill, _flush, _trouble]
    for moment in world.moments(6):
        world.sending.wait_for(moment)
        world.chance.choice(several)(world)


def outlasted(world: World) -> None:
    """Keep the store away for longer than keys live."""
    world.sending.wait_for(world.sending.rounds // 10)
    world.server.kill()
    world.sending.wait_for(world.sending.rounds * 7 // 10)
    world.start_server(world.server)


def resharded(world: World) -> None:
    """Move slots between the nodes of a cluster, some of their keys before the others."""
    for moment in world.moments(4):
        world.sending.wait_for(moment)
        _reshard(world)


def migrated(world: World) -> None:
    """Let the nodes of a cluster move many slots at once by themselves, as Valkey 9 does."""
    for moment in world.moments(6):
        world.sending.wait_for(moment)
        cluster, (target, slots) = _cluster(world), _moves(world, _MIGRATED)
        parts = [(source, [slot for slot in slots if cluster.node_of(slot) is source]) for source in cluster.nodes]
        for source, some in parts:
            if some:
                cluster.migrate(source, some, target)
        cluster.wait_until_agreed()


def cluster_killed(world: World) -> None:
    """Kill a node of a cluster, and start it again empty."""
    for moment in world.moments(2):
        world.sending.wait_for(moment)
        node = world.chance.choice(world.holders)
        node.kill()
        _while_it_lasts(world)
        world.start_server(node)
        _cluster(world).wait_until_ok()


def cluster_failed_over(world: World) -> None:
    """Kill a node of a cluster, whose replica lags behind and takes over, and start it again as a replica."""
    cluster, (lagging, killed_at) = _cluster(world), world.moments(2)
    world.sending.wait_for(lagging)
    primary = world.chance.choice(world.holders)
    replica = cluster.replica_of(primary)
    replica.send(signal.SIGSTOP)
    with primary.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "replica")
    world.sending.wait_for(killed_at)
    primary.kill()
    replica.send(signal.SIGCONT)
    wait_until(lambda: replica in cluster.serving(), "the replica takes over")
    world.start_server(primary)
    wait_until(lambda: primary not in cluster.serving(), "the old primary follows")
    cluster.wait_until_ok()


SCENARIOS: Final = {
    "calm": Scenario(calm),
    "killed": Scenario(killed),
    "journal": Scenario(killed, server=("--appendonly", "yes")),
    "snapshot": Scenario(snapshot),
    "stopped": Scenario(stopped),
    "full": Scenario(full),
    "evicting": Scenario(evicting),
    "evicting-any": Scenario(evicting_any),
    "flushed": Scenario(flushed),
    "clients-killed": Scenario(clients_killed),
    "cut": Scenario(cut),
    "swallowed": Scenario(swallowed),
    "failed-over": Scenario(failed_over),
    "anything": Scenario(anything),
    "corrected": Scenario(anything, load=TURNING, rules=OBSERVED),
    "outlasted": Scenario(outlasted, lifetime=6, seconds=20),
    "resharded": Scenario(resharded, replicas=0),
    "migrated": Scenario(migrated, replicas=0),
    "cluster-killed": Scenario(cluster_killed, replicas=0, seconds=20),
    "cluster-failed-over": Scenario(
        cluster_failed_over, ("--cluster-replica-validity-factor", "0"), replicas=1, seconds=20
    ),
    "agent-killed": Scenario(agent_killed, seconds=120),
    "either-killed": Scenario(either_killed, server=("--appendonly", "yes"), seconds=120),
}
"""All scenarios by name."""


def _while_it_lasts(world: World) -> None:
    time.sleep(_duration(world))


def _duration(world: World) -> float:
    return world.chance.uniform(0.1, _LONGEST)


def _kill(world: World) -> None:
    world.kill_store(_duration(world))


def _lives(world: World) -> Iterator[None]:
    """Yield when it is time for the next kill, 20 times or as often as the packets last."""
    due = 0
    for _ in range(_KILLS):
        due += round(world.chance.uniform(*_LIFE) * ROUNDS)
        if due >= world.sending.rounds:
            return
        world.sending.wait_for(due)
        yield


def _in_pairs(moments: list[int]) -> list[tuple[int, int]]:
    return list(zip(moments[::2], moments[1::2], strict=True))


def _stop(world: World) -> None:
    world.server.send(signal.SIGSTOP)
    _while_it_lasts(world)
    world.server.send(signal.SIGCONT)


def _fill(world: World) -> None:
    with world.server.client() as client:
        client.config_set("maxmemory", "1mb")
        _while_it_lasts(world)
        client.config_set("maxmemory", "0")


def _flush(world: World) -> None:
    with world.server.client() as client:
        client.flushall()


def _trouble(world: World) -> None:
    world.wire.choose = often(world.chance, Fate.CUT, Fate.DROP, Fate.LATE)
    _while_it_lasts(world)
    world.wire.choose = always_pass


def _evict(world: World, policy: str) -> None:
    """Give the store a fourth less memory than it uses, twice."""
    for moment in world.moments(2):
        world.sending.wait_for(moment)
        with world.server.client() as client:
            used = int(client.info("memory")["used_memory"])
            client.config_set("maxmemory-policy", policy)
            client.config_set("maxmemory", str(used - used_by_keys(world.server) // 4))
            _while_it_lasts(world)
            client.config_set("maxmemory", "0")


def used_by_keys(server: Server) -> int:
    """Return how many bytes the keys of a store take."""
    with server.client() as client:
        memory = client.info("memory")
        return max(int(memory["used_memory"]) - int(memory["used_memory_startup"]), 0)


def _reshard(world: World) -> None:
    """Move some slots in which something counts to a node: one of their keys each, and later the others."""
    cluster, (target, slots) = _cluster(world), _moves(world, _SLOTS)
    for step in (cluster.open_move, partial(cluster.move_some, number=1), cluster.move_keys):
        for slot in slots:
            step(slot, target)
        time.sleep(world.chance.uniform(0.0, _STEP))
    for slot in slots:
        cluster.close_move(slot, target)
    cluster.wait_until_agreed()


def _moves(world: World, number: int) -> tuple[Server, list[int]]:
    """Return a node, and at most so many slots in which something counts and that other nodes have.

    It is one node as one that gives slots while it takes others may claim again what it gave.
    """
    cluster = _cluster(world)
    target = world.chance.choice(cluster.nodes)
    keys = [f"agent;{NAME}", *world.chance.sample(sorted(world.sending.counts()), number)]
    slots = dict.fromkeys(map(cluster.slot_of, keys))
    return target, [slot for slot in slots if cluster.node_of(slot) is not target]


def _cluster(world: World) -> Cluster:
    assert world.cluster is not None
    return world.cluster


def _meddle(world: World, *fates: Fate, one_in: int = 4) -> None:
    """Let the fates befall the connections for a while, twice."""
    for first, last in _in_pairs(world.moments(4)):
        world.sending.wait_for(first)
        world.wire.choose = often(world.chance, *fates, one_in=one_in)
        world.sending.wait_for(last)
        world.wire.choose = always_pass


def _replica(world: World, name: str) -> Server:
    """Return a replica that follows the store; nothing is sent until it does."""
    world.sending.pause()
    with world.server.client() as client:
        client.config_set("repl-diskless-sync-delay", "0")
    replica = world.another_server(name, "--replicaof", f"127.0.0.1 {world.server.port}")
    wait_until(lambda: _follows(replica), "the replica follows")
    world.sending.resume()
    return replica


def _follows(replica: Server) -> bool:
    with replica.client() as client:
        return bool(client.info("replication").get("master_link_status") == "up")
