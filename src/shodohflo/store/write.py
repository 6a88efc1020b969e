"""One write: a number of keys that are written in one step, exactly once, each with a lifetime.

A connection may break after a write was sent and before it was answered, and then nobody here knows whether
it was written. So every writer numbers its writes and the store keeps the number beside the counts: a write
that is sent again is recognised. Both are in the same database, so a store that comes back from an older
snapshot has forgotten both.

The keys of a write are chosen in `to_write` and nowhere else. (A cluster would want them grouped by slot
there, with a number for each slot.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shodohflo.keys import WRITER, counts, details
from shodohflo.keys.detail import FIRST, LAST, OCTETS, PACKETS, RULE, SEEN_BY, SENTENCE, seconds_text
from shodohflo.model import rule_place

if TYPE_CHECKING:
    from valkey import Valkey

    from shodohflo.keys import Detail
    from shodohflo.store.outbox import WithRules

ROWS: Final = 400
"""Rows in a write: each makes at most five keys, and 2,000 keys keep the store busy for some 10 ms."""

_NUMBER_LIFETIME: Final = 24 * 3600
"""Seconds; a writer that is cut off for longer can't tell any more whether its last write was written."""

# What may be refused (for a full memory, a full disk, a read-only replica, access rules) is refused at the first
# write or the first EXPIRE, and then the write as a whole is not written; after that nothing stops it half way.
# A key of ours that holds something else is left as it is, and counted.
_NAMES: Final = f"""
local FIRST, LAST, RULE, SENTENCE = '{FIRST}', '{LAST}', '{RULE}', '{SENTENCE}'
local PACKETS, OCTETS, SEEN_BY = '{PACKETS}', '{OCTETS}', '{SEEN_BY}'
"""
_SCRIPT: Final = (
    _NAMES
    + """
local number, number_lifetime, lifetime, agent, counted = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local at, refused = 5, 0

if redis.call('GET', KEYS[1]) == number then return {0, 0} end
redis.call('SET', KEYS[1], number, 'EX', number_lifetime)
local expires = redis.pcall('EXPIRE', KEYS[1], number_lifetime)
if type(expires) ~= 'number' then
    redis.call('SET', KEYS[1], '', 'EX', number_lifetime)
    return expires
end

for i = 2, counted + 1 do
    at = at + 1
    if type(redis.pcall('INCRBY', KEYS[i], ARGV[at])) == 'number' then
        redis.pcall('EXPIRE', KEYS[i], lifetime)
    else
        refused = refused + 1
    end
end

for i = counted + 2, #KEYS do
    local key = KEYS[i]
    local protocol, packets, octets, first, last, rule, sentence = unpack(ARGV, at + 1, at + 7)
    at = at + 7
    if type(redis.pcall('HINCRBY', key, PACKETS .. protocol, packets)) == 'number' then
        redis.pcall('HINCRBY', key, OCTETS .. protocol, octets)
        local known = redis.pcall('HMGET', key, FIRST, LAST)
        local known_first, known_last = tonumber(known[1]), tonumber(known[2])
        if known_first and known_first <= tonumber(first) then first = known[1] end
        if known_last and known_last > tonumber(last) then
            redis.pcall('HSET', key, FIRST, first, SEEN_BY .. agent, last)
        else
            redis.pcall('HSET', key, FIRST, first, SEEN_BY .. agent, last,
                LAST, last, RULE, rule, SENTENCE, sentence)
        end
        redis.pcall('EXPIRE', key, lifetime)
    else
        refused = refused + 1
    end
end
return {1, refused}
"""
)


@dataclass(frozen=True, slots=True)
class Writing:
    """Who writes, and for how long."""

    session: str
    """Different for every writer there ever was."""
    agent: str
    lifetime: int
    """Of a key, in seconds."""


@dataclass(frozen=True, slots=True)
class Write:
    """What is written in one step; sending it again writes nothing."""

    number: int
    keys: list[str]
    arguments: list[str | int]
    decided: WithRules


@dataclass(frozen=True, slots=True)
class Written:
    """What the store answers."""

    now: bool
    """False if it had been written before."""
    refused: int
    """Keys that hold something of another type, and were left as they are."""


def to_write(decided: WithRules, number: int, writing: Writing) -> Write:
    """Put into words what `decided` adds to the store."""
    counted = counts(decided.observations)
    detailed = details(decided.observations, decided.rule_texts)
    return Write(
        number=number,
        keys=[WRITER + writing.session, *counted, *(detail.key for detail in detailed)],
        arguments=[
            *(number, _NUMBER_LIFETIME, writing.lifetime, writing.agent, len(counted)),
            *counted.values(),
            *(argument for detail in detailed for argument in _arguments(detail)),
        ],
        decided=decided,
    )


def send(client: Valkey, write: Write) -> Written:
    """Send `write` to the store, which applies it unless it has applied that number already."""
    # The whole script each time: a kilobyte beside some hundred, and no store that has forgotten it to reckon with.
    command = ("EVAL", _SCRIPT, len(write.keys), *write.keys, *write.arguments)
    now, refused = client.execute_command(*command)  # type: ignore[no-untyped-call] # the library is typed in part
    return Written(now=bool(now), refused=int(refused))


def _arguments(detail: Detail) -> tuple[str | int, ...]:
    first, last = seconds_text(detail.first), seconds_text(detail.last)
    return (
        detail.protocol,
        detail.packets,
        detail.octets,
        first,
        last,
        rule_place(detail.rule),
        detail.sentence,
    )
