"""The agent's own hash, `agent;<name>`: its counters, and the sign that it lives; and how the store itself does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valkey.exceptions import ResponseError

from shodohflo.keys import AGENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valkey import Valkey

LIFETIME: Final = 24 * 3600
"""Seconds; long after an agent died, its last words can still be read."""


def write_heartbeat(client: Valkey, agent: str, fields: Mapping[str, str | int]) -> None:
    """Make the hash of `agent` say `fields` and nothing else, in one step."""
    key = AGENT + agent
    with client.pipeline(transaction=True) as transaction:
        transaction.delete(key)
        transaction.hset(key, mapping=dict(fields))
        transaction.expire(key, LIFETIME)
        transaction.execute()  # type: ignore[no-untyped-call] # the library is typed in part


def count_evicted(client: Valkey) -> int:
    """Return how many keys the store has given up for want of memory; 0 where it won't tell us."""
    try:
        told = client.info("stats")
        assert isinstance(told, dict)
        return int(told.get("evicted_keys", 0))
    except ResponseError:  # access rules may forbid INFO
        return 0
