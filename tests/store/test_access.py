"""The users of an embedded store: the agents may do everything, everybody else may read."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from valkey.exceptions import ResponseError

from shodohflo.store.access import EVERYTHING, READING, USER, credentials, make_key, read_key, users
from shodohflo.store.embedded import EmbeddedStore

if TYPE_CHECKING:
    from pathlib import Path

    from valkey import Valkey


def test_a_key_is_made_once_and_for_our_user_only(tmp_path: Path) -> None:
    """The first agent makes the key, with mode 0600; the next ones find it."""
    made = make_key(tmp_path)

    assert len(made) == 64
    assert make_key(tmp_path) == read_key(tmp_path) == made
    assert stat.S_IMODE((tmp_path / "store.key").stat().st_mode) == 0o600
    assert credentials(tmp_path / "store.sock") == {"username": USER, "password": made}


@pytest.mark.parametrize("content", ["", "0" * 64 + "\n", "shodohflo:" + "g" * 64 + "\n", "shodohflo:00\n"])
def test_what_is_no_key_is_never_sent_to_a_store(tmp_path: Path, content: str) -> None:
    """A file that holds something else than a key gives no credentials, and is replaced by the next agent."""
    (tmp_path / "store.key").write_text(content)
    (tmp_path / "store.key").chmod(0o644)

    assert credentials(tmp_path / "store.sock") == {}
    assert make_key(tmp_path) == read_key(tmp_path) != ""
    assert stat.S_IMODE((tmp_path / "store.key").stat().st_mode) == 0o600


def test_a_link_or_a_missing_file_is_no_key(tmp_path: Path) -> None:
    """A missing key, or a link to one, gives no credentials."""
    (tmp_path / "other").mkdir()
    make_key(tmp_path / "other")
    before = credentials(tmp_path / "store.sock")
    (tmp_path / "store.key").symlink_to(tmp_path / "other" / "store.key")

    assert before == credentials(tmp_path / "store.sock") == {}
    with pytest.raises(OSError, match="symbolic link"):
        make_key(tmp_path)


def test_the_server_is_given_a_digest(tmp_path: Path) -> None:
    """The words for the server hold the digest of the key, never the key."""
    key = make_key(tmp_path)
    words = [word for user in users(key).values() for word in user]

    assert not any(key in word for word in words)
    assert f"#{'0' * 64}" not in words
    assert {*READING, *EVERYTHING} < {*words}


SUSPECT = ("write", "admin", "dangerous", "scripting", "pubsub", "blocking")
GRANTED = {"xread", "info", "keys", "command", "client", "exec", "multi", "discard", "reset", "quit"}
"""Commands of a suspect category that reading needs: RKVDNS asks with `KEYS`, and XREAD blocks who asks."""


def test_no_command_of_the_server_is_left_to_readers_that_changes_or_stops_it(tmp_path: Path) -> None:
    """Of all its commands, the server itself says which a reader may call: none that is more than reading."""
    store = EmbeddedStore(tmp_path / "state")
    with store.connect() as client:
        suspect = {str(name).lower() for category in SUSPECT for name in client.acl_cat(category)}
        allowed = {name for name in suspect if _may(client, name)}
        may_read = [_may(client, name) for name in ("get", "scan", "hgetall", "ttl", "keys")]
    store.close()

    assert len(suspect) > 100
    assert allowed - GRANTED == set()
    assert may_read == [True] * 5


def _may(client: Valkey, name: str) -> bool:
    """Return whether the user `default` may call a command, whose other arguments do not matter."""
    words = name.split("|")
    for count in range(8):
        try:
            answer = client.execute_command("ACL", "DRYRUN", "default", *words, *["1"] * count)  # type: ignore[no-untyped-call] # the library
        except ResponseError as error:
            if "number of arguments" in str(error):
                continue
            raise
        return "permission" not in str(answer).lower()
    raise AssertionError(name)
