"""The heartbeat replaces the agent's hash, and what the store says about itself is read if it may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valkey import Valkey

from shodohflo.store.heartbeat import LIFETIME, Condition, read_condition, write_heartbeat
from support.serving import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from support.serving import Server


def test_a_heartbeat_replaces_the_one_before(client: Valkey) -> None:
    """A heartbeat replaces all fields of the one before and expires after a day."""
    write_heartbeat(client, "bert", {"state": "running", "configuration.error": "no"})
    write_heartbeat(client, "bert", {"state": "ended", "received": 5})

    assert client.hgetall("agent;bert") == {"state": "ended", "received": "5"}
    assert client.ttl("agent;bert") == LIFETIME


def test_a_store_with_nothing_to_complain_about(client: Valkey) -> None:
    """A store with free memory and disk reports no evicted keys and no failed save."""
    assert read_condition(client) == Condition(evicted=0, unsaved="")


def test_a_store_that_cannot_save_says_so(own_server: Server, tmp_path: Path) -> None:
    """A store whose last save in the background failed says so until one succeeds."""
    with own_server.client() as client:
        (tmp_path / "dump.rdb").mkdir()  # a save cannot replace it
        client.bgsave()
        wait_until(lambda: bool(read_condition(client).unsaved), "the save has failed")
        failed = read_condition(client)
        (tmp_path / "dump.rdb").rmdir()
        client.bgsave()
        wait_until(lambda: not read_condition(client).unsaved, "the save has succeeded")

    assert failed == Condition(evicted=0, unsaved="its last save in the background failed")


def test_a_store_that_may_not_be_asked_says_nothing(server: Server, client: Valkey) -> None:
    """If access rules forbid INFO, nothing is known, which is no error."""
    client.execute_command("ACL", "SETUSER", "mute", "on", "nopass", "+@all", "-info", "~*")  # type: ignore[no-untyped-call] # the library is typed in part
    try:
        with Valkey(unix_socket_path=str(server.path), username="mute", password="any") as mute:
            told = read_condition(mute)
    finally:
        client.execute_command("ACL", "DELUSER", "mute")  # type: ignore[no-untyped-call] # as above

    assert told == Condition(evicted=None, unsaved="")
