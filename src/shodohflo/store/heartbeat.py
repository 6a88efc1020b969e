"""The heartbeat: the hash `agent;<name>` with the agent's counters, and what the store says about itself.

What the store says is no more than a courtesy: an answer that is forbidden, missing or odd is no answer, and the
heartbeat is written all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import InvalidResponse, ResponseError
from valkey.exceptions import TimeoutError as ValkeyTimeoutError

from shodohflo.keys import AGENT
from shodohflo.keys.values import MOST
from shodohflo.store.scripts import ScriptCall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valkey import Valkey

LIFETIME: Final = 24 * 3600
"""Seconds; the last heartbeat of an agent can still be read long after the agent ended."""

# One command, so that there is one answer, and the hash is never seen without a lifetime.
_SCRIPT: Final = """
redis.call('DEL', KEYS[1])
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return redis.call('EXPIRE', KEYS[1], ARGV[1])
"""

_SAVING: Final = {
    "rdb_last_bgsave_status": "its last save in the background failed",
    "aof_last_write_status": "its last write to the append-only file failed",
    "aof_last_bgrewrite_status": "its last rewrite of the append-only file failed",
}
"""Fields of INFO that are `ok` while all is well."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a store says about itself."""

    evicted: int | None
    """Keys that it evicted to free memory since it started; `None` if it does not say."""
    unsaved: str
    """Why its data are in its memory only; empty if it saves them, or does not say."""


def heartbeat_call(agent: str, fields: Mapping[str, str | int]) -> ScriptCall:
    """Return the call that replaces the hash of `agent` by `fields`, in one step."""
    return ScriptCall(_SCRIPT, [AGENT + agent], [LIFETIME, *(part for field in fields.items() for part in field)])


def checked_heartbeat(answer: object) -> None:
    """Raise an error of the client library unless `answer` says that a heartbeat was written."""
    if isinstance(answer, ResponseError):
        raise answer
    if answer != 1:
        raise ResponseError(f"an odd answer to a heartbeat: {answer!r:.100}")


def write_heartbeat(client: Valkey, agent: str, fields: Mapping[str, str | int]) -> None:
    """Replace the hash of `agent` by `fields`, in one step."""
    call = heartbeat_call(agent, fields)
    checked_heartbeat(client.execute_command(*call.whole))  # type: ignore[no-untyped-call] # typed in part


def read_condition(client: Valkey) -> Condition:
    """Return what the store says about itself."""
    stats, persistence = _info(client, "stats"), _info(client, "persistence")
    failed = [words for field, words in _SAVING.items() if persistence.get(field) == "err"]
    evicted = stats.get("evicted_keys")
    return Condition(
        evicted if isinstance(evicted, int) and 0 <= evicted <= MOST else None, failed[0] if failed else ""
    )


def _info(client: Valkey, section: str) -> Mapping[str, Any]:
    """Return a section of INFO, empty if it is forbidden or not what INFO returns."""
    try:
        told = client.info(section)
    except (ValkeyConnectionError, ValkeyTimeoutError, InvalidResponse, OSError):  # the connection, not the answer
        raise
    except Exception:  # noqa: BLE001 - the library's parser of INFO raises many kinds
        return {}
    return told if isinstance(told, dict) else {}
