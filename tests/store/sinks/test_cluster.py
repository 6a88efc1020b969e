"""Writes to real clusters: counts, heartbeats and hashes, each in its slot, and what a node that is away leaves."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, cast

import pytest
from valkey.exceptions import ResponseError

from shodohflo.errors import LastingStoreError, StoreError
from shodohflo.keys import counts
from shodohflo.model import TCP, End, Rung, ServiceSeen
from shodohflo.query.filters import Filter
from shodohflo.query.reader import Reader
from shodohflo.store.hashes import Hash
from shodohflo.store.kinds import named_by, sink_to
from shodohflo.store.sinks import HashesRefusedError, HeartbeatRefusedError, PartlyAwayError
from shodohflo.store.slots import slot_of
from shodohflo.store.writer import Writer
from support.clusters import Cluster
from support.cutting import CuttingWire
from support.observing import flow, observed
from support.permissions import documented_user
from support.serving import PATIENCE, Server, free_port, programs, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shodohflo.columns.observations import Observations
    from shodohflo.store.sinks.cluster import ClusterSink


@pytest.fixture
def sink(empty_cluster: Cluster) -> Iterator[ClusterSink]:
    """Return a sink that is connected to an empty cluster."""
    sink = cast("ClusterSink", sink_to(named_by(empty_cluster.url)))
    sink.connect()
    yield sink
    sink.disconnect()


def hashes(number: int) -> list[Hash]:
    """Return hashes of so many services, in many slots."""
    return [
        Hash(f"service;10.0.{n // 250}.{n % 250};tcp;443", {"first": "1.5", "last": "2.5"}, 900) for n in range(number)
    ]


def test_a_heartbeat_is_written_to_its_node(sink: ClusterSink, empty_cluster: Cluster) -> None:
    """Any agent's heartbeat is written, and all nodes say how they are."""
    for agent in ("bert", "ernie", "elmo", "grover"):
        condition = sink.write_heartbeat(agent, {"lifetime": 900})
        assert (condition.evicted, condition.unsaved) == (0, "")

    assert empty_cluster.everything() == {f"agent;{agent}": "hash" for agent in ("bert", "ernie", "elmo", "grover")}


def test_hashes_are_written_to_their_slots(sink: ClusterSink, empty_cluster: Cluster) -> None:
    """Hashes in hundreds of slots are written by one call, and written twice without harm."""
    assert sink.write_hashes(hashes(500)) == 0
    assert sink.write_hashes(hashes(500)) == 0

    assert empty_cluster.everything() == {each.key: "hash" for each in hashes(500)}


def test_a_foreign_key_is_left_unchanged(sink: ClusterSink, empty_cluster: Cluster) -> None:
    """A key with a value of another program is counted, wherever it is."""
    for node in empty_cluster.nodes:
        with node.client() as client:
            for each in hashes(50)[:10]:
                with suppress(ResponseError):  # the node that has its slot takes it
                    client.set(each.key, "foreign")

    assert sink.write_hashes(hashes(50)) == 10


def test_what_every_node_refuses_is_refused(own_cluster: Cluster) -> None:
    """Nodes without memory refuse hashes, and those that forbid it heartbeats; the connections stay."""
    sink = cast("ClusterSink", sink_to(named_by(own_cluster.url)))
    sink.connect()
    for node in own_cluster.nodes:
        with node.client() as client:
            client.config_set("maxmemory", 1)
            client.execute_command("ACL SETUSER", "default", "-del")

    with pytest.raises(HashesRefusedError, match="not allowed when used memory"):
        sink.write_hashes(hashes(50))
    with pytest.raises(HeartbeatRefusedError, match="permission"):
        sink.write_heartbeat("bert", {"a": 1})
    for node in own_cluster.nodes:
        with node.client() as client:
            client.config_set("maxmemory", 0)
            client.execute_command("ACL SETUSER", "default", "+del")
    assert sink.write_hashes(hashes(50)) == 0
    sink.disconnect()


def test_a_cluster_without_one_node_is_connected_to(own_cluster: Cluster) -> None:
    """The others are written to; what the missing node has to do is an error that names it."""
    own_cluster.nodes[2].kill()
    sink = cast("ClusterSink", sink_to(named_by(own_cluster.url)))
    sink.connect()

    with pytest.raises(StoreError, match=f"node 127.0.0.1:{own_cluster.nodes[2].port}"):
        sink.write_hashes(hashes(200))
    assert sink.connections()
    sink.disconnect()
    with pytest.raises(StoreError, match="not connected"):
        sink.write_hashes(hashes(1))


def test_a_failover_is_followed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """After the replica of a dead node took over, its slots are written to again."""
    cluster = Cluster(programs()["valkey"](), tmp_path_factory.mktemp("replicated"), replicas=1).start()
    sink = cast("ClusterSink", sink_to(named_by(cluster.url)))
    try:
        sink.connect()
        sink.write_hashes(hashes(200))
        cluster.nodes[1].kill()

        def writes_again() -> bool:
            try:
                sink.connect()
                return sink.write_hashes(hashes(200)) == 0
            except StoreError:
                return False

        wait_until(writes_again, "the replica has taken over")
    finally:
        sink.disconnect()
        cluster.kill()


def made_up(seed: int, rows: int) -> Observations:
    """Return random observations whose keys are in many slots."""
    chance = random.Random(seed)
    return observed(
        *(
            flow(f"10.0.{chance.randrange(20)}.{chance.randrange(250)}", "8.8.8.8", chance.randrange(1, 50), packets=7)
            for _ in range(rows)
        )
    )


def expected(rows: list[Observations]) -> dict[str, int]:
    """Return what the keys of `rows` count."""
    return dict(sum((Counter(counts(each)) for each in rows), Counter()))


def test_counts_of_many_slots_are_exact(empty_cluster: Cluster) -> None:
    """What a writer offers is in the cluster, key by key."""
    rows = [made_up(seed, 400) for seed in range(5)]
    with Writer(sink_to(named_by(empty_cluster.url)), agent="bert", lifetime=900) as writer:
        for each in rows:
            writer.offer(each)
        assert writer.flush(PATIENCE)

    assert empty_cluster.counts() == expected(rows)
    assert writer.stats.outages == 0


def movable(cluster: Cluster, rows: list[Observations]) -> list[int]:
    """Return the slots that `rows` use and that the second node does not have.

    A node that both gives and takes slots may claim one again that it just gave: the nodes then never agree.
    """
    used = sorted({slot_of(name) for name in expected(rows)})
    return [slot for slot in used if cluster.node_of(slot) is not cluster.nodes[1]]


def test_counts_are_exact_while_slots_move(own_cluster: Cluster) -> None:
    """Slots move from node to node all the while, and every count is there once."""
    rows = [made_up(seed, 300) for seed in range(20)]
    used = movable(own_cluster, rows)
    with Writer(sink_to(named_by(own_cluster.url)), agent="bert", lifetime=900) as writer:
        for place, each in enumerate(rows):
            writer.offer(each)
            for slot in used[place * 3 : place * 3 + 3]:
                own_cluster.move_slot(slot, own_cluster.nodes[1])
        assert writer.flush(PATIENCE)

    assert own_cluster.counts() == expected(rows)
    assert own_cluster.errors("MOVED") > 0


def test_counts_are_exact_while_keys_are_on_their_way(own_cluster: Cluster) -> None:
    """Many slots are half way between two nodes while their keys count: what has moved counts there, the rest later."""
    rows = [made_up(seed, 300) for seed in range(6)]
    moving = movable(own_cluster, rows)[::20]
    with Writer(sink_to(named_by(own_cluster.url)), agent="bert", lifetime=900) as writer:
        for place, each in enumerate(rows):
            writer.offer(each)
            if place == 0:
                assert writer.flush(PATIENCE)
            for slot in moving:
                step = {1: own_cluster.open_move, 2: own_cluster.move_keys, 4: own_cluster.close_move}.get(place)
                if step:
                    step(slot, own_cluster.nodes[1])
            wait_until(lambda: writer.stats.waiting < 2 * len(moving) * 10, "all others are written")
        assert writer.flush(PATIENCE)

    assert own_cluster.counts() == expected(rows)
    assert own_cluster.errors("ASK") > 0
    assert own_cluster.errors("TRYAGAIN") > 0


def test_a_heartbeat_is_written_while_its_slot_moves(own_cluster: Cluster) -> None:
    """The script deletes the hash, which leaves its slot to the other node in the middle of the script."""
    sink, slot = cast("ClusterSink", sink_to(named_by(own_cluster.url))), slot_of("agent;bert")
    target = next(node for node in own_cluster.nodes if node is not own_cluster.node_of(slot))
    sink.connect()
    sink.write_heartbeat("bert", {"lifetime": 900})
    own_cluster.open_move(slot, target)

    sink.write_heartbeat("bert", {"lifetime": 901})
    sink.disconnect()

    with target.client() as client:
        own_cluster.close_move(slot, target)
        assert client.hgetall("agent;bert") == {"lifetime": "901"}


@pytest.mark.parametrize("moved_first", ["the number", "a count"])
def test_nothing_is_doubled_if_a_node_dies_with_a_part_of_a_slot(own_cluster: Cluster, moved_first: str) -> None:
    """The node that a slot moves to loses the keys that it has so far; those that follow are still there."""
    rows = [made_up(0, 300)]
    slot = movable(own_cluster, rows)[0]
    source, target = own_cluster.node_of(slot), own_cluster.nodes[1]
    with Writer(sink_to(named_by(own_cluster.url)), agent="bert", lifetime=900) as writer:
        writer.offer(rows[0])
        assert writer.flush(PATIENCE)
        own_cluster.open_move(slot, target)
        with source.client() as client:
            keys = client.execute_command("CLUSTER GETKEYSINSLOT", slot, 100)
            first = next(key for key in keys if key.startswith("writer;") == (moved_first == "the number"))
            client.execute_command("MIGRATE 127.0.0.1", target.port, first, 0, 5000)
        with target.client() as client:
            client.flushall()
        rows.append(rows[0])
        writer.offer(rows[0])
        wait_until(lambda: own_cluster.errors("TRYAGAIN") > 0, "the slot is written to")
        own_cluster.move_keys(slot, target)
        own_cluster.close_move(slot, target)
        wait_until(lambda: writer.flush(1.0) and not writer.stats.failing, "all are written")

    assert own_cluster.counts() == expected(rows)


def test_counts_are_exact_over_wires_that_keep_breaking(own_cluster: Cluster) -> None:
    """Each node is behind a wire that cuts requests in the middle, and answers off: every count is there once."""
    rows, chance = [made_up(seed, 300) for seed in range(15)], random.Random(7)
    is_bad = True
    with ExitStack() as stack:
        wires = []
        for node in own_cluster.nodes:
            port = free_port()
            wire = CuttingWire(port, node.path, lambda: is_bad and chance.random() < 0.2)
            wires.append(stack.enter_context(wire))
            own_cluster.announce(node, port)
        with Writer(sink_to(named_by(own_cluster.url)), agent="bert", lifetime=900) as writer:
            for each in rows:
                writer.offer(each)
                writer.flush(0.3)
            is_bad = False
            wait_until(lambda: writer.flush(1.0), "all are written")

    assert own_cluster.counts() == expected(rows)
    assert writer.stats.repeated > 0
    assert all(wire.answers_cut + wire.requests_cut > 0 for wire in wires)


@pytest.fixture
def loose_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Return a cluster that goes on serving the slots of nodes that are there, without the others."""
    arguments = ("--cluster-require-full-coverage", "no")
    cluster = Cluster(programs()["valkey"](), tmp_path / "cluster", arguments=arguments).start()
    yield cluster
    cluster.kill()


def are_written(cluster: Cluster, node: Server, rows: list[Observations]) -> bool:
    """Return whether the nodes other than `node`, which may be silent, have exactly what they should of `rows`."""
    wanted = expected(rows)
    for other in cluster.nodes:
        if other is not node:
            here = {name: count for name, count in wanted.items() if cluster.node_of(slot_of(name)) is other}
            with other.client() as client, client.pipeline(transaction=False) as pipeline:
                for name in here:
                    pipeline.get(name)
                if pipeline.execute() != [str(count) for count in here.values()]:
                    return False
    return True


@pytest.mark.parametrize("trouble", ["killed", "hangs"])
def test_while_a_node_is_away_the_others_are_written_to_at_once(loose_cluster: Cluster, trouble: str) -> None:
    """Rows that come one after the other are written to the nodes that are there; the rest when the node is back."""
    cluster, away = loose_cluster, loose_cluster.nodes[1]
    rows = [made_up(0, 300)]
    with Writer(sink_to(named_by(cluster.url)), agent="bert", lifetime=900) as writer:
        writer.offer(rows[0])
        assert writer.flush(PATIENCE)
        if trouble == "killed":
            away.kill()
        else:
            away.send(signal.SIGSTOP)
        for seed in range(1, 15):
            rows.append(made_up(seed, 300))
            writer.offer(rows[-1])
            wait_until(lambda: are_written(cluster, away, rows), "they are written")
        while_away = writer.stats
        if trouble == "killed":
            away.start()
        else:
            away.send(signal.SIGCONT)
        wait_until(lambda: writer.flush(1.0) and not writer.stats.failing, "all are written")

    assert cluster.counts() == expected(rows)
    assert (while_away.connected, while_away.failing, writer.stats.outages) == (True, True, 1)
    assert (writer.stats.losses > 0) == (trouble == "killed")


def test_a_heartbeat_is_written_while_another_node_is_away(loose_cluster: Cluster) -> None:
    """The heartbeats of agents whose slots have a node are written, those of others say which one is away."""
    away = loose_cluster.nodes[1]
    sink = cast("ClusterSink", sink_to(named_by(loose_cluster.url)))
    sink.connect()
    agents = [f"agent{number}" for number in range(20)]
    for agent in agents:
        sink.write_heartbeat(agent, {"lifetime": 900})
    away.kill()

    written, failed = [], []
    for agent in agents:
        try:
            assert sink.write_heartbeat(agent, {"lifetime": 901}).evicted == 0
            written.append(agent)
        except PartlyAwayError:
            failed.append(agent)
    sink.disconnect()

    assert {loose_cluster.node_of(slot_of(f"agent;{agent}")).port for agent in written} == {
        node.port for node in loose_cluster.nodes if node is not away
    }
    assert {loose_cluster.node_of(slot_of(f"agent;{agent}")).port for agent in failed} == {away.port}


def test_services_are_written_while_another_node_is_away(loose_cluster: Cluster) -> None:
    """Those whose node is there are written, once; the others are said to be unanswered."""
    away, every = loose_cluster.nodes[1], hashes(300)
    sink = cast("ClusterSink", sink_to(named_by(loose_cluster.url)))
    sink.connect()
    away.kill()

    with pytest.raises(PartlyAwayError) as caught:
        sink.write_hashes(every)
    sink.disconnect()

    left = {place for place, each in enumerate(every) if loose_cluster.node_of(slot_of(each.key)) is away}
    assert set(caught.value.unanswered) == left
    assert loose_cluster.everything() == {each.key: "hash" for place, each in enumerate(every) if place not in left}


def test_slots_that_nobody_served_are_written_to_when_a_node_does(loose_cluster: Cluster) -> None:
    """Their counts wait until there is a node for them, and no others do."""
    rows = [made_up(0, 300)]
    slots = sorted({slot_of(name) for name in expected(rows)})[:5]
    for node in loose_cluster.nodes:
        with node.client() as admin:
            admin.execute_command("CLUSTER DELSLOTS", *slots)
    with Writer(sink_to(named_by(loose_cluster.url)), agent="bert", lifetime=900) as writer:
        writer.offer(rows[0])
        here = {name: count for name, count in expected(rows).items() if slot_of(name) not in slots}
        wait_until(lambda: loose_cluster.counts() == here, "the others are written")
        with loose_cluster.nodes[0].client() as admin:
            admin.execute_command("CLUSTER ADDSLOTS", *slots)
        wait_until(lambda: writer.flush(1.0), "all are written")

    assert loose_cluster.counts() == expected(rows)


@pytest.mark.parametrize("lags", [False, True])
def test_counts_are_exact_after_a_failover(tmp_path: Path, lags: bool) -> None:  # noqa: FBT001 - a parameter
    """A primary dies, and its replica takes over, although it lagged behind: what it lacks is written again."""
    arguments = ("--cluster-replica-validity-factor", "0")
    cluster = Cluster(programs()["valkey"](), tmp_path / "cluster", replicas=1, arguments=arguments).start()
    rows = [made_up(seed, 300) for seed in range(9)]
    try:
        with Writer(sink_to(named_by(cluster.url)), agent="bert", lifetime=900) as writer:
            for place, each in enumerate(rows):
                writer.offer(each)
                if place == 2:
                    assert writer.flush(PATIENCE)
                    if lags:
                        cluster.nodes[4].send(signal.SIGSTOP)
                        with cluster.nodes[1].client() as client:
                            client.execute_command("CLIENT", "KILL", "TYPE", "replica")
                if place == 5:
                    assert writer.flush(PATIENCE)
                    cluster.nodes[1].kill()
                    cluster.nodes[4].send(signal.SIGCONT)
            wait_until(lambda: writer.flush(1.0) and not writer.stats.failing, "the replica has taken over")
            writer.heartbeat({})
            assert writer.flush(PATIENCE)

        assert cluster.counts() == expected(rows)
        assert writer.stats.rewritten > 0 or not lags
    finally:
        cluster.kill()


@dataclass(slots=True)
class Trouble:
    """What happens to the nodes of a cluster, of which at most two are away at a time."""

    cluster: Cluster
    chance: random.Random
    dead: list[Server] = field(default_factory=list)
    stopped: list[Server] = field(default_factory=list)

    def happen(self) -> None:
        """Let something happen to any node."""
        node = self.chance.choice([node for node in self.cluster.nodes if node not in self.dead + self.stopped])
        event = self.chance.choice(["kill", "stop", "return", "FLUSHALL", "CLIENT KILL TYPE replica"])
        if event == "return":
            self.end(1)
        elif event not in {"kill", "stop"}:
            with suppress(ResponseError), node.client() as admin:  # a replica does not let itself be emptied
                admin.execute_command(*event.split())
        elif len(self.dead + self.stopped) < 2 and event == "kill":
            node.kill()
            self.dead.append(node)
        elif len(self.dead + self.stopped) < 2:
            node.send(signal.SIGSTOP)
            self.stopped.append(node)

    def end(self, most: int = 2) -> None:
        """Let nodes return, those that were killed without their data."""
        for _ in self.dead[:most]:
            self.dead.pop().start()
        for _ in self.stopped[:most]:
            self.stopped.pop().send(signal.SIGCONT)


@pytest.mark.parametrize("seed", [1, 2])
def test_counts_are_exact_whatever_happens_to_the_nodes(seed: int, tmp_path: Path) -> None:
    """Nodes are killed, restarted empty, stopped, emptied and replaced by replicas that lag, at random."""
    arguments = ("--cluster-require-full-coverage", "no", "--cluster-replica-validity-factor", "0")
    cluster = Cluster(programs()["valkey"](), tmp_path / "cluster", replicas=1, arguments=arguments).start()
    rows, trouble = [made_up(1_000 * seed + step, 200) for step in range(20)], Trouble(cluster, random.Random(seed))
    try:
        with Writer(sink_to(named_by(cluster.url)), agent="bert", lifetime=900) as writer:
            for each in rows:
                writer.offer(each)
                trouble.happen()
                writer.flush(0.3)
            trouble.end()
            cluster.wait_until_ok()
            assert any(writer.flush(2.0) and not writer.stats.failing for _ in range(30))
            for _ in range(4):
                writer.heartbeat({})
                assert writer.flush(PATIENCE)

        assert cluster.counts() == expected(rows)
        assert not any(writer.stats.lost.values())
    finally:
        trouble.end()
        cluster.kill()


def test_all_connections_of_a_cluster_are_encrypted(certificate: Path, tmp_path: Path) -> None:
    """Nodes that speak only TLS, and ask for our certificate, are written to by the names that they announce."""
    cluster = Cluster(programs()["redis"](), tmp_path / "cluster", certificate=certificate).start()
    url = f"valkeys+cluster://localhost:{cluster.nodes[0].port}"
    trust = f"?ssl_ca_certs={certificate}/cert.pem"
    ours = f"&ssl_certfile={certificate}/cert.pem&ssl_keyfile={certificate}/key.pem"
    try:
        with Writer(sink_to(named_by(url + trust + ours)), agent="bert", lifetime=900) as writer:
            writer.offer(made_up(1, 300))
            cluster.move_slot(movable(cluster, [made_up(1, 300)])[0], cluster.nodes[1])
            assert writer.flush(PATIENCE)
            ports = {ends.peer_port for ends in writer.connections()}
        with pytest.raises(LastingStoreError, match=r"write valkeys\+cluster:// instead of valkey\+cluster://"):
            named_by(url.replace("valkeys", "valkey")).connect()
        with pytest.raises(LastingStoreError, match="name its authority"):
            named_by(url + ours.replace("&", "?", 1)).connect()
        with pytest.raises(StoreError):  # the node may close before its reason arrives
            named_by(url + trust).connect()

        assert cluster.counts() == expected([made_up(1, 300)])
        assert ports == {node.port for node in cluster.nodes}
    finally:
        cluster.kill()


@pytest.mark.parametrize("program", programs())
def test_the_documented_permissions_are_enough(program: str, tmp_path: Path) -> None:
    """A user with the permissions that the documentation names for a cluster does everything, and gets no other."""
    cluster = Cluster(programs()[program](), tmp_path / "cluster").start()
    try:
        for node in cluster.nodes:
            with node.client() as admin:
                admin.execute_command(*documented_user("On a cluster, add"))
        store = named_by(cluster.url.replace("://", "://shodohflo:PASSWORD@"))
        with Writer(sink_to(store), agent="bert", lifetime=900) as writer:
            for seed in range(3):
                writer.offer(made_up(seed, 300))
                for slot in (seed, 4_000 + seed, 12_000 + seed):
                    cluster.move_slot(slot, cluster.nodes[1])
                    cluster.open_move(slot + 100, cluster.nodes[1])
                writer.heartbeat({"received": seed})
                now = time.time_ns()
                writer.offer_services(
                    [ServiceSeen(End(ip_address("10.0.0.1"), TCP, seed), now, now, Rung.HANDSHAKE, 1)]
                )
                writer.flush(1.0)
                for slot in (seed, 4_000 + seed, 12_000 + seed):
                    cluster.move_keys(slot + 100, cluster.nodes[1])
                    cluster.close_move(slot + 100, cluster.nodes[1])
            assert writer.flush(PATIENCE)
        flows = Reader([store]).flows(Filter(), 0.0).rows

        assert (writer.stats.refused, writer.stats.heartbeats_refused, writer.stats.hashes_given_up) == (0, 0, 0)
        assert cluster.counts() == expected([made_up(seed, 300) for seed in range(3)])
        assert len(flows) == len([name for name in cluster.counts() if name.endswith(";flow")])
        for node in cluster.nodes:
            with node.client() as admin:
                assert admin.execute_command("ACL", "LOG") == []
    finally:
        cluster.kill()


def test_a_node_that_was_emptied_is_filled_again_without_anything_new(own_cluster: Cluster) -> None:
    """One lost lane is enough to ask all others, so all that the node had is back after a heartbeat."""
    rows = [made_up(seed, 300) for seed in range(3)]
    with Writer(sink_to(named_by(own_cluster.url)), agent="bert", lifetime=900) as writer:
        for each in rows:
            writer.offer(each)
        assert writer.flush(PATIENCE)
        with own_cluster.nodes[1].client() as client:
            client.flushall()
        writer.heartbeat({})
        assert writer.flush(PATIENCE)

    assert own_cluster.counts() == expected(rows)
    assert writer.stats.losses > 500
    assert not any(writer.stats.lost.values())
