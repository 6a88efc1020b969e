"""Our own TCP connections: each is in the list before its first packet leaves, and stays while it is open."""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import ip_address
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from shodohflo.errors import StoreError
from shodohflo.store.announced import OwnConnections, TcpEnds
from shodohflo.store.connection import RemoteStore
from shodohflo.store.urls import StoreUrl

if TYPE_CHECKING:
    from support.serving import Server


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_both_ends_are_known_before_the_first_packet_leaves(host: str) -> None:
    """A connection is in the list of our own before the other end accepts it."""
    announced = []
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        store = RemoteStore(StoreUrl(host=host, port=listening.getsockname()[1]))

        def accept() -> None:
            accepted, peer = listening.accept()
            announced.append((store.connections(), peer))
            accepted.close()

        other_end = Thread(target=accept)
        other_end.start()
        with suppress(StoreError):
            store.connect()
        other_end.join()

        [(connections, peer)] = announced
        there = listening.getsockname()
        assert connections == {TcpEnds(ip_address(peer[0]), peer[1], ip_address(there[0]), there[1])}


def test_an_open_connection_is_remembered_whatever_comes_after_it(server: Server) -> None:
    """The connection of the writer stays one of our own while the feed of services connects again and again."""
    store = RemoteStore(StoreUrl(host="127.0.0.1", port=server.port))
    lasting = store.connect()
    [ends] = store.connections()

    for _ in range(40):
        store.connect().connection_pool.disconnect()

    assert ends in store.connections()
    lasting.connection_pool.disconnect()
    assert ends in store.connections()
    for _ in range(40):
        store.connect().connection_pool.disconnect()
    assert ends not in store.connections()
    assert len(store.connections()) == 16


def test_only_the_latest_connections_are_remembered() -> None:
    """Only the latest 16 connections are remembered, so that a long outage does not use up memory."""
    own = OwnConnections()
    ends = [TcpEnds(ip_address("10.0.0.1"), port, ip_address("10.0.0.2"), 6379) for port in range(100)]

    for one in ends:
        own.add(one)

    assert ends[-1] in own()
    assert ends[0] not in own()
    assert len(own()) == 16
