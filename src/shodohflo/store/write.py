"""One write: counts and details that the store applies in one step, exactly once, each key with a lifetime.

If the connection breaks after a write was sent and before the answer arrived, the writer cannot know whether the
store applied it. So each writer numbers its writes, and the store keeps the highest number beside the counts: a write
that is sent again is recognised and adds nothing, also when the first copy arrives after later writes, as it may from
behind a router that stopped forwarding for a while. Number and counts are in the same database, so a store that is
restored from an older snapshot has lost the same writes from both. The number that it had tells the writer which.

The keys of a write are chosen in `to_write` only. (For a cluster they would have to be grouped by slot there, with a
number per slot.)

Example: write 7 of session 4f1c9a by the agent `bert`, with a lifetime of 900 seconds, has one row: 3 UDP packets with
200 bytes, decided by rule 1. It has 6 keys and 18 arguments:

    KEYS[1]      writer;4f1c9a                    ARGV[1..6]   7  86400  900  bert  4  1
    KEYS[2..5]   10.0.0.1;8.8.8.8;53;flow         ARGV[7..10]  3  3  3  3
                 10.0.0.1;8.8.8.8;peer
                 8.8.8.8;10.0.0.1;peer
                 client;10.0.0.1
    KEYS[6]      detail;10.0.0.1;8.8.8.8;53       ARGV[11..18] udp  3  200  1700000000.250000  1700000009.500000
                                                               FLOW_MAPPING[1]  the lower port is the service  bits

ARGV[1..6] are the number of the write and its lifetime, the lifetime of the other keys, the agent, and the numbers of
counts and of details. One argument per count follows, and then eight per detail. If the store has number 7 or a higher
one, it answers {0, 0, 0, 0, 0} and changes nothing. Otherwise it adds the counts, sets the number to 7 and answers
{1, 0, 6, 0, 0}: applied, no key refused, and the number was 6. The last two are about corrections: the packets that
were moved, and the corrections for which there was nothing left to move.

Corrections come after the rows of a write. Each has eight arguments more, those of the detail that it adds, and one
before them: how many keys it takes packets from, which is also how many it adds them to (`keys.moves`). The first of
the keys says how many packets there are to move: not more than it counts, and none if it has expired.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shodohflo.keys import WRITER, counts, details, moves
from shodohflo.keys.detail import (
    CORRECTED,
    EVIDENCE,
    FIRST,
    LAST,
    OCTETS,
    PACKETS,
    RULE,
    SEEN_BY,
    SENTENCE,
    seconds_text,
)
from shodohflo.keys.values import MOST
from shodohflo.model import PROTOCOL_NAMES, TCP, UDP, rule_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from valkey import Valkey

    from shodohflo.keys import Detail, Move
    from shodohflo.store.outbox import WithRules

ROWS: Final = 400
"""Rows in a write: each makes at most five keys, and 2,000 keys occupy the store for about 10 ms.

Of corrections, which have six keys and more to do with each, a fourth as many.
"""

NUMBER_LIFETIME: Final = 24 * 3600
"""Seconds that the store remembers a write; after a longer outage the last write may be applied a second time."""

AHEAD: Final = 3600
"""Seconds that the clock of an agent may be ahead of the store's."""

# A store that cannot write (memory full, disk full, read-only replica, SET or EXPIRE forbidden) fails at the SET or
# the EXPIRE of the number, and nothing of the write is applied; after that, nothing stops the script half way.
# A key that holds a value of another program, or may not be written, is left unchanged and counted as refused.
#
# Counts are set to totals instead of incremented, as long as a Lua number holds them exactly: Redis 7.0, killed in the
# middle of an append to its journal, keeps a truncated transaction open at the second restart and runs its commands
# again. Setting a total twice is harmless.
_NAMES: Final = f"""
local FIRST, LAST, RULE, SENTENCE, EVIDENCE = '{FIRST}', '{LAST}', '{RULE}', '{SENTENCE}', '{EVIDENCE}'
local PACKETS, OCTETS, SEEN_BY, CORRECTED = '{PACKETS}', '{OCTETS}', '{SEEN_BY}', '{CORRECTED}'
local OTHER = {{ {PROTOCOL_NAMES[TCP]} = '{PROTOCOL_NAMES[UDP]}', {PROTOCOL_NAMES[UDP]} = '{PROTOCOL_NAMES[TCP]}' }}
local AHEAD = {AHEAD}
"""
_SCRIPT: Final = (
    _NAMES
    + """
local number, number_lifetime, lifetime, agent = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local counted, detailed = tonumber(ARGV[5]), tonumber(ARGV[6])
local refused, moved, vanished = 0, 0, 0

local call, find, format = redis.pcall, string.find, string.format
local now = call('TIME')
-- A time that is later than this was not written by an agent whose clock is right, and must not stick.
local latest = (tonumber(now[1]) or math.huge) + AHEAD

local function sum(known, added)
    if not known then return added end
    if type(known) ~= 'string' or #known > 15 or #added > 15 then return end
    if find(known, '^[1-9]%d*$') then return known + added end
end

-- What is left of a count, never less than 0; nothing if it is no count. A Lua number holds 15 digits exactly.
local function less(known, taken)
    if type(known) ~= 'string' or #known > 19 or not find(known, '^[1-9]%d*$') then return end
    local high, low = tonumber(known:sub(1, -16)) or 0, known:sub(-15) - taken
    if low < 0 and high > 0 then high, low = high - 1, low + 1e15 end
    if high > 0 then return format('%d%015.0f', high, low) end
    return format('%.0f', math.max(low, 0))
end

local function add(key, added, known)
    local total = known and sum(known, added)
    if total then
        call('SET', key, total, 'EX', lifetime)
        return
    end
    local made = not known and call('SET', key, added, 'EX', lifetime, 'NX')
    if made and made.ok then return end
    if type(call('INCRBY', key, added)) == 'number' then
        call('EXPIRE', key, lifetime)
    else
        refused = refused + 1
    end
end

local seen_by = SEEN_BY .. agent

local function is_later(known, time)
    local seconds = tonumber(known)
    return seconds and seconds > tonumber(time) and seconds <= latest
end

local function describe(key, is_news, first, seen, last, rule, sentence, evidence, ...)
    if not is_news then return call('HSET', key, FIRST, first, seen_by, seen, ...) end
    return call('HSET', key, FIRST, first, seen_by, seen, LAST, last, RULE, rule, SENTENCE, sentence,
        EVIDENCE, evidence, ...)
end

local function detail(key, protocol, packets, octets, first, last, ...)
    local of_packets, of_octets = PACKETS .. protocol, OCTETS .. protocol
    local known = call('HMGET', key, of_packets, of_octets, FIRST, LAST, seen_by)
    local all_packets, all_octets = sum(known[1], packets), sum(known[2], octets)
    local known_first = tonumber(known[3])
    if known_first and known_first >= 0 and known_first <= tonumber(first) then first = known[3] end
    local is_news, seen = not is_later(known[4], last), is_later(known[5], last) and known[5] or last

    local added
    if all_packets and all_octets and not known.err then
        local rule, sentence, evidence = ...
        added = describe(key, is_news, first, seen, last, rule, sentence, evidence,
            of_packets, all_packets, of_octets, all_octets)
    else
        added = call('HINCRBY', key, of_packets, packets)
        if type(added) == 'number' then
            call('HINCRBY', key, of_octets, octets)
            describe(key, is_news, first, seen, last, ...)
        end
    end
    if type(added) == 'number' then
        call('EXPIRE', key, lifetime)
        return true
    end
    refused = refused + 1
end

-- Takes packets from a count, as many as it has, and returns how many; nothing if it is no count.
local function take(key, packets)
    local known = call('GET', key)
    if not known then return 0 end
    local left = less(known, packets)
    local done = left and (left == '0' and call('DEL', key) or left ~= '0' and call('SET', key, left, 'EX', lifetime))
    if done and (type(done) == 'number' or done.ok) then
        return #known > 15 and tonumber(packets) or known - left
    end
    refused = refused + 1
end

local function take_detail(key, protocol, packets, octets)
    local of_packets, of_octets = PACKETS .. protocol, OCTETS .. protocol
    local known = call('HMGET', key, of_packets, of_octets, PACKETS .. (OTHER[protocol] or ''))
    if not known[1] and not known.err then return end
    local left_packets, left_octets = less(known[1], packets), less(known[2], octets)
    local done
    if left_packets == '0' then
        done = known[3] and call('HDEL', key, of_packets, of_octets) or not known[3] and call('DEL', key)
    elseif left_packets then
        done = call('HSET', key, of_packets, left_packets, of_octets, left_octets or '0')
    end
    if type(done) == 'number' then
        call('EXPIRE', key, lifetime)
    else
        refused = refused + 1
    end
end

local function correct(at, kinds, protocol, packets, octets, ...)
    local taken = take(KEYS[at], packets)
    if not taken then return end
    if taken == 0 then
        vanished = vanished + 1
        return
    end
    moved = moved + taken
    if taken < tonumber(packets) then
        octets = format('%.0f', math.floor(octets * (taken / packets)))
        packets = format('%.0f', taken)
    end
    if kinds == 3 then
        take(KEYS[at + 1], packets)
        take_detail(KEYS[at + 2], protocol, packets, octets)
    end
    for i = at + kinds, at + kinds + math.min(kinds, 2) - 1 do
        add(KEYS[i], packets, call('GET', KEYS[i]))
    end
    if kinds == 3 and detail(KEYS[at + 5], protocol, packets, octets, ...) then
        call('HSET', KEYS[at + 5], CORRECTED, now[2] and format('%s.%06d', now[1], now[2]) or select(2, ...))
    end
end

local before = redis.call('GET', KEYS[1]) or ''
if (tonumber(before) or 0) >= tonumber(number) then return {0, 0, 0, 0, 0} end
redis.call('SET', KEYS[1], number, 'EX', number_lifetime)
local expires = redis.pcall('EXPIRE', KEYS[1], number_lifetime)
if type(expires) ~= 'number' then
    redis.call('SET', KEYS[1], before, 'EX', number_lifetime)
    return expires
end

-- One MGET instead of a GET for each count. It has nothing for a key that is missing and for one that holds another
-- type of value; SET with NX tells them apart.
local known_counts = counted > 0 and call('MGET', unpack(KEYS, 2, counted + 1)) or {}
local at = 6
for i = 2, counted + 1 do
    add(KEYS[i], ARGV[at + i - 1], known_counts[i - 1])
end
at = at + counted

local key = counted + 2
while key <= counted + 1 + detailed do
    detail(KEYS[key], unpack(ARGV, at + 1, at + 8))
    key, at = key + 1, at + 8
end

while key <= #KEYS do
    local kinds = tonumber(ARGV[at + 1])
    correct(key, kinds, unpack(ARGV, at + 2, at + 9))
    key, at = key + 2 * kinds, at + 9
end
return {1, refused, tonumber(before) or 0, moved, vanished}
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
    moved: int = 0
    """Packets that corrections moved; 0 if `now` is false."""
    vanished: int = 0
    """Corrections that moved nothing, because the wrong key has expired or was deleted; 0 if `now` is false."""


def to_write(decided: WithRules, number: int, writing: Writing) -> Write:
    """Return write `number`: the keys that count `decided`, the details, and the arguments of the script."""
    counted = counts(decided.observations)
    detailed = details(decided.observations, decided.rule_texts)
    moved = moves(decided.corrections, decided.rule_texts)
    return Write(
        number=number,
        keys=[
            *(WRITER + writing.session, *counted, *(detail.key for detail in detailed)),
            *(key for move in moved for key in (*move.wrong, *move.right)),
        ],
        arguments=[
            *(number, NUMBER_LIFETIME, writing.lifetime, writing.agent, len(counted), len(detailed)),
            *counted.values(),
            *(argument for detail in detailed for argument in _arguments(detail)),
            *(argument for move in moved for argument in _move_arguments(move)),
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
    """Check an answer: whether the write was applied now, the keys refused, the number before, and what was moved."""
    match answer:
        case [0 | 1 as now, int(refused), int(before), int(moved), int(vanished)] if (
            0 <= refused <= keys and before >= 0 and 0 <= moved <= MOST and 0 <= vanished <= keys
        ):
            return Written(now=bool(now), refused=refused, before=before, moved=moved, vanished=vanished)
    raise ValueError(f"{answer!r:.100} is no answer to a write")


def _move_arguments(move: Move) -> tuple[str | int, ...]:
    return len(move.wrong), *_arguments(move.added)


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
        detail.evidence,
    )
