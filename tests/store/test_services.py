"""Services and knocks of a store, as agents and readers ask for them."""

from __future__ import annotations

import time
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import pytest
from valkey.exceptions import InvalidResponse, ValkeyError

from shodohflo.keys import SERVICE, service_key
from shodohflo.model import TCP, UDP, End, Knock, Rung, ServiceSeen
from shodohflo.store.connection import SocketStore
from shodohflo.store.dialogue import Dialogue, Limits
from shodohflo.store.hashes import to_hash, write_hashes
from shodohflo.store.services import read_services
from shodohflo.store.write import Writing
from support.lying import ODD, Lies, LyingWire
from support.observing import SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from valkey import Valkey

    from support.serving import Server

NOW = int(time.time()) * SECOND
HTTP = ServiceSeen(End(ip_address("10.0.0.9"), TCP, 80), NOW - 9 * SECOND, NOW, Rung.HANDSHAKE, 3)
DNS = ServiceSeen(End(ip_address("2001:db8::53"), UDP, 53), NOW - 9 * SECOND, NOW - 1000, Rung.BITS, 1)


def written(client: Valkey, *news: ServiceSeen | Knock) -> None:
    """Write hashes as an agent does."""
    assert write_hashes(client, [to_hash(each, Writing("4f1c9a", "bert", 900)) for each in news]) == 0


def of(services: list[ServiceSeen]) -> set[ServiceSeen]:
    """Return distinct services."""
    assert len(set(services)) == len(services)
    return set(services)


def test_an_agent_finds_the_services_that_others_wrote(client: Valkey) -> None:
    """What was written comes back, with times to the microsecond; other keys are none of them."""
    written(client, HTTP, DNS, Knock(ip_network("203.0.113.9"), NOW, NOW, 1, 1, 1, 1))
    client.set("10.0.0.1;8.8.8.8;53;flow", 7)

    assert of(read_services(Dialogue(client))) == {HTTP, DNS}


def test_an_empty_store_has_none(client: Valkey) -> None:
    """Without keys, nothing is found."""
    assert read_services(Dialogue(client)) == []


def test_only_the_services_written_lately_are_asked_for(client: Valkey) -> None:
    """The remaining lifetime says when a hash was written last."""
    written(client, HTTP, DNS)
    client.expire(service_key(HTTP.end), 86_400 - 100)

    assert of(read_services(Dialogue(client), within=60)) == {DNS}
    assert of(read_services(Dialogue(client), within=120)) == {HTTP, DNS}
    written(client, HTTP)
    assert of(read_services(Dialogue(client), within=60)) == {HTTP, DNS}


@pytest.mark.parametrize(
    "fields",
    [
        {"evidence": "guessed"},
        {"evidence": "hearsay"},
        {"evidence": ""},
        {"first": "soon"},
        {"last": ""},
        {"last": "1.0"},
        {"last": f"{NOW // SECOND + 86_400}.0", "first": "1.0"},
        {"clients": "x" * 3_000_000},
    ],
)
def test_what_cannot_be_is_left_out(client: Valkey, fields: dict[str, str]) -> None:
    """A service without proof or without times, or of tomorrow, is not believed; all others are."""
    written(client, HTTP, DNS)
    client.hset(service_key(HTTP.end), mapping=fields)

    assert of(read_services(Dialogue(client))) == {DNS}


def test_keys_of_other_programs_are_none(client: Valkey) -> None:
    """Another spelling, another type of value, or a name of any length."""
    written(client, DNS)
    for name in ("", "x", "10.0.0.09;tcp;80", "10.0.0.9;icmp;3", "\x1b[2J;tcp;80", "y" * 100_000):
        client.hset(SERVICE + name, mapping={"first": "1.0", "last": "2.0", "evidence": "bits"})
    client.set(service_key(HTTP.end), "theirs")

    assert read_services(Dialogue(client)) == [DNS]


def test_the_number_is_bounded(client: Valkey) -> None:
    """No more are taken than are wanted, and a store that goes on for ever ends with the time."""
    written(client, *(replace(HTTP, end=replace(HTTP.end, port=port)) for port in range(1, 401)))

    assert len(of(read_services(Dialogue(client), most=150))) == 150
    assert len(of(read_services(Dialogue(client)))) == 400
    assert len(read_services(Dialogue(client), seconds=0.0)) <= 400


def test_a_hundred_thousand_services_are_read_within_seconds(client: Valkey) -> None:
    """An agent that starts is not kept waiting."""
    number = 100_000
    fields = [part for field in to_hash(HTTP, Writing("4f1c9a", "bert", 900)).fields.items() for part in field]
    client.eval(
        """
        for place = 0, ARGV[1] - 1 do
            local key = string.format('service;10.0.0.%d;tcp;%d', place / 1000, place % 1000)
            redis.call('HSET', key, unpack(ARGV, 2))
            redis.call('EXPIRE', key, 86400)
        end
        """,
        0,
        str(number),
        *fields,
    )

    begun = time.process_time()
    found = read_services(Dialogue(client), seconds=60.0)
    taken = time.process_time() - begun
    begun = time.process_time()
    lately = read_services(Dialogue(client), within=0.001, seconds=60.0)
    again = time.process_time() - begun

    assert len(found) == number
    assert lately == []
    assert taken < 10
    assert again < 5


@pytest.mark.parametrize("command", [f"HMGET {service_key(HTTP.end)}", "SCAN 0", f"PTTL {service_key(HTTP.end)}"])
@pytest.mark.parametrize("lie", [name for name in ODD if name != "silence"])
def test_whatever_a_store_answers_is_an_error_of_the_library_or_left_out(
    server: Server, client: Valkey, tmp_path: Path, command: str, lie: str
) -> None:
    """No answer raises anything else, and none becomes a service that was not written."""
    written(client, HTTP)
    with LyingWire(tmp_path / "wire", server.path, Lies(command, [lie] * 50), applies=False):
        lied_to = SocketStore(tmp_path / "wire").connect()
        try:
            found = read_services(Dialogue(lied_to, Limits(seconds=2.0, total=5.0)), within=60)
        except (ValkeyError, InvalidResponse, OSError):
            found = []
        lied_to.connection_pool.disconnect()

    assert found in ([], [HTTP])
