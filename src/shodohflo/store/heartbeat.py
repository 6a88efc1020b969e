"""The agent's own hash, `agent;<name>`: its counters, and the sign that it lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shodohflo.store.keys import AGENT

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
