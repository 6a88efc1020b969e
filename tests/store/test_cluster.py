"""A real cluster read as one store: every key once, wherever it is and while it moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from valkey.exceptions import ConnectionError as LostError

from shodohflo.errors import StoreError
from shodohflo.query.filters import Filter
from shodohflo.query.reader import Reader
from shodohflo.store.cluster import ClusterDialogue
from shodohflo.store.dialogue import Limits
from shodohflo.store.kinds import dialogue_with, named_by
from shodohflo.store.reading import database_of
from shodohflo.store.scanning import Scan
from shodohflo.store.slots import TAGS, slot_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.clusters import Cluster

CLIENTS = [f"client;10.0.{number // 250}.{number % 250}" for number in range(3_000)]


def fill(cluster: Cluster, names: Iterable[str] = CLIENTS) -> None:
    """Write a count of 7 to each key."""
    with dialogue_with(named_by(cluster.url)) as dialogue:
        assert set(dialogue.ask([("SET", name, 7, "EX", 900) for name in names])) == {"OK"}


def test_every_key_of_all_nodes_is_found_once(empty_cluster: Cluster) -> None:
    """A scan goes through all nodes, and each command through that of its key."""
    fill(empty_cluster)

    with dialogue_with(named_by(empty_cluster.url)) as dialogue:
        found = [name for step in Scan(dialogue, "client;*") for name in step]
        values = dialogue.ask([("GET", name) for name in CLIENTS])
        size = dialogue.demand(("DBSIZE",))

    assert sorted(found) == sorted(CLIENTS)
    assert values == ["7"] * len(CLIENTS)
    assert size == len(CLIENTS)


def test_names_that_are_too_long_hide_no_node(empty_cluster: Cluster) -> None:
    """On each node a step is too large to be read: the scan goes on behind it, on the same node and on the next."""
    fill(empty_cluster)
    for slot in (1, 6_000, 12_000):
        with empty_cluster.node_of(slot).client() as client:
            client.set(f"client;{{{TAGS[slot]}}}" + "x" * 2**21, 1)

    with dialogue_with(named_by(empty_cluster.url), Limits(too_large=100)) as dialogue:
        scan = Scan(dialogue, "client;*")
        found = [name for step in scan for name in step]

    assert scan.too_long >= 3
    assert len(CLIENTS) - 100 < len(found) <= len(CLIENTS)


def test_readers_read_a_cluster_as_one_store(empty_cluster: Cluster) -> None:
    """Rows come from all nodes, and a cluster that is named by other nodes counts once."""
    fill(empty_cluster)
    other = f"redis+cluster://127.0.0.1:{empty_cluster.nodes[2].port}"

    found = Reader([named_by(empty_cluster.url), named_by(other)]).clients(Filter())

    assert len(found.rows) == len(CLIENTS)
    assert {row.packets for row in found.rows} == {7}


def test_a_cluster_has_one_identity(cluster: Cluster) -> None:
    """What distinguishes a database is the same for all ways to name the cluster."""
    identities = set()
    for node in cluster.nodes:
        with dialogue_with(named_by(f"valkey+cluster://127.0.0.1:{node.port}")) as dialogue:
            identities.add(database_of(dialogue, str(node.port)))

    assert len(identities) == 1


def test_a_key_is_followed_while_its_slot_moves(own_cluster: Cluster) -> None:
    """ASK leads to a key that has moved already, MOVED to the new node of its slot."""
    name = CLIENTS[0]
    slot = slot_of(name)
    target = next(node for node in own_cluster.nodes if node is not own_cluster.node_of(slot))
    fill(own_cluster, [name])

    with dialogue_with(named_by(own_cluster.url)) as dialogue:
        own_cluster.open_move(slot, target)
        assert dialogue.ask([("GET", name), ("GET", "client;none")]) == ["7", None]
        own_cluster.move_keys(slot, target)
        assert dialogue.ask([("GET", name), ("PTTL", "client;none")]) == ["7", -2]
        own_cluster.close_move(slot, target)
        assert dialogue.ask([("GET", name), ("GET", name)]) == ["7", "7"]


def test_what_moves_to_a_node_that_was_scanned_is_found(own_cluster: Cluster) -> None:
    """Keys that move from a node behind to one before are looked for again."""
    fill(own_cluster)

    with dialogue_with(named_by(own_cluster.url)) as dialogue:
        assert isinstance(dialogue, ClusterDialogue)
        first, last = (
            next(node for node in own_cluster.nodes if node.port == dialogue._nodes.topology.primaries[place].port)
            for place in (0, -1)
        )
        slots = [slot for slot in {slot_of(name) for name in CLIENTS} if own_cluster.node_of(slot) is last][:20]
        steps = iter(Scan(dialogue, "client;*"))
        found = set(next(steps))
        for slot in slots:
            own_cluster.move_slot(slot, first)
        found.update(name for step in steps for name in step)

    assert found == set(CLIENTS)


def test_a_node_that_is_away_is_an_error_that_names_it(own_cluster: Cluster) -> None:
    """Without the keys of one node there are no rows that look complete."""
    fill(own_cluster, CLIENTS[:100])
    own_cluster.nodes[1].kill()

    with pytest.raises(StoreError, match=f"node 127.0.0.1:{own_cluster.nodes[1].port}: "):
        Reader([named_by(own_cluster.url)]).clients(Filter())


def test_slots_without_a_node_are_an_error(own_cluster: Cluster) -> None:
    """A cluster that serves only some of its slots is not read."""
    for node in own_cluster.nodes:
        with node.client() as client:
            client.execute_command("CLUSTER DELSLOTS", 5)

    with (
        pytest.raises(LostError, match="1 of its slots have no node, the first is 5"),
        dialogue_with(named_by(own_cluster.url)),
    ):
        pass


def test_a_look_at_the_cluster_is_one_connection(cluster: Cluster) -> None:
    """A connection shows that the cluster is there; all of them are our own."""
    store = named_by(cluster.url)

    with store.connect() as client:
        assert client.ping()
        assert {ends.peer_port for ends in store.connections()} <= {node.port for node in cluster.nodes}
