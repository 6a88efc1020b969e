"""The script that applies a write; `store.write` says what it is given and what it answers.

A store that cannot write (memory full, disk full, read-only replica, SET or EXPIRE forbidden) fails at the SET or the
EXPIRE of the number, and nothing of the write is applied; after that, nothing stops the script half way. A key that
holds a value of another program, or may not be written, is left unchanged and counted as refused.

Counts are set to totals instead of incremented, as long as a Lua number holds them exactly: Redis 7.0, killed in the
middle of an append to its journal, keeps a truncated transaction open at the second restart and runs its commands
again. Setting a total twice is harmless.
"""

from __future__ import annotations

from typing import Final

from shodohflo.keys.detail import CORRECTED, EVIDENCE, FIRST, LAST, OCTETS, PACKETS, RULE, SEEN_BY, SENTENCE
from shodohflo.model import PROTOCOL_NAMES, TCP, UDP

AHEAD: Final = 3600
"""Seconds that the clock of an agent may be ahead of the store's."""

_NAMES: Final = f"""
local FIRST, LAST, RULE, SENTENCE, EVIDENCE = '{FIRST}', '{LAST}', '{RULE}', '{SENTENCE}', '{EVIDENCE}'
local PACKETS, OCTETS, SEEN_BY, CORRECTED = '{PACKETS}', '{OCTETS}', '{SEEN_BY}', '{CORRECTED}'
local TCP, UDP = '{PROTOCOL_NAMES[TCP]}', '{PROTOCOL_NAMES[UDP]}'
local AHEAD = {AHEAD}
"""
SCRIPT: Final = (
    _NAMES
    + """
local number, expected, number_lifetime, agent = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local until_time, counted, full, runs = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local refused, rewritten, unsure = 0, 0, 0
local call, find, sub = redis.pcall, string.find, string.sub
local now = tonumber(call('TIME')[1]) or 0  -- 0 without permission

-- The last number; behind a number at which writes were found to be lost, the last one before that (`store.write`).
local noted = redis.call('GET', KEYS[1]) or ''
local last, held = string.match(noted, '^(%d+) ?(%d*)$')
last = tonumber(last) or 0
local is_repeated = last == tonumber(number) and held ~= ''
if last >= tonumber(number) and not is_repeated then return {0, last, 0, 0, 0, -1, now} end
if last ~= expected or is_repeated then
    if is_repeated then
        last = tonumber(held)
    else
        redis.call('SET', KEYS[1], number .. ' ' .. last, 'EX', number_lifetime)
    end
    local stats = call('INFO', 'stats')
    local evicted = type(stats) == 'string' and string.match(stats, 'evicted_keys:(%d+)')
    return {2, last, 0, 0, 0, tonumber(evicted or -1), now}
end
if now > until_time then return {3, last, 0, 0, 0, -1, now} end
redis.call('SET', KEYS[1], number, 'EX', number_lifetime)
local expires = redis.pcall('EXPIRE', KEYS[1], number_lifetime)
if type(expires) ~= 'number' then
    redis.call('SET', KEYS[1], noted, 'EX', number_lifetime)
    return expires
end

-- The lifetime of each key in milliseconds.
local lifetimes, at = {}, 9
for _ = 1, runs do
    for _ = 1, tonumber(ARGV[at]) do lifetimes[#lifetimes + 1] = tonumber(ARGV[at + 1]) end
    at = at + 2
end

-- What is written late must not shorten what another agent has refreshed since.
local function lifetime(key, ms)
    if ms >= full then return ms end
    local left = call('PTTL', key)
    return type(left) == 'number' and left > ms and left or ms
end

-- The number that a value is, if it is a count of at most 15 digits, which a Lua number holds exactly.
local function count(value)
    if type(value) == 'string' and #value <= 15 and (value == '0' or find(value, '^[1-9]%d*$')) then
        return tonumber(value)
    end
end

-- A count after `delta` was added; `total` is what the agent has counted in all. Nothing if it is too large for Lua.
local function plus(known, delta, total, doubt)
    if not known then return count(total) end
    local value, ours, added = count(known), count(total), #delta <= 15 and tonumber(delta)
    if not value or not ours or not added then return end
    local before = ours - added
    if doubt == '!' then
        if value < before then rewritten = rewritten + before - value end
        if value > ours then unsure = unsure + ours end
        return math.max(value, ours)
    elseif doubt == '?' then
        if value < before then
            rewritten = rewritten + before - value
            value = before
        elseif value > before then
            unsure = unsure + before
        end
    end
    return value + added
end

local function add(key, delta, total, ms, known)
    local doubt = find(total, '^[?!]') and sub(total, 1, 1) or ''
    if doubt ~= '' then total = sub(total, 2) end
    if not known then
        -- Missing, or another type of value: SET with NX tells them apart.
        if total == '0' then
            -- Nothing is to be there, so a missing key is right as it is.
            local left = call('PTTL', key)
            if type(left) == 'number' and left ~= -2 then refused = refused + 1 end
            return
        end
        local made = call('SET', key, total, 'PX', ms, 'NX')
        if made and made.ok then
            rewritten = rewritten + (total - delta)
            return
        end
    elseif known ~= '0' then
        local sum = plus(known, delta, total, doubt)
        local done = sum and sum <= 0 and call('DEL', key)
        if sum and sum > 0 then done = call('SET', key, sum, 'PX', lifetime(key, ms)) end
        if done and (type(done) == 'number' or done.ok) then return end
    end
    local sum = (sub(delta, 1, 1) ~= '-' or find(known or '', '^[1-9]%d*$')) and call('INCRBY', key, delta)
    if type(sum) ~= 'number' then
        refused = refused + 1
    elseif sum <= 0 then
        call('DEL', key)
    else
        call('PEXPIRE', key, lifetime(key, ms))
    end
end

local seen_by = SEEN_BY .. agent
-- A time that is later than this was not written by an agent whose clock is right, and must not stick.
local latest = now > 0 and now + AHEAD or math.huge

local function is_later(known, time)
    local seconds = tonumber(known)
    return seconds and seconds > tonumber(time) and seconds <= latest
end

-- The fields that say when, by which rule and why.
local function describe(known, first, last, rule, sentence, evidence, corrected)
    local known_first = tonumber(known[1])
    if known_first and known_first >= 0 and known_first <= tonumber(first) then first = known[1] end
    local fields = {FIRST, first, seen_by, is_later(known[3], last) and known[3] or last}
    local news = is_later(known[2], last) and {} or {LAST, last, RULE, rule, SENTENCE, sentence, EVIDENCE, evidence}
    for _, field in ipairs(news) do fields[#fields + 1] = field end
    if corrected ~= '' then
        fields[#fields + 1] = CORRECTED
        fields[#fields + 1] = corrected
    end
    return fields
end

-- Changes a detail by the five arguments of each of its protocols, which begin after `at`.
local function detail(key, ms, at)
    local protocols, doubt = tonumber(ARGV[at]), ARGV[at + 1]
    local asked = {FIRST, LAST, seen_by}
    for i = at + 8, at + 3 + 5 * protocols, 5 do
        asked[#asked + 1] = PACKETS .. ARGV[i]
        asked[#asked + 1] = OCTETS .. ARGV[i]
    end
    local known = call('HMGET', key, unpack(asked))
    local is_read = not known.err
    if not is_read then known = {} end
    local fields, gone = describe(known, unpack(ARGV, at + 2, at + 7)), {}
    local counters, added = 0, 0
    for i = 1, protocols do
        local from, place = at + 8 + 5 * (i - 1), 2 + 2 * i
        local packets = is_read and plus(known[place], ARGV[from + 1], ARGV[from + 3], doubt)
        local octets = is_read and plus(known[place + 1], ARGV[from + 2], ARGV[from + 4], doubt)
        if packets and packets <= 0 then
            gone[#gone + 1] = asked[place]
            gone[#gone + 1] = asked[place + 1]
        elseif packets and octets then
            fields[#fields + 1] = asked[place]
            fields[#fields + 1] = packets
            fields[#fields + 1] = asked[place + 1]
            fields[#fields + 1] = math.max(octets, 0)
            counters = counters + 1
        else
            local is_less = sub(ARGV[from + 1], 1, 1) == '-'
            if is_less and not find(known[place] or '', '^[1-9]%d*$') then return end
            local ours = is_read and not known[place] and 2 or 0  -- of what is missing, all that the agent has counted
            if type(call('HINCRBY', key, asked[place], ARGV[from + 1 + ours])) ~= 'number' then return end
            call('HINCRBY', key, asked[place + 1], ARGV[from + 2 + ours])
            counters = counters + 1
        end
    end
    if #gone > 0 and type(call('HDEL', key, unpack(gone))) ~= 'number' then return end
    if counters == 0 then
        local left = call('HMGET', key, PACKETS .. TCP, PACKETS .. UDP)
        if left.err then return end
        if not left[1] and not left[2] then return type(call('DEL', key)) == 'number' end
    end
    if type(call('HSET', key, unpack(fields))) ~= 'number' then return end
    return type(call('PEXPIRE', key, lifetime(key, ms))) == 'number'
end

-- One MGET instead of a GET for each count. It has nothing for a key that is missing and for one that holds another
-- type of value.
local known = counted > 0 and call('MGET', unpack(KEYS, 2, counted + 1)) or {}
for i = 1, counted do
    add(KEYS[i + 1], ARGV[at], ARGV[at + 1], lifetimes[i], known[i])
    at = at + 2
end
-- What is found out about counts is not counted again for details.
local counts_rewritten, counts_unsure = rewritten, unsure
for i = counted + 1, #KEYS - 1 do
    if not detail(KEYS[i + 1], lifetimes[i], at) then refused = refused + 1 end
    at = at + 8 + 5 * ARGV[at]
end
return {1, last, refused, counts_rewritten, counts_unsure, -1, now}
"""
)
