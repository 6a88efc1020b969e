"""Nodes of real clusters: found by any of them, connected to when needed, and named in errors."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
from valkey import Valkey

from shodohflo.errors import LastingStoreError, StoreError
from shodohflo.store.announced import OwnConnections
from shodohflo.store.connection import Entrance
from shodohflo.store.nodes import NODE_TIMEOUT, Nodes
from shodohflo.store.urls import Endpoint, parse_url
from support.serving import free_port, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from support.clusters import Cluster
    from support.serving import Server


def nodes_at(url: str) -> Nodes:
    """Return the nodes of the cluster at `url`."""
    parsed = parse_url(url)
    return Nodes(Entrance(parsed, OwnConnections()), str(parsed))


def test_any_node_leads_to_all_others(cluster: Cluster) -> None:
    """The topology is the same whichever node is named, and a named node that is away does not matter."""
    primaries = {Endpoint("127.0.0.1", node.port) for node in cluster.nodes}
    found = []

    for node in cluster.nodes:
        with nodes_at(f"valkey+cluster://127.0.0.1:{free_port()},127.0.0.1:{node.port}") as nodes:
            assert nodes.open() == {}
            found.append(nodes.topology.primaries)

    assert set(found[0]) == primaries
    assert found == [found[0]] * 3


def test_a_node_that_is_away_is_named_and_the_others_are_connected(own_cluster: Cluster) -> None:
    """Connecting to all nodes tells which one is away."""
    with nodes_at(own_cluster.url) as nodes:
        own_cluster.nodes[2].kill()
        failures = nodes.open()

    away = Endpoint("127.0.0.1", own_cluster.nodes[2].port)
    assert list(failures) == [away]
    assert f"node {away}: " in str(failures[away])
    assert not isinstance(failures[away], LastingStoreError)


def test_without_any_node_all_are_named() -> None:
    """If no node answers, one line names each of the URL."""
    ports = free_port(), free_port()

    with pytest.raises(StoreError, match=rf"node 127.0.0.1:{ports[0]}: .*; node 127.0.0.1:{ports[1]}: ") as caught:
        nodes_at(f"valkey+cluster://127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}")
    assert "\n" not in str(caught.value)


def test_a_store_that_is_no_cluster_is_told(server: Server) -> None:
    """A single server is a failure that lasts, with what to write."""
    with pytest.raises(LastingStoreError, match=r"leave \+cluster out"):
        nodes_at(f"valkey+cluster://127.0.0.1:{server.port}")


def test_a_node_that_hangs_is_passed_over(own_cluster: Cluster) -> None:
    """The topology comes from the next node, after a limited time."""
    own_cluster.nodes[0].send(signal.SIGSTOP)

    try:
        with nodes_at(own_cluster.url) as nodes:
            assert len(nodes.topology.primaries) == 3
    finally:
        own_cluster.nodes[0].send(signal.SIGCONT)


def test_a_node_that_failed_is_taken_back_and_nobody_waits_for_it(own_cluster: Cluster) -> None:
    """It is an error at once, hanging or dead, until an attempt beside all else has connected to it."""
    away = Endpoint("127.0.0.1", own_cluster.nodes[1].port)
    with nodes_at(own_cluster.url) as nodes:
        nodes.open()
        own_cluster.nodes[1].send(signal.SIGSTOP)
        nodes.fail(away, StoreError("it hangs"))
        began = time.monotonic()
        for _ in range(20):
            nodes.look_after()
            with pytest.raises(StoreError, match="it hangs"):
                nodes.client(away)
        spent = time.monotonic() - began
        others = [each for each in nodes.topology.primaries if each != away]
        all_failed, some_failed = nodes.are_all(others), nodes.are_all(others[:1])
        own_cluster.nodes[1].send(signal.SIGCONT)

        def is_back() -> bool:
            nodes.look_after()
            return nodes.are_all([*others, away]) and not nodes.are_all(others)

        wait_until(is_back, "the node is back")
        assert nodes.client(away).ping()

    assert (all_failed, some_failed) == (True, False)
    assert spent < NODE_TIMEOUT


def test_a_node_whose_slots_others_serve_is_forgotten(own_cluster: Cluster) -> None:
    """One that is no primary any more is not connected to again."""
    gone = Endpoint("127.0.0.1", free_port())
    with nodes_at(own_cluster.url) as nodes:
        nodes.fail(gone, StoreError("it is away"))
        nodes.look_after()

        with pytest.raises(StoreError, match="Connection refused"):
            nodes.client(gone)


def test_a_password_that_was_changed_is_taken_up(own_cluster: Cluster, tmp_path: Path) -> None:
    """It is read for each connection, also while the others stay."""
    secret = tmp_path / "secret"
    secret.write_text("first\n", encoding="ascii")
    for node in own_cluster.nodes:
        with node.client() as admin:
            admin.config_set("requirepass", "first")
    first = Endpoint("127.0.0.1", own_cluster.nodes[0].port)

    with nodes_at(f"valkey+cluster://{first}?password_file={secret}") as nodes:
        with Valkey(port=first.port, password="first") as admin:
            admin.config_set("requirepass", "second")
        nodes.drop(first)
        with pytest.raises(LastingStoreError, match="correct user and password"):
            nodes.client(first)
        secret.write_text("second\n", encoding="ascii")
        assert nodes.client(first).ping()
