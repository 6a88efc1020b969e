"""One write: counts and details that the store applies in one step, exactly once, each key with a lifetime.

If the connection breaks after a write was sent and before the answer arrived, the writer cannot know whether the
store applied it. So each writer numbers its writes, and the store keeps the highest number beside the counts: a write
that is sent again is recognised and adds nothing, also when the first copy arrives after later writes, as it may from
behind a router that stopped forwarding for a while. Number and counts are in the same database, so a store that is
restored from an older snapshot has lost the same writes from both. The number that it had tells the writer which.

The keys of a write are chosen in `to_write` only. (For a cluster they would have to be grouped by slot there, with a
number per slot.)

Example: write 7 of session 4f1c9a by the agent `bert`, with a lifetime of 900 seconds, has one row: 3 UDP packets with
200 bytes, decided by rule 1. It has 6 keys and 16 arguments:

    KEYS[1]      writer;4f1c9a                    ARGV[1..5]   7  86400  900  bert  4
    KEYS[2..5]   10.0.0.1;8.8.8.8;53;flow         ARGV[6..9]   3  3  3  3
                 10.0.0.1;8.8.8.8;peer
                 8.8.8.8;10.0.0.1;peer
                 client;10.0.0.1
    KEYS[6]      detail;10.0.0.1;8.8.8.8;53       ARGV[10..16] udp  3  200  1700000000.250000  1700000009.500000
                                                               FLOW_MAPPING[1]  the lower port is the service

ARGV[1..5] are the number of the write and its lifetime, the lifetime of the other keys, the agent, and the number of
counts. One argument per count follows, and then seven per detail. If the store has number 7 or a higher one, it
answers {0, 0, 0} and changes nothing. Otherwise it adds the counts, sets the number to 7 and answers {1, 0, 6}:
applied, no key refused, and the number was 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shodohflo.keys import WRITER, counts, details
from shodohflo.keys.detail import FIRST, LAST, OCTETS, PACKETS, RULE, SEEN_BY, SENTENCE, seconds_text
from shodohflo.model import rule_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from valkey import Valkey

    from shodohflo.keys import Detail
    from shodohflo.store.outbox import WithRules

ROWS: Final = 400
"""Rows in a write: each makes at most five keys, and 2,000 keys occupy the store for about 10 ms."""

NUMBER_LIFETIME: Final = 24 * 3600
"""Seconds that the store remembers a write; after a longer outage the last write may be applied a second time."""

_AHEAD: Final = 3600
"""Seconds that the clock of an agent may be ahead of the store's."""

# A store that cannot write (memory full, disk full, read-only replica, SET or EXPIRE forbidden) fails at the SET or
# the EXPIRE of the number, and nothing of the write is applied; after that, nothing stops the script half way.
# A key that holds a value of another program, or may not be written, is left unchanged and counted as refused.
#
# Counts are set to totals instead of incremented, as long as a Lua number holds them exactly: Redis 7.0, killed in the
# middle of an append to its journal, keeps a truncated transaction open at the second restart and runs its commands
# again. Setting a total twice is harmless.
_NAMES: Final = f"""
local FIRST, LAST, RULE, SENTENCE = '{FIRST}', '{LAST}', '{RULE}', '{SENTENCE}'
local PACKETS, OCTETS, SEEN_BY = '{PACKETS}', '{OCTETS}', '{SEEN_BY}'
local AHEAD = {_AHEAD}
"""
_SCRIPT: Final = (
    _NAMES
    + """
local number, number_lifetime, lifetime, agent, counted = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local at, refused = 5, 0

local call, find = redis.pcall, string.find
-- A time that is later than this was not written by an agent whose clock is right, and must not stick.
local latest = (tonumber(call('TIME')[1]) or math.huge) + AHEAD

local function sum(known, added)
    if not known then return added end
    if type(known) ~= 'string' or #known > 15 or #added > 15 then return end
    if find(known, '^[1-9]%d*$') then return known + added end
end

local seen_by = SEEN_BY .. agent

local function describe(key, is_news, first, last, rule, sentence, ...)
    if not is_news then return call('HSET', key, FIRST, first, seen_by, last, ...) end
    return call('HSET', key, FIRST, first, seen_by, last, LAST, last, RULE, rule, SENTENCE, sentence, ...)
end

local before = redis.call('GET', KEYS[1]) or ''
if (tonumber(before) or 0) >= tonumber(number) then return {0, 0, 0} end
redis.call('SET', KEYS[1], number, 'EX', number_lifetime)
local expires = redis.pcall('EXPIRE', KEYS[1], number_lifetime)
if type(expires) ~= 'number' then
    redis.call('SET', KEYS[1], before, 'EX', number_lifetime)
    return expires
end

-- One MGET instead of a GET for each count. It has nothing for a key that is missing and for one that holds another
-- type of value; SET with NX tells them apart.
local known_counts = counted > 0 and call('MGET', unpack(KEYS, 2, counted + 1)) or {}
for i = 2, counted + 1 do
    local key, added, known = KEYS[i], ARGV[at + i - 1], known_counts[i - 1]
    local total = known and sum(known, added)
    if total then
        call('SET', key, total, 'EX', lifetime)
    else
        local made = not known and call('SET', key, added, 'EX', lifetime, 'NX')
        if not (made and made.ok) then
            if type(call('INCRBY', key, added)) == 'number' then
                call('EXPIRE', key, lifetime)
            else
                refused = refused + 1
            end
        end
    end
end
at = at + counted

for i = counted + 2, #KEYS do
    local key = KEYS[i]
    local protocol, packets, octets, first, last, rule, sentence = unpack(ARGV, at + 1, at + 7)
    at = at + 7
    local of_packets, of_octets = PACKETS .. protocol, OCTETS .. protocol
    local known = call('HMGET', key, of_packets, of_octets, FIRST, LAST)
    local all_packets, all_octets = sum(known[1], packets), sum(known[2], octets)
    local known_first, known_last = tonumber(known[3]), tonumber(known[4])
    if known_first and known_first >= 0 and known_first <= tonumber(first) then first = known[3] end
    local is_news = not (known_last and known_last > tonumber(last) and known_last <= latest)

    local added
    if all_packets and all_octets and not known.err then
        added = describe(key, is_news, first, last, rule, sentence, of_packets, all_packets, of_octets, all_octets)
    else
        added = call('HINCRBY', key, of_packets, packets)
        if type(added) == 'number' then
            call('HINCRBY', key, of_octets, octets)
            describe(key, is_news, first, last, rule, sentence)
        end
    end
    if type(added) == 'number' then
        call('EXPIRE', key, lifetime)
    else
        refused = refused + 1
    end
end
return {1, refused, tonumber(before) or 0}
"""
)


@dataclass(frozen=True, slots=True)
class Writing:
    """The writer's identity, and the lifetime of its keys."""

    session: str
    """Random, different for each writer; part of its key in the store."""
    agent: str
    lifetime: int
    """Seconds until a key expires that is not written again."""


@dataclass(frozen=True, slots=True)
class Write:
    """The keys and arguments of one atomic write; sending it again changes nothing in the store."""

    number: int
    keys: list[str]
    arguments: list[str | int]
    decided: WithRules


@dataclass(frozen=True, slots=True)
class Written:
    """The store's answer to a write."""

    now: bool
    """Whether the write was applied now; false if the store had applied it before."""
    refused: int
    """Keys that were left unchanged: a value of another program, or no permission."""
    before: int = 0
    """The number of the last write that the store had before; 0 if it had none, or if `now` is false."""


def to_write(decided: WithRules, number: int, writing: Writing) -> Write:
    """Return write `number`: the keys that count `decided`, the details, and the arguments of the script."""
    counted = counts(decided.observations)
    detailed = details(decided.observations, decided.rule_texts)
    return Write(
        number=number,
        keys=[WRITER + writing.session, *counted, *(detail.key for detail in detailed)],
        arguments=[
            *(number, NUMBER_LIFETIME, writing.lifetime, writing.agent, len(counted)),
            *counted.values(),
            *(argument for detail in detailed for argument in _arguments(detail)),
        ],
        decided=decided,
    )


def send(client: Valkey, write: Write, meanwhile: Callable[[], None] = lambda: None) -> Written:
    """Send `write` to the store, which applies it unless it has applied that number already.

    `meanwhile` is called between the request and the answer. An answer that is none to a write is a `ValueError`.
    """
    pool = client.connection_pool
    connection = pool.get_connection("EVAL")
    try:
        # EVAL rather than EVALSHA: 3 KB of script beside the 100 KB of a full write, and no handling of NOSCRIPT.
        connection.send_command("EVAL", _SCRIPT, len(write.keys), *write.keys, *write.arguments)
        meanwhile()
        return _written(connection.read_response(), len(write.keys))
    finally:
        pool.release(connection)


def _written(answer: object, keys: int) -> Written:
    """Check an answer: whether the write was applied now, how many keys were refused, and the number before."""
    match answer:
        case [0 | 1 as now, int(refused), int(before)] if 0 <= refused <= keys and before >= 0:
            return Written(now=bool(now), refused=refused, before=before)
    raise ValueError(f"{answer!r:.100} is no answer to a write")


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
