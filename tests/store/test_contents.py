"""What a store holds, in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from valkey import Valkey

from shodohflo.store import contents
from shodohflo.store.contents import read_contents
from shodohflo.store.dialogue import Dialogue
from support.serving import PATIENCE, Server, programs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="client", scope="module", params=programs())
def _client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Return a client of database 1 of each server; databases 0, 1 and 4 have keys."""
    server = Server(programs()[request.param](), tmp_path_factory.mktemp("store")).start()
    for database, number in ((0, 3), (1, 5000), (4, 1)):
        with Valkey(unix_socket_path=str(server.path), db=database, socket_timeout=PATIENCE) as other:
            other.mset({f"10.0.0.1;8.8.8.8;{port};flow": "1" for port in range(number)} | {"client;10.0.0.1": "1"})
    with Valkey(unix_socket_path=str(server.path), db=1, decode_responses=True, socket_timeout=PATIENCE) as client:
        yield client
    server.kill()


def test_keys_are_counted_by_their_patterns(client: Valkey) -> None:
    """Each key that matches one of the patterns is counted, in the database of the client."""
    assert read_contents(Dialogue(client), "a", ("*;flow",)).matching == 5000
    assert read_contents(Dialogue(client), "a", ("*;flow", "client;*")).matching == 5001
    assert read_contents(Dialogue(client), "a", ("*;peer",)).matching == 0


def test_the_other_databases_are_told_with_their_keys(client: Valkey) -> None:
    """The database that was read is not among the others."""
    told = read_contents(Dialogue(client), "unix:///s", ())

    assert (told.store, told.database, dict(told.others)) == ("unix:///s", 1, {0: 4, 4: 2})


def test_counting_ends_early(client: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound nothing more is counted, and that is said."""
    monkeypatch.setattr(contents, "MOST", 3000)

    told = read_contents(Dialogue(client), "a", ("*;flow",))

    assert 3000 <= told.matching <= 5000
    assert told.has_more
    assert not read_contents(Dialogue(client), "a", ("client;*",)).has_more


def test_a_store_that_forbids_to_ask_says_nothing_of_its_databases(client: Valkey) -> None:
    """Without the right to INFO, the keys are counted nevertheless."""
    client.execute_command("ACL", "SETUSER", "default", "-info")  # type: ignore[no-untyped-call] # typed in part
    try:
        told = read_contents(Dialogue(client), "a", ("*;flow",))
    finally:
        client.execute_command("ACL", "SETUSER", "default", "+info")  # type: ignore[no-untyped-call] # typed in part

    assert (told.matching, dict(told.others)) == (5000, {})
