"""The lookup of one key among keys that differ from it in one field."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from shodohflo.keys import from_key, to_key
from shodohflo.model import ICMP, Kind
from shodohflo.query.lookup import find_row
from shodohflo.query.reader import Reader
from shodohflo.store.connection import SocketStore
from shodohflo.store.sinks.single import Single
from shodohflo.store.writer import Writer
from support.observing import Seen, flow, observed
from support.serving import PATIENCE, Server

if TYPE_CHECKING:
    from collections.abc import Sequence

ONE, OTHER = ip_address("10.0.0.1"), ip_address("10.0.0.2")
ROWS = [
    flow("10.0.0.1", "10.0.0.2", 53, 3),
    flow("10.0.0.1", "10.0.0.2", 54, 4),
    flow("10.0.0.1", "10.0.0.3", 53, 5),
    Seen(ONE, OTHER, 80, Kind.RESET, client_port=40000, packets=6),
    Seen(ONE, OTHER, 80, Kind.RESET, client_port=40001, packets=7),
    Seen(ONE, OTHER, 80, Kind.UNREACHABLE, client_port=40000, protocol=ICMP, code=3, packets=8),
    Seen(ONE, OTHER, 80, Kind.UNREACHABLE, client_port=40000, protocol=ICMP, code=1, packets=9),
]


def written(server: Server, rows: Sequence[Seen]) -> Reader:
    """Write `rows` to a store, and return a reader of it."""
    with Writer(Single(SocketStore(server.path)), agent="bert", lifetime=900) as writer:
        writer.offer(observed(*rows), ("a rule",))
        assert writer.flush(PATIENCE)
    return Reader([SocketStore(server.path)])


@pytest.mark.parametrize(
    ("text", "packets"),
    [
        ("10.0.0.1;10.0.0.2;53;flow", 3),
        ("10.0.0.1;10.0.0.2;54;flow", 4),
        ("10.0.0.2;10.0.0.1;peer", 7),
        ("client;10.0.0.1", 42),
        ("10.0.0.1;10.0.0.2;40001:80;rst", 7),
        ("10.0.0.1;10.0.0.2;40000:80;1;icmp", 9),
    ],
)
def test_exactly_the_row_of_the_key_is_found(servers: list[Server], text: str, packets: int) -> None:
    """The lookup finds exactly the row of its key, by ports, code, and direction of peers."""
    reader, key = written(servers[0], ROWS), from_key(text)
    assert key is not None
    assert to_key(key) == text

    row = find_row(reader, key, 0.0)

    assert row is not None
    assert row.packets == packets


@pytest.mark.parametrize("text", ["10.0.0.1;10.0.0.2;55;flow", "10.0.0.1;10.0.0.2;40000:80;2;icmp", "client;10.9.9.9"])
def test_a_key_that_no_store_has_is_none(servers: list[Server], text: str) -> None:
    """The lookup returns `None` if every stored key differs in a port, a code or an address."""
    reader, key = written(servers[0], ROWS), from_key(text)
    assert key is not None

    assert find_row(reader, key, 0.0) is None
