"""Reads the keys of a store in short steps that do not block other clients; keys of other programs are tolerated.

Whatever a store answers is checked before it is used. A key with a malformed value is counted and left out, and so is a
malformed field; an answer that no store gives to the question is an error of the client library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from valkey.exceptions import InvalidResponse, ResponseError

from shodohflo.keys import AGENT, FlowDetail, detail_name, from_key
from shodohflo.keys.shapes import parse_detail
from shodohflo.keys.values import LONGEST_COUNT, parse_count
from shodohflo.model import FlowKey, Key
from shodohflo.store.dialogue import Dialogue, TooLarge
from shodohflo.store.heartbeat import LIFETIME
from shodohflo.store.scanning import Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shodohflo.store.dialogue import Answer, Command

AnyKey = TypeVar("AnyKey", bound=Key)

_LONGEST_LIFETIME: Final = 10
"""Digits of the lifetime that an agent gives its keys, in seconds."""

_WRONG_TYPE: Final = "WRONGTYPE"
"""How the error begins that a store gives for a key that holds another type of value."""

_NO_KEY: Final = -2
"""The answer to PTTL if there is no such key."""

_IDENTITY: Final = re.compile(r"^master_replid:([0-9a-f]{40})\r?$", re.MULTILINE)

_LOST: Final = re.compile(r"^master_link_status:down", re.MULTILINE)
"""What a replica says that has no connection to its primary."""

_ONLY_TEXT: Final = frozenset({str})

NOTHING: Final = FlowDetail(first=None, last=None, protocols=(), rule="", sentence="", agents=())
"""The detail of a key that has none."""

_DAMAGED: Final = NOTHING._replace(malformed=1)
"""The detail of a flow whose hash is too large or no hash."""


class KeyRecord(NamedTuple, Generic[AnyKey]):
    """One key of ours, with its value in a store."""

    name: str
    key: AnyKey
    """The parsed name."""
    packets: int
    expires_in: float | None
    """Seconds; `None` if the key never expires, which no agent writes."""
    detail: FlowDetail
    """The flow's `detail` hash; nothing for other kinds of keys and if there is no such hash."""


@dataclass(frozen=True, slots=True)
class KeyRecords(Generic[AnyKey]):
    """The keys of one step."""

    records: list[KeyRecord[AnyKey]]
    foreign: int
    """Keys that match the pattern but are not of the wanted type, or whose value is not a count."""


@dataclass(frozen=True, slots=True)
class DatabaseId:
    """What tells a database from every other one, the same for a primary and its replicas."""

    replication: str
    """The id of the replication, or the name of the store if it does not say or may not."""
    number: int
    is_certain: bool = field(compare=False)
    """Whether no other id can stand for the same data: not if the store does not say, nor if it is a replica that has
    lost its primary, which has another id when it is back, until they are connected again."""


class HashRecord(NamedTuple):
    """One hash, with its fields as they are in a store."""

    name: str
    fields: Mapping[str, str]
    expires_in: float | None
    """Seconds; `None` if the hash never expires, which no agent writes."""


@dataclass(frozen=True, slots=True)
class HashRecords:
    """The hashes of one step."""

    records: list[HashRecord]
    foreign: int
    """Keys that match the pattern, but are no hash or too large."""


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
        return parse_count(said) if len(said) <= _LONGEST_LIFETIME else None


def read_records(
    dialogue: Dialogue, pattern: str, wanted: type[AnyKey], takes: Callable[[AnyKey], bool] | None = None
) -> Iterator[KeyRecords[AnyKey]]:
    """Yield step by step the keys of type `wanted` that match `pattern`, if `takes` accepts them."""
    scan = Scan(dialogue, pattern)
    for names in scan:
        parsed: dict[str, AnyKey] = {name: key for name in names if isinstance(key := from_key(name), wanted)}
        taken = {name: key for name, key in parsed.items() if takes(key)} if takes else parsed
        found = _values(dialogue, taken)
        yield KeyRecords(found.records, found.foreign + len(names) - len(parsed))
    if scan.too_long:
        yield KeyRecords([], scan.too_long)


def database_of(dialogue: Dialogue, name: str) -> DatabaseId:
    """Return what tells the database of the store `name` from every other one."""
    [told] = dialogue.ask([("INFO", "replication")])
    identity = _IDENTITY.search(told) if isinstance(told, str) else None
    if identity is None or not isinstance(told, str):
        return DatabaseId(name, dialogue.database, is_certain=False)
    return DatabaseId(identity[1], dialogue.database, is_certain=not _LOST.search(told))


def read_heartbeats(dialogue: Dialogue) -> list[Heartbeat]:
    """Return the last heartbeat of each agent, sorted by agent; malformed ones are left out."""
    heartbeats = [
        Heartbeat(record.name.removeprefix(AGENT), record.fields, max(LIFETIME - (record.expires_in or 0.0), 0.0))
        for step in read_hashes(dialogue, AGENT + "*")
        for record in step.records
    ]
    return sorted(heartbeats, key=lambda heartbeat: heartbeat.agent)


def read_hashes(dialogue: Dialogue, pattern: str) -> Iterator[HashRecords]:
    """Yield step by step the hashes whose names match `pattern`; what they hold is not checked."""
    scan = Scan(dialogue, pattern)
    for names in scan:
        commands: list[Command] = [command for name in names for command in (("HGETALL", name), ("PTTL", name))]
        answers = dialogue.ask(commands)
        records: list[HashRecord] = []
        foreign = 0
        for name, hashed, left in zip(names, answers[::2], answers[1::2], strict=True):
            fields = _fields(hashed)
            if fields and type(left) is int:
                records.append(HashRecord(name, fields, left / 1000 if left >= 0 else None))
            elif left != _NO_KEY:  # it has expired since the scan
                foreign += 1
        yield HashRecords(records, foreign)
    if scan.too_long:
        yield HashRecords([], scan.too_long)


def _values(dialogue: Dialogue, taken: Mapping[str, AnyKey]) -> KeyRecords[AnyKey]:
    """Read the values of the keys in `taken`, and the details of the flows among them, in one round trip."""
    records: list[KeyRecord[AnyKey]] = []
    foreign = 0
    answers = iter(dialogue.ask([command for name, key in taken.items() for command in _questions(name, key)]))
    for name, key in taken.items():
        value, left = next(answers), next(answers)
        detail = _detail(next(answers)) if isinstance(key, FlowKey) else NOTHING
        packets = _packets(value)
        if packets is not None and type(left) is int:
            records.append(KeyRecord(name, key, packets, left / 1000 if left >= 0 else None, detail))
        elif left != _NO_KEY:  # it has expired since the scan
            foreign += 1
    return KeyRecords(records, foreign)


def _questions(name: str, key: Key) -> Sequence[Command]:
    # One digit more than a count can have: a value may be of any length, but what is longer is no count.
    asked: tuple[Command, ...] = (("GETRANGE", name, 0, LONGEST_COUNT), ("PTTL", name))
    return (*asked, ("HGETALL", detail_name(name))) if isinstance(key, FlowKey) else asked


def _packets(value: Answer) -> int | None:
    """Return the count that is `value`, or `None` if the key holds anything else; raise what the store refuses."""
    if isinstance(value, ResponseError) and not str(value).startswith(_WRONG_TYPE):
        raise value
    return parse_count(value) if isinstance(value, str) else None


def _detail(hashed: Answer) -> FlowDetail:
    if hashed == []:
        return NOTHING
    if isinstance(hashed, (TooLarge, ResponseError)):
        return _DAMAGED
    _check_hash(hashed)
    return parse_detail(hashed[::2], hashed[1::2])


def _fields(hashed: Any) -> dict[str, str] | None:  # noqa: ANN401 - anything at all
    """Return the fields of a hash from the answer to HGETALL, `None` if it is anything else."""
    if isinstance(hashed, (TooLarge, ResponseError)):
        return None
    _check_hash(hashed)
    return dict(zip(hashed[::2], hashed[1::2], strict=True))


def _check_hash(hashed: Any) -> None:  # noqa: ANN401 - anything at all
    if not isinstance(hashed, list) or len(hashed) % 2 or not _ONLY_TEXT.issuperset(map(type, hashed)):
        raise InvalidResponse("an odd answer to HGETALL")
