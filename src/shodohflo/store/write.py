"""One write: counts and details that a lane of the store applies in one step, exactly once, each key with a lifetime.

If the connection breaks after a write was sent and before the answer arrived, the writer cannot know whether the
store applied it. So each writer numbers its writes, and the store keeps the number of the last one beside the counts. A
write says which number it expects there:

    it expects 6, and the store has 6             the write is applied, and the number is 7
    ...                         7 or more         it was applied before, and adds nothing
    ...                         less, such as 4   the store has lost writes: nothing is applied, and the answer says so

In the last case the store notes `7 4`: number 7 is used, and what it has is that of number 4. So no late copy of write
5 can be applied from then on, when the agent is about to write the same again; and write 7, if it is repeated because
that answer was lost, gets it once more.

Number and counts are in the same database, so a store that is restored from an older snapshot, or a replica that lagged
behind, has lost the same writes from both. (`store.delivery` says what is done about it.)

A store that hangs may apply a request long after it was sent, and would give its keys a lifetime that is over. So a
write says until which time of the store's clock it may be applied, and later is answered with that clock's time.

A key may be missing where it was before: it expired during an outage, was evicted or was deleted. So a write says of
each key how much it adds and how much the key then has from this agent, and a store without the key gets all of it.

Example: write 7 of session 4f1c9a by the agent `bert`, with a lifetime of 900 seconds, adds 3 UDP packets with 200
bytes to a flow that had 5 with 300 before:

    KEYS[1]      writer;4f1c9a                    ARGV[1..9]   7  6  86400  bert  1700000025  4  900000  1  5
    KEYS[2..5]   10.0.0.1;8.8.8.8;53;flow         ARGV[10]     900000
                 8.8.8.8;10.0.0.1;peer            ARGV[11..18] 3  8  3  8  3  8  3  8
                 10.0.0.1;8.8.8.8;peer
                 client;10.0.0.1
    KEYS[6]      detail;10.0.0.1;8.8.8.8;53       ARGV[19..]   1  "" 1700000000.250000  1700000009.500000
                                                               FLOW_MAPPING[1]  the lower port is the service  bits  ""
                                                               udp  3  200  8  500

ARGV[1..9] are the number of the write, the one it expects, the lifetime of the number in seconds, the agent, the last
second of the store's clock at which it is applied, the number of counts, the full lifetime of a key in milliseconds,
the number of runs of keys with the same lifetime, and the number of keys in the first run, whose lifetime follows. Then
come two arguments for each count, what it adds and what it has then, behind a sign of doubt (`store.portion.Doubt`):
`?`, the key may have expired and begun again, so that it has less than the agent wrote before; `!`, it may have even
what this write adds, so that it gets the second if it has less. A correction adds less than 0. Details have the number
of protocols, the sign of doubt, six fields, and five arguments per protocol.

The answer {1, 6, 0, 0, 0, -1, 1700000010} means: applied, the number was 6, no key was refused, nothing was written
again because it was missing, and of nothing it is unknown whether it is there. Then come the number of the keys that
the store has evicted, or -1 unless the answer is that it has lost writes, and its time in seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from itertools import groupby
from typing import TYPE_CHECKING, Final, Self

from shodohflo.keys.detail import rung_word, seconds_text
from shodohflo.keys.values import MOST
from shodohflo.model import PROTOCOL_NAMES, TCP, UDP, rule_place
from shodohflo.store.portion import DETAIL, Doubt
from shodohflo.store.write_script import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from valkey import Valkey

    from shodohflo.store.portion import Portion

SLOTS: Final = 1_000
"""Slots of the books in a write: they make at most 2,000 keys, which occupy the store for about 10 ms."""

NUMBER_LIFETIME: Final = 24 * 3600
"""Seconds that the store remembers a write, at least: longer than any of its keys lives."""

_SIGNS: Final = {Doubt.NONE: "", Doubt.EXPIRED: "?", Doubt.LOST: "!"}

PATIENCE: Final = 15
"""Seconds after it was made during which a write may be applied: longer than its answer is waited for."""

_MS: Final = 1_000
_NS_PER_SECOND: Final = 10**9


@dataclass(frozen=True, slots=True)
class Writing:
    """The writer's identity, and the lifetime of its keys."""

    session: str
    """Random, different for each writer; part of its keys in the store."""
    agent: str
    lifetime: int
    """Seconds until a key expires that is not written again."""


@dataclass(frozen=True, slots=True)
class NumberPlace:
    """Where a write belongs in the order of its lane."""

    lane: int
    number_key: str
    """The key with the number of the last write."""
    number: int
    before: int
    """The number that the store must have."""
    until: int
    """The last second of the store's clock at which the write is applied."""


@dataclass(frozen=True, slots=True)
class Write:
    """The keys and arguments of one atomic write; sending it again changes nothing in the store."""

    place: NumberPlace
    made: int
    """When it was made, in ns of the outbox's clock: lifetimes are from then on."""
    portions: tuple[Portion, ...]
    keys: list[str]
    """The first is that of the number."""
    arguments: list[str | int]

    @property
    def lane(self) -> int:
        """Return the lane that the write goes to."""
        return self.place.lane

    @property
    def number(self) -> int:
        """Return the number of the write in its lane."""
        return self.place.number


class Applied(IntEnum):
    """What a store did with a write."""

    BEFORE = 0
    NOW = 1
    LOST = 2
    """Nothing, for it has lost writes before this one."""
    LATE = 3
    """Nothing, for the write is too old."""


@dataclass(frozen=True, slots=True)
class Written:
    """The store's answer to a write."""

    outcome: Applied
    held: int = 0
    """The number of the last write that the store had before."""
    refused: int = 0
    """Keys that were left unchanged: a value of another program, or no permission."""
    rewritten: int = 0
    """Counts that were written again, because the store did not have the key."""
    unsure: int = 0
    """Counts of which the store does not know whether a key, which another agent wrote too, has them."""
    evicted: int | None = None
    """Keys that the store has evicted since it started, if it has lost writes; `None` if it does not say."""
    time: int = field(default=0, compare=False)
    """Seconds since 1970 by the store's clock; 0 if it does not say."""

    @property
    def now(self) -> bool:
        """Whether the write was applied now."""
        return self.outcome is Applied.NOW

    @classmethod
    def from_answer(cls, answer: object, keys: int) -> Self:
        """Check the answer to a write with so many keys; one that no store gives is a `ValueError`."""
        match answer:
            case [
                0 | 1 | 2 | 3 as outcome,
                int(held),
                int(refused),
                int(rewritten),
                int(unsure),
                int(evicted),
                int(time),
            ]:
                least = min(held, refused, rewritten, unsure, evicted + 1, time)
                if least >= 0 and refused <= keys and max(rewritten, unsure, time) <= MOST:
                    known = None if evicted < 0 else evicted
                    return cls(Applied(outcome), held, refused, rewritten, unsure, known, time)
        raise ValueError(f"{answer!r:.100} is no answer to a write")


def to_write(portions: Iterable[Portion], place: NumberPlace, writing: Writing, now: int) -> Write:
    """Return a write of `portions`, in the order of `store.portion.VIEWS`; `now` is in ns of the outbox's clock."""
    portions = tuple(portions)
    counts = [portion for portion in portions if portion.view is not DETAIL]
    details = [portion for portion in portions if portion.view is DETAIL]
    runs = [
        argument
        for lifetime, run in groupby(_lifetimes(portions, now))
        for argument in (sum(1 for _ in run), lifetime * _MS)
    ]
    return Write(
        place=place,
        made=now,
        portions=portions,
        keys=[place.number_key, *(name for portion in portions for name in portion.names)],
        arguments=[
            *(place.number, place.before, max(NUMBER_LIFETIME, 2 * writing.lifetime), writing.agent, place.until),
            *(sum(map(len, counts)), writing.lifetime * _MS, len(runs) // 2, *runs),
            *(argument for portion in counts for argument in _count_arguments(portion)),
            *(argument for portion in details for argument in _detail_arguments(portion)),
        ],
    )


def _lifetimes(portions: Iterable[Portion], now: int) -> Iterator[int]:
    """Yield the seconds that each key lives, at least 1, rounded up: one that was refreshed just now lives in full."""
    for portion in portions:
        yield from [max(-((now - deadline) // _NS_PER_SECOND), 1) for deadline in portion.deadlines.tolist()]


def _count_arguments(portion: Portion) -> Iterator[str | int]:
    doubts = [_SIGNS[doubt] for doubt in portion.doubts.tolist()]
    for delta, total, doubt in zip(portion.deltas[:, 0].tolist(), portion.totals[:, 0].tolist(), doubts, strict=True):
        yield delta
        yield f"{doubt}{total}"


def _detail_arguments(portion: Portion) -> Iterator[str | int]:
    facts = portion.facts
    if facts is None:
        return
    for key, (deltas, totals) in enumerate(zip(portion.deltas.tolist(), portion.totals.tolist(), strict=True)):
        counted = [
            (protocol, deltas[at], deltas[at + 1], totals[at], totals[at + 1])
            for at, protocol in ((0, PROTOCOL_NAMES[TCP]), (2, PROTOCOL_NAMES[UDP]))
            if deltas[at] or totals[at]
        ]
        rule, sentence = facts.rules[key]
        yield from (len(counted), _SIGNS[Doubt(portion.doubts[key])])
        yield from (seconds_text(facts.first[key]), seconds_text(facts.last[key]))
        yield from (rule_place(rule), sentence, rung_word(facts.rungs[key]))
        yield seconds_text(facts.corrected[key]) if facts.corrected[key] else ""
        for arguments in counted:
            yield from arguments


def send(client: Valkey, write: Write, meanwhile: Callable[[], None] = lambda: None) -> Written:
    """Send `write` to the store, which applies it unless it has applied that number already.

    `meanwhile` is called between the request and the answer. An answer that is none to a write is a `ValueError`.
    """
    pool = client.connection_pool
    connection = pool.get_connection("EVAL")
    try:
        # EVAL rather than EVALSHA: 4 KB of script beside the 100 KB of a full write, and no handling of NOSCRIPT.
        connection.send_command("EVAL", SCRIPT, len(write.keys), *write.keys, *write.arguments)
        meanwhile()
        return Written.from_answer(connection.read_response(), len(write.keys))
    finally:
        pool.release(connection)
