"""The hashes of services and of knocks: a queue in which the latest news of each wins, and the script that writes them.

Every field is merged with what the store has, and keeps the earliest, the latest, the strongest or the largest value
(`keys.services`, `keys.knocks`). So writing a hash twice changes nothing, it needs no number as counts do, and several
agents can write to the same one. For example, two keys with the lifetimes 86,400 and 900:

    KEYS   service;10.0.0.9;tcp;54321     ARGV   86400  5  first  1700000000.250000  last  1700000009.500000 ...
           knock;203.0.113.9                     900    7  first  1700000000.250000  last  1700000012.250000 ...

The answer is the number of keys that were left unchanged: values of other programs, or no permission. If the store can
write none of them, it is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from valkey.exceptions import ResponseError

from shodohflo.keys import knock_fields, knock_key, service_fields, service_key
from shodohflo.keys.detail import EVIDENCE, FIRST, LAST, SEEN_BY
from shodohflo.keys.knocks import MOST_TARGETS, TARGET
from shodohflo.keys.services import EVIDENCE_RANKS
from shodohflo.model import End, Knock, ServiceSeen
from shodohflo.store.scripts import ScriptCall
from shodohflo.store.write_script import AHEAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from valkey import Valkey

    from shodohflo.model import Network
    from shodohflo.store.write import Writing

SERVICE_LIFETIME: Final = 24 * 3600
"""Seconds that a service is remembered after it was seen last."""

MOST_AT_ONCE: Final = 500
"""Hashes in one round trip."""

MOST_WAITING: Final = 100_000
"""Hashes that wait."""

_MOST_FIELDS: Final = 5_000
"""Fields in one round trip: so many occupy the store for some 10 ms."""

_LARGEST: Final = 1_000
"""Fields of a hash of ours, at most; a larger one is that of another program."""

_NAMES: Final = f"""
local FIRST, LAST, EVIDENCE, SEEN_BY, TARGET = '{FIRST}', '{LAST}', '{EVIDENCE}', '{SEEN_BY}', '{TARGET}'
local AHEAD, MOST_TARGETS, LARGEST = {AHEAD}, {MOST_TARGETS}, {_LARGEST}
local RANK = {{ {", ".join(f"['{word}'] = {rank}" for word, rank in EVIDENCE_RANKS.items())} }}
"""
_SCRIPT: Final = (
    _NAMES
    + """
local call, sub, find = redis.pcall, string.sub, string.find
local latest = (tonumber(call('TIME')[1]) or math.huge) + AHEAD

local failure

local function starts(field, prefix) return sub(field, 1, #prefix) == prefix end

-- The first of the values that the hash has and that are new for a field; whether to keep it.
local function keeps(field, known, new)
    if field == EVIDENCE then return RANK[known] and RANK[known] <= (RANK[new] or math.huge) end
    local number = #known <= 20 and find(known, '^[0-9.]+$') and tonumber(known)
    if not number then return false end
    if field == FIRST then return number <= tonumber(new) end
    if starts(field, TARGET) then return number <= latest end
    if field == LAST or starts(field, SEEN_BY) then return number >= tonumber(new) and number <= latest end
    return #known <= 15 and find(known, '^%d+$') and number >= tonumber(new)
end

local function merge(key, lifetime, from, to)
    local size = call('HLEN', key)
    local held = type(size) == 'number' and size <= LARGEST and call('HGETALL', key)
    if not held or held.err then return end
    local known, targets = {}, 0
    for i = 1, #held, 2 do
        known[held[i]] = held[i + 1]
        if starts(held[i], TARGET) then targets = targets + 1 end
    end
    local changed = {}
    for i = from, to, 2 do
        local field, value = ARGV[i], ARGV[i + 1]
        local is_more = not known[field] and starts(field, TARGET)
        if is_more then targets = targets + 1 end
        if not (is_more and targets > MOST_TARGETS) and not (known[field] and keeps(field, known[field], value)) then
            changed[#changed + 1] = field
            changed[#changed + 1] = value
        end
    end
    local written = #changed == 0 or call('HSET', key, unpack(changed))
    if type(written) == 'table' then
        failure = written
        return
    end
    local expires = call('EXPIRE', key, lifetime)
    if type(expires) == 'number' then return expires == 1 end
    -- What may not be given a lifetime must not stay. It cannot be found out before: a store whose memory is full lets
    -- a script write all it likes after an EXPIRE.
    failure = expires
    if size == 0 and type(call('DEL', key)) ~= 'number' then call('SET', key, '', 'EX', 1) end
end

local at, refused = 1, 0
for _, key in ipairs(KEYS) do
    local lifetime, fields = ARGV[at], tonumber(ARGV[at + 1])
    if not merge(key, lifetime, at + 2, at + 1 + 2 * fields) then refused = refused + 1 end
    at = at + 2 + 2 * fields
end
-- If the store takes nothing at all, as without free memory, it says why.
return refused == #KEYS and failure or refused
"""
)


@dataclass(frozen=True, slots=True)
class Hash:
    """What is written about one service or origin."""

    key: str
    fields: Mapping[str, str]
    lifetime: int
    """Seconds until the hash expires if it is not written again."""


class HashQueue:
    """Services and knocks that wait to be written, at most `MOST_WAITING`; of each, the latest that was offered."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        """Start empty."""
        self._most = most
        self._waiting: dict[End | Network, ServiceSeen | Knock] = {}
        self.given_up = 0
        """Services and knocks that were not written."""

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def offer(self, news: Iterable[ServiceSeen | Knock]) -> None:
        """Queue `news`, each in the place of what waits about the same; the oldest are given up if they do not fit."""
        self._waiting.update((_subject(each), each) for each in news)
        self._bound()

    def take(self) -> list[ServiceSeen | Knock]:
        """Remove and return the oldest, as many as fit one round trip."""
        taken: list[ServiceSeen | Knock] = []
        fields = 0
        for each in islice(self._waiting.values(), MOST_AT_ONCE):
            fields += _size(each)
            if taken and fields > _MOST_FIELDS:
                break
            taken.append(each)
        for each in taken:
            del self._waiting[_subject(each)]
        return taken

    def put_back(self, taken: Iterable[ServiceSeen | Knock]) -> None:
        """Queue what was taken and not written, before all else; newer news of the same are kept."""
        self._waiting = {_subject(each): each for each in taken} | self._waiting
        self._bound()

    def postpone(self, taken: Iterable[ServiceSeen | Knock]) -> None:
        """Queue what was taken and not written behind all else; newer news of the same are kept."""
        self.offer(each for each in taken if _subject(each) not in self._waiting)

    def give_up(self) -> None:
        """Give up all that wait."""
        self.given_up += len(self._waiting)
        self._waiting.clear()

    def _bound(self) -> None:
        excess = max(len(self._waiting) - self._most, 0)
        for subject in list(islice(self._waiting, excess)):
            del self._waiting[subject]
        self.given_up += excess


def to_hash(news: ServiceSeen | Knock, writing: Writing) -> Hash:
    """Return what an agent writes about a service, or its run about an origin."""
    if isinstance(news, ServiceSeen):
        return Hash(service_key(news.end), service_fields(news, writing.agent), SERVICE_LIFETIME)
    return Hash(knock_key(news.origin), knock_fields(news, writing.agent, writing.session), writing.lifetime)


def hashes_call(hashes: Sequence[Hash]) -> ScriptCall:
    """Return the call that merges `hashes` into a store."""
    arguments: list[str | int] = []
    for each in hashes:
        arguments += [each.lifetime, len(each.fields)]
        arguments += [part for field in each.fields.items() for part in field]
    return ScriptCall(_SCRIPT, [each.key for each in hashes], arguments)


def checked_hashes(answer: object, keys: int) -> int:
    """Return the number of keys that were left unchanged; raise an error of the client library for an odd answer."""
    if isinstance(answer, ResponseError):
        raise answer
    if not isinstance(answer, int) or not 0 <= answer <= keys:
        raise ResponseError(f"an odd answer to hashes: {answer!r:.100}")
    return answer


def write_hashes(client: Valkey, hashes: Sequence[Hash]) -> int:
    """Merge `hashes` into the store, and return how many keys were left unchanged."""
    call = hashes_call(hashes)
    return checked_hashes(client.execute_command(*call.whole), len(hashes))  # type: ignore[no-untyped-call] # typed in part


def _subject(news: ServiceSeen | Knock) -> End | Network:
    return news.end if isinstance(news, ServiceSeen) else news.origin


def _size(news: ServiceSeen | Knock) -> int:
    """Return the number of fields, at most."""
    return 5 if isinstance(news, ServiceSeen) else 7 + min(len(news.targets), MOST_TARGETS)
