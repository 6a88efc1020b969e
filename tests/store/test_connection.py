"""Connections to real stores: the list of our own connections, TLS, and errors."""

from __future__ import annotations

import socket
import subprocess
from contextlib import suppress
from ipaddress import ip_address
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from shodohflo.errors import LastingStoreError, StoreError
from shodohflo.store.connection import OwnConnections, RemoteStore, SocketStore, TcpEnds
from shodohflo.store.urls import StoreUrl, parse_url
from support.serving import Server, free_port, programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_both_ends_are_known_before_the_first_packet_leaves(host: str) -> None:
    """A connection is in the list of our own before the other end accepts it."""
    announced = []
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        store = RemoteStore(StoreUrl(host=host, port=listening.getsockname()[1]))

        def accept() -> None:
            accepted, peer = listening.accept()
            announced.append((store.connections(), peer))
            accepted.close()

        other_end = Thread(target=accept)
        other_end.start()
        with suppress(StoreError):
            store.connect()
        other_end.join()

        [(connections, peer)] = announced
        there = listening.getsockname()
        assert connections == {TcpEnds(ip_address(peer[0]), peer[1], ip_address(there[0]), there[1])}


def test_an_open_connection_is_remembered_whatever_comes_after_it(server: Server) -> None:
    """The connection of the writer stays one of our own while the feed of services connects again and again."""
    store = RemoteStore(StoreUrl(host="127.0.0.1", port=server.port))
    lasting = store.connect()
    [ends] = store.connections()

    for _ in range(40):
        store.connect().connection_pool.disconnect()

    assert ends in store.connections()
    lasting.connection_pool.disconnect()
    assert ends in store.connections()
    for _ in range(40):
        store.connect().connection_pool.disconnect()
    assert ends not in store.connections()
    assert len(store.connections()) == 16


def test_only_the_latest_connections_are_remembered() -> None:
    """Only the latest 16 connections are remembered, so that a long outage does not use up memory."""
    own = OwnConnections()
    ends = [TcpEnds(ip_address("10.0.0.1"), port, ip_address("10.0.0.2"), 6379) for port in range(100)]

    for one in ends:
        own.add(one)

    assert ends[-1] in own()
    assert ends[0] not in own()
    assert len(own()) == 16


@pytest.mark.parametrize("form", ["{host}:{port}", "redis://{host}:{port}/1", "valkey://{host}:{port}?db=1"])
def test_a_server_is_reached_by_any_form_of_its_name(server: Server, form: str) -> None:
    """Each form of the URL reaches the server and selects the database it names."""
    url = parse_url(form.format(host="localhost", port=server.port))

    with RemoteStore(url).connect() as client:
        client.set("client;10.0.0.1", "1")

    with server.client() as client:
        client.select(url.database)
        assert client.get("client;10.0.0.1") == "1"


def test_a_unix_socket_is_reached_and_has_no_connections_to_leave_out(server: Server) -> None:
    """A unix socket is reached by URL and by path, and adds no TCP connection of ours."""
    store = RemoteStore(parse_url(f"unix://{server.path}"))

    for reached in (store, SocketStore(server.path)):
        with reached.connect() as client:
            assert client.ping()
        assert reached.connections() == frozenset()


def test_a_password_opens_the_store_that_asks_for_it(own_server: Server) -> None:
    """A store with a password accepts the right password and refuses a wrong or missing one."""
    with own_server.client() as client:
        client.config_set("requirepass", "open sesame/1")

    def attempt(credentials: str) -> bool:
        with RemoteStore(parse_url(f"redis://{credentials}127.0.0.1:{own_server.port}")).connect() as client:
            return bool(client.ping())

    assert attempt(":open%20sesame%2F1@")
    assert attempt("default:open%20sesame%2F1@")
    with pytest.raises(StoreError, match=r"WRONGPASS|invalid"):
        attempt(":open%20sesame@")
    with pytest.raises(StoreError, match="Authentication required"):
        attempt("")


@pytest.mark.parametrize(
    "url",
    # With a fixed id: parallel workers pick different ports but must collect the same tests.
    ["unix:///nowhere/store.sock", pytest.param(f"valkey://127.0.0.1:{free_port()}", id="valkey")],
)
def test_a_store_that_is_not_there_is_named_in_one_line(url: str) -> None:
    """An unreachable store gives an error of one line that begins with its URL and ends without a full stop."""
    with pytest.raises(StoreError) as caught:
        RemoteStore(parse_url(url)).connect()

    assert str(caught.value).startswith(f"store {parse_url(url)}: ")
    assert not str(caught.value).endswith(".")  # other messages continue after it
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a key and a self-signed certificate for localhost."""
    directory = tmp_path_factory.mktemp("tls")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run([*made, *names], cwd=directory, check=True, capture_output=True)
    return directory


@pytest.fixture
def tls_server(certificate: Path, tmp_path: Path) -> Iterator[Server]:
    """Return Debian's Redis, which is built with TLS, on a port that accepts only TLS."""
    port = free_port()
    tls = {"tls-port": str(port), "tls-auth-clients": "no"}
    files = {"tls-cert-file": "cert.pem", "tls-key-file": "key.pem", "tls-ca-cert-file": "cert.pem"}
    settings = tls | {name: str(certificate / file) for name, file in files.items()}
    arguments = tuple(argument for name, value in settings.items() for argument in (f"--{name}", value))
    server = Server(programs()["redis"](), tmp_path, arguments, port=0).start()
    server.port = port
    yield server
    server.kill()


@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
def test_tls_trusts_who_the_url_says(tls_server: Server, certificate: Path, scheme: str) -> None:
    """The server's certificate and name are verified with the authorities of the URL or the system, or not at all."""
    authority = f"?ssl_ca_certs={certificate}/cert.pem"

    def attempt(host: str, options: str) -> RemoteStore:
        store = RemoteStore(parse_url(f"{scheme}://{host}:{tls_server.port}{options}"))
        with store.connect() as client:
            assert client.ping()
        return store

    trusted = attempt("localhost", authority)
    attempt("127.0.0.1", "?ssl_cert_reqs=none")
    with pytest.raises(StoreError, match="certificate verify failed"):
        attempt("localhost", "")
    with pytest.raises(StoreError, match="certificate verify failed"):
        attempt("127.0.0.1", authority)
    assert {ends.peer_port for ends in trusted.connections()} == {tls_server.port}


def test_a_port_for_tls_only_is_told_to_who_comes_without(tls_server: Server) -> None:
    """A URL without TLS for a port that speaks TLS only is a failure that lasts, and says what to write."""
    with pytest.raises(LastingStoreError, match="speaks TLS only: write valkeys://"):
        RemoteStore(StoreUrl(host="127.0.0.1", port=tls_server.port)).connect()


def test_the_look_at_a_port_is_a_connection_of_our_own(server: Server) -> None:
    """The connection that finds out that a port does not speak TLS is in the list of our own, like the one before."""
    store = RemoteStore(StoreUrl(host="127.0.0.1", port=server.port, tls=True))

    with pytest.raises(LastingStoreError, match="does not speak TLS: write valkey://"):
        store.connect()

    assert len(store.connections()) == 2
