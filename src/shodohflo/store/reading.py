"""Reads the keys of a store in short steps that do not block other clients; keys of other programs are tolerated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from valkey.exceptions import ResponseError

from shodohflo.keys import AGENT, detail_key, from_key
from shodohflo.model import FlowKey, Key
from shodohflo.store.heartbeat import LIFETIME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from valkey import Valkey

AnyKey = TypeVar("AnyKey", bound=Key)

_STEP: Final = 2000
"""The number of keys per step of a scan, and per round trip."""

# One answer for a whole step: with a command per key the client takes ten times as long.
_SCRIPT: Final = """
local values, left, hashes = {}, {}, {}
for i = 1, #KEYS do
    if i <= tonumber(ARGV[1]) then
        local value = redis.pcall('GET', KEYS[i])
        values[i] = type(value) == 'table' and 'another type' or value
        left[i] = redis.call('PTTL', KEYS[i])
    else
        local told = redis.pcall('HGETALL', KEYS[i])
        hashes[#hashes + 1] = told.err and {} or told
    end
end
return {values, left, hashes}
"""


@dataclass(frozen=True, slots=True)
class KeyRecord(Generic[AnyKey]):
    """One key of ours, with its value in a store."""

    name: str
    key: AnyKey
    """The parsed name."""
    packets: int
    expires_in: float | None
    """Seconds; `None` if the key never expires, which no agent writes."""
    detail: Mapping[str, str]
    """The fields of the flow's `detail` hash; empty for other kinds of keys and if there is no such hash."""


@dataclass(frozen=True, slots=True)
class KeyRecords(Generic[AnyKey]):
    """The result of reading keys."""

    records: list[KeyRecord[AnyKey]]
    foreign: int
    """Keys that match the pattern but are not of the wanted type, or whose value is not a count."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last heartbeat of an agent."""

    agent: str
    fields: Mapping[str, str]
    age: float
    """Seconds since they were written."""

    @property
    def lifetime(self) -> int | None:
        """Return the lifetime in seconds of the keys that the agent writes, or `None` if the heartbeat has none."""
        said = self.fields.get("lifetime", "")
        return int(said) if _is_number(said) else None


def read_records(client: Valkey, pattern: str, wanted: type[AnyKey]) -> KeyRecords[AnyKey]:
    """Return the keys of type `wanted` among those that match `pattern`."""
    found: list[KeyRecord[AnyKey]] = []
    foreign = 0
    for names in _scan(client, pattern):
        named: dict[str, AnyKey] = {name: key for name in names if isinstance(key := from_key(name), wanted)}
        values = _values(client, named)
        found += values.records
        foreign += len(names) - len(named) + values.foreign
    return KeyRecords(found, foreign)


def database_of(client: Valkey) -> tuple[str, int] | None:
    """Return what distinguishes the database of `client` from every other one, the same for a primary and its replicas.

    None if the store does not say, or may not.
    """
    try:
        replication: Any = client.info("replication")  # the library is typed in part
    except ResponseError:
        return None
    identity = replication.get("master_replid")
    number = client.connection_pool.connection_kwargs.get("db") or 0
    return (identity, number) if isinstance(identity, str) else None


def read_heartbeats(client: Valkey) -> list[Heartbeat]:
    """Return the last heartbeat of each agent, sorted by agent."""
    heartbeats = []
    for names in _scan(client, AGENT + "*"):
        answers = _ask(client, [command for name in names for command in (("HGETALL", name), ("PTTL", name))])
        for name, fields, left in zip(names, answers[::2], answers[1::2], strict=True):
            if isinstance(fields, dict) and fields:
                heartbeats.append(Heartbeat(name.removeprefix(AGENT), fields, max(LIFETIME - left / 1000, 0.0)))
    return sorted(heartbeats, key=lambda heartbeat: heartbeat.agent)


def _scan(client: Valkey, pattern: str) -> Iterator[list[str]]:
    """Yield the names that match `pattern` in steps, each name once; `KEYS` would block the other clients."""
    met: set[str] = set()
    cursor = 0
    while True:
        answer: Any = client.scan(cursor, match=pattern, count=_STEP)
        cursor, names = answer
        fresh = set(names) - met
        met |= fresh
        if fresh:
            yield sorted(fresh)
        if cursor == 0:
            return


def _values(client: Valkey, named: Mapping[str, AnyKey]) -> KeyRecords[AnyKey]:
    """Read the values of the keys in `named`, and the details of the flows among them, in one round trip."""
    if not named:
        return KeyRecords([], 0)
    flows = {name: detail_key(key) for name, key in named.items() if isinstance(key, FlowKey)}
    command = ("EVAL", _SCRIPT, len(named) + len(flows), *named, *flows.values(), len(named))
    values, left, hashes = client.execute_command(*command)  # type: ignore[no-untyped-call] # typed in part
    details = {name: dict(zip(told[::2], told[1::2], strict=True)) for name, told in zip(flows, hashes, strict=True)}
    records: list[KeyRecord[AnyKey]] = []
    foreign = 0
    for (name, key), value, milliseconds in zip(named.items(), values, left, strict=True):
        if _is_number(value):
            expires_in = milliseconds / 1000 if milliseconds >= 0 else None
            records.append(KeyRecord(name, key, int(value), expires_in, details.get(name, {})))
        elif value is not None:  # `None` if the key has expired since the scan
            foreign += 1
    return KeyRecords(records, foreign)


def _ask(client: Valkey, commands: Iterable[tuple[str, str]]) -> list[Any]:
    """Return the answers to `commands`; an answer may be an error, because a key may hold any type of value."""
    with client.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)  # type: ignore[no-untyped-call] # the library is typed in part
        answers: list[Any] = pipeline.execute(raise_on_error=False)  # type: ignore[no-untyped-call] # the same
    return answers


def _is_number(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit()
