"""The heartbeat replaces the agent's hash, and the number of evicted keys is read if access rules permit it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valkey import Valkey

from shodohflo.store.heartbeat import LIFETIME, count_evicted, write_heartbeat

if TYPE_CHECKING:
    from support.serving import Server


def test_a_heartbeat_replaces_the_one_before(client: Valkey) -> None:
    """A heartbeat replaces all fields of the one before and expires after a day."""
    write_heartbeat(client, "bert", {"state": "running", "configuration.error": "no"})
    write_heartbeat(client, "bert", {"state": "ended", "received": 5})

    assert client.hgetall("agent;bert") == {"state": "ended", "received": "5"}
    assert client.ttl("agent;bert") == LIFETIME


def test_a_store_counts_what_it_gave_up(client: Valkey) -> None:
    """A store with free memory reports no evicted keys."""
    assert count_evicted(client) == 0


def test_a_store_that_may_not_be_asked_counts_for_nothing(server: Server, client: Valkey) -> None:
    """If access rules forbid INFO, the number of evicted keys is 0."""
    client.execute_command("ACL", "SETUSER", "mute", "on", "nopass", "+@all", "-info", "~*")  # type: ignore[no-untyped-call] # the library is typed in part
    try:
        with Valkey(unix_socket_path=str(server.path), username="mute", password="any") as mute:
            told = count_evicted(mute)
    finally:
        client.execute_command("ACL", "DELUSER", "mute")  # type: ignore[no-untyped-call] # as above

    assert told == 0
