"""Stores by one name in DNS: with a real server, and with one that answers what no server should."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from shodohflo.errors import ConfigurationError, StoreError
from shodohflo.store import fanout
from shodohflo.store.connection import RemoteStore
from shodohflo.store.fanout import MOST_HOSTS, FanOut, NameServer, find_stores, parse_fan_out
from shodohflo.store.urls import parse_url
from support.machine import require
from support.naming import Dnsmasq, OddNameServer, answered, pointers
from support.serving import Server, free_port, programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dns.message import QueryMessage

    from support.naming import Answering

STORES = "stores.example.net"
MANY = 400


@pytest.fixture(scope="module")
def names() -> Iterator[Dnsmasq]:
    """Yield a real server with names of stores, and others."""
    records = (
        *pointers(STORES, "ernie.example.org", "bert.example.org"),
        *pointers("many.example.net", *(f"sensor{number}.example.org" for number in range(MANY))),
        *pointers("twice.example.net", "bert.example.org", "BERT.Example.ORG"),
        "--txt-record=text.example.net,no stores here",
    )
    with Dnsmasq(records) as server:
        yield server


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dns:stores.example.net", FanOut(parse_url("stores.example.net"))),
        ("dns:stores.example.net:6380/2", FanOut(parse_url("valkey://stores.example.net:6380/2"))),
        ("dns:valkeys://reader:x@s.net/1", FanOut(parse_url("valkeys://reader:x@s.net/1"))),
        ("dns://192.0.2.53/s.net", FanOut(parse_url("s.net"), NameServer("192.0.2.53"))),
        ("dns://192.0.2.53:5353/s.net:7/2", FanOut(parse_url("s.net:7/2"), NameServer("192.0.2.53", 5353))),
        ("dns://[2001:db8::53]/rediss://s.net", FanOut(parse_url("rediss://s.net"), NameServer("2001:db8::53"))),
    ],
)
def test_a_fan_out_is_the_address_of_a_store_with_a_name_for_its_host(text: str, expected: FanOut) -> None:
    """Port, database, TLS and credentials are those of every store; a DNS server may stand before the name."""
    assert parse_fan_out(text) == expected


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("dns:", "there is no name to ask for"),
        ("dns://", "the address of a DNS server"),
        ("dns://stores.example.net", "the address of a DNS server"),
        ("dns://192.0.2.53", "there is no name to ask for"),
        ("dns://192.0.2.53/", "there is no name to ask for"),
        ("dns://ns.example.net/s.net", "as in dns://192.0.2.53/NAME"),
        ("dns://192.0.2.53:0/s.net", "as in dns://192.0.2.53/NAME"),
        ("dns://192.0.2.53:99999/s.net", "as in dns://192.0.2.53/NAME"),
        ("dns://me:hush@192.0.2.53/s.net", "as in dns://192.0.2.53/NAME"),
        ("dns:192.0.2.1", "it has an address where the name belongs"),
        ("dns:[2001:db8::1]", "it has an address where the name belongs"),
        ("dns:valkey+cluster://a.example.net,b.example.net", "one name belongs there, not several"),
        ("dns:unix:///run/valkey.sock", "a socket has no name in DNS"),
        ("dns:6379", "a host that is called dns is valkey://dns:6379"),
        ("dns:ftp://s.net", "the scheme must be"),
        ("dns:valkey://:hush@s.net:x", "the port must be a number"),
    ],
)
def test_a_malformed_fan_out_is_refused_with_a_correct_one(text: str, way_out: str) -> None:
    """The error says what is wrong, and quotes no password."""
    with pytest.raises(ConfigurationError) as caught:
        parse_fan_out(text)

    assert way_out in str(caught.value)
    assert "hush" not in str(caught.value)


def test_its_text_has_no_credentials() -> None:
    """The name in messages is that of the name in DNS, with the server if one is named."""
    told = str(parse_fan_out("dns://[2001:db8::53]:5353/valkeys://reader:hush@s.net/1"))

    assert told == "dns://[2001:db8::53]:5353/s.net"
    assert str(parse_fan_out("dns:s.net")) == "dns:s.net"


def test_each_target_is_the_host_of_a_store(names: Dnsmasq) -> None:
    """Everything else of the address is the same for each; the hosts are in order, whatever DNS makes of it."""
    found = find_stores(parse_fan_out(f"{names.named}valkeys://:hush@{STORES}:6380/2"))

    assert found.refused == ()
    assert found.urls == (
        parse_url("valkeys://:hush@bert.example.org:6380/2"),
        parse_url("valkeys://:hush@ernie.example.org:6380/2"),
    )


def test_a_host_that_is_named_twice_is_one(names: Dnsmasq) -> None:
    """Upper and lower case are the same in DNS."""
    [url] = find_stores(parse_fan_out(f"{names.named}twice.example.net")).urls

    assert url.host == "bert.example.org"


def test_an_alias_is_followed() -> None:
    """A CNAME leads to the name that has the records."""
    with OddNameServer(
        lambda query: answered(
            query, ("alias.example.net.", "CNAME", f"{STORES}."), (f"{STORES}.", "PTR", "bert.example.org.")
        )
    ) as server:
        [url] = find_stores(parse_fan_out(f"{server.named}alias.example.net")).urls

    assert url.host == "bert.example.org"


def test_hundreds_of_hosts_need_more_than_a_datagram(names: Dnsmasq) -> None:
    """An answer that is too large for a datagram is asked for again by TCP."""
    found = find_stores(parse_fan_out(f"{names.named}many.example.net"))

    assert len(found.urls) == MANY


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere.example.net", "there is no such name in DNS: correct it"),
        ("text.example.net", "the name has no PTR records in DNS: give it some"),
        ("elsewhere.example.org", "REFUSED: try again, or name another server"),
    ],
)
def test_a_name_without_stores_is_an_error_with_the_way_out(names: Dnsmasq, name: str, told: str) -> None:
    """No such name, no records, and a server that refuses are told apart."""
    with pytest.raises(StoreError) as caught:
        find_stores(parse_fan_out(f"{names.named}{name}"))

    assert str(caught.value).startswith(f"store {names.named}{name}: ")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for all attempts together is bounded."""
    monkeypatch.setattr(fanout, "PATIENCE", 0.3)
    with OddNameServer(lambda _: b"") as server, pytest.raises(StoreError, match="no answer from DNS"):
        find_stores(parse_fan_out(f"{server.named}{STORES}"))


def _malformed(query: QueryMessage) -> bytes:
    return answered(query, (f"{STORES}.", "PTR", "bert.example.org."))[:-4]


def _of_another_query(query: QueryMessage) -> bytes:
    whole = answered(query, (f"{STORES}.", "PTR", "bert.example.org."))
    return bytes([whole[0] ^ 0xFF]) + whole[1:]


def _looping(query: QueryMessage) -> bytes:
    return answered(query, (f"{STORES}.", "CNAME", "a.net."), ("a.net.", "CNAME", f"{STORES}."))


@pytest.mark.parametrize(
    "answering",
    [
        lambda query: answered(query, rcode=2),
        lambda query: answered(query, rcode=5),
        lambda query: answered(query, rcode=15),
        lambda query: answered(query, ("other.net.", "PTR", "bert.example.org.")),
        lambda query: answered(query, (f"{STORES}.", "A", "192.0.2.1")),
        lambda _: b"\x00",
        lambda _: b"\xff" * 512,
        _malformed,
        _of_another_query,
        _looping,
    ],
    ids=["SERVFAIL", "REFUSED", "odd", "other name", "other type", "a byte", "garbage", "cut", "other id", "loop"],
)
def test_an_answer_that_is_none_is_one_line(monkeypatch: pytest.MonkeyPatch, answering: Answering) -> None:
    """Whatever is answered, the error has one printable line with a way out, and ends in time."""
    monkeypatch.setattr(fanout, "PATIENCE", 0.5)
    with OddNameServer(answering) as server, pytest.raises(StoreError) as caught:
        find_stores(parse_fan_out(f"{server.named}{STORES}"))

    assert str(caught.value).isprintable()
    assert ": " in str(caught.value).removeprefix(f"store {server.named}{STORES}: ")


@pytest.mark.parametrize("target", [".", r"\027[31m.", r"a\032b.net.", r"me\@host.", "-x.net.", r"a\.b.net.", "ü.net."])
def test_a_target_that_is_no_host_is_refused_alone(target: str) -> None:
    """What cannot be the name of a host is an error of its own, in printable text; the others are stores."""
    with OddNameServer(
        lambda query: answered(query, (f"{STORES}.", "PTR", target), (f"{STORES}.", "PTR", "bert.example.org."))
    ) as server:
        found = find_stores(parse_fan_out(f"{server.named}{STORES}"))

    hosts = [url.host for url in found.urls]
    assert "bert.example.org" in hosts
    if target == "ü.net.":
        assert hosts == ["bert.example.org", "xn--tda.net"]
    else:
        [error] = found.refused
        assert str(error).isprintable()
        assert "which is no name of a host: correct that PTR record" in str(error)


def test_a_name_of_thousands_of_hosts_is_refused() -> None:
    """The number of stores that a name may stand for is bounded."""
    with (
        OddNameServer(
            lambda query: answered(query, *((f"{STORES}.", "PTR", f"h{n}.net.") for n in range(MOST_HOSTS + 1)))
        ) as server,
        pytest.raises(StoreError, match="DNS names 1,001 hosts, but at most 1,000 are asked"),
    ):
        find_stores(parse_fan_out(f"{server.named}{STORES}"))


def test_the_library_is_imported_only_for_a_name() -> None:
    """Readers of stores with addresses do not wait for it."""
    code = "import sys, shodohflo.cli.readers; sys.exit('dns' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_with_tls_each_host_must_have_the_name_that_dns_gave(tmp_path: Path) -> None:
    """The password goes to whom the certificate proves to be the target, and to nobody else."""
    require("openssl")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run([*made, *files], cwd=tmp_path, check=True, capture_output=True)
    named = {"cert": "cert.pem", "key": "key.pem", "ca-cert": "cert.pem"}
    tls = [word for name, file in named.items() for word in (f"--tls-{name}-file", str(tmp_path / file))]
    port = free_port()
    access = ["--tls-port", str(port), "--tls-auth-clients", "no", "--user", "reader", "on", ">hush", "+@all"]
    server = Server(programs()["redis"](), tmp_path, (*tls, *access), port=0).start()
    store = f"valkeys://reader:hush@{STORES}:{port}?ssl_ca_certs={tmp_path}/cert.pem"

    with Dnsmasq(pointers(STORES, "localhost", "127.0.0.1")) as names:
        by_address, by_name = find_stores(parse_fan_out(f"{names.named}{store}")).urls
    with RemoteStore(by_name).connect() as client:
        assert client.ping()
    with pytest.raises(StoreError, match="certificate verify failed"):
        RemoteStore(by_address).connect()
    server.kill()
