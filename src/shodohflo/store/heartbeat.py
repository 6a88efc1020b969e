"""The heartbeat: the hash `agent;<name>` with the agent's counters, and the store's count of evicted keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valkey.exceptions import ResponseError

from shodohflo.keys import AGENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valkey import Valkey

LIFETIME: Final = 24 * 3600
"""Seconds; the last heartbeat of an agent can still be read long after the agent ended."""


def write_heartbeat(client: Valkey, agent: str, fields: Mapping[str, str | int]) -> None:
    """Replace the hash of `agent` by `fields`, in one transaction."""
    key = AGENT + agent
    with client.pipeline(transaction=True) as transaction:
        transaction.delete(key)
        transaction.hset(key, mapping=dict(fields))
        transaction.expire(key, LIFETIME)
        transaction.execute()  # type: ignore[no-untyped-call] # the library is typed in part


def count_evicted(client: Valkey) -> int:
    """Return how many keys the store has evicted to free memory; 0 if access rules forbid INFO."""
    try:
        told = client.info("stats")
        assert isinstance(told, dict)
        return int(told.get("evicted_keys", 0))
    except ResponseError:  # INFO is forbidden
        return 0
