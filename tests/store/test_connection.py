"""Connections to real stores: the list of our own connections, TLS, and errors."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from shodohflo.errors import LastingStoreError, StoreError
from shodohflo.store.connection import RemoteStore, SocketStore
from shodohflo.store.urls import StoreUrl, parse_url
from support.sentinels import Sentinels
from support.serving import Server, encrypted, free_port, programs

if TYPE_CHECKING:
    from pathlib import Path

    from support.clusters import Cluster


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


def test_a_client_shows_its_certificate(certificate: Path, tmp_path: Path) -> None:
    """A server that asks for a certificate lets a client with one in, and no other."""
    server = encrypted(Server(programs()["redis"](), tmp_path), certificate, clients="yes")
    ours = f"&ssl_certfile={certificate}/cert.pem&ssl_keyfile={certificate}/key.pem"
    url = f"valkeys://localhost:{server.port}?ssl_ca_certs={certificate}/cert.pem"

    try:
        with RemoteStore(parse_url(url + ours)).connect() as client:
            assert client.ping()
        with pytest.raises(StoreError):
            RemoteStore(parse_url(url)).connect()
    finally:
        server.kill()


def test_a_node_of_a_cluster_is_told(cluster: Cluster) -> None:
    """Reading it as a single server would show a part of the keys without a word."""
    with pytest.raises(LastingStoreError, match=r"write valkey\+cluster://"):
        RemoteStore(StoreUrl(host="127.0.0.1", port=cluster.nodes[0].port)).connect()


def test_a_sentinel_is_told(tmp_path: Path) -> None:
    """It answers PING as a store does, and knows no command for keys."""
    sentinels = Sentinels(programs()["valkey"](), tmp_path, number=1).start()

    try:
        with pytest.raises(LastingStoreError, match=r"write valkey\+sentinel://"):
            RemoteStore(StoreUrl(host="127.0.0.1", port=sentinels.ports[0])).connect()
    finally:
        sentinels.kill()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("ssl_ca_certs={}/no.pem", r"ssl_ca_certs .*/no\.pem: No such file"),
        ("ssl_ca_certs={}/empty.pem", r"ssl_ca_certs .*/empty\.pem: "),
        ("ssl_certfile={}/no.pem", r"ssl_certfile .*/no\.pem with its key: No such file"),
        ("ssl_certfile={}/cert.pem", r"ssl_certfile .*/cert\.pem with its key: "),
        ("ssl_certfile={0}/cert.pem&ssl_keyfile={0}/locked.pem", r"ssl_certfile .*/cert\.pem with its key: "),
    ],
)
def test_a_file_that_tls_cannot_use_is_named(certificate: Path, tmp_path: Path, options: str, said: str) -> None:
    """It is missing, has no certificate, no key or a key with a passphrase, which nobody is asked for."""
    (tmp_path / "empty.pem").touch()
    shutil.copy(certificate / "cert.pem", tmp_path)
    locked = ["openssl", "pkey", "-in", str(certificate / "key.pem"), "-aes128", "-passout", "pass:secret"]
    subprocess.run([*locked, "-out", str(tmp_path / "locked.pem")], check=True)

    with pytest.raises(LastingStoreError, match=said + ".*name another file"):
        RemoteStore(parse_url(f"valkeys://localhost:{free_port()}?{options.format(tmp_path)}")).connect()


def test_a_user_of_the_store_is_one_with_rights(own_server: Server) -> None:
    """A user with the rights that the documentation names can connect; a wrong password for it is told."""
    with own_server.client() as client:
        client.execute_command("ACL", "SETUSER", "me", "on", ">secret", "~*", "+ping", "+select", "+client|setname")

    with RemoteStore(parse_url(f"valkey://me:secret@127.0.0.1:{own_server.port}")).connect() as client:
        assert client.ping()
    with pytest.raises(LastingStoreError, match="correct user and password"):
        RemoteStore(parse_url(f"valkey://me:other@127.0.0.1:{own_server.port}")).connect()


def test_a_password_that_was_changed_is_taken_up(own_server: Server, tmp_path: Path) -> None:
    """The file of a password is read for every connection, and the password is in no message."""
    file = tmp_path / "password"
    store = RemoteStore(parse_url(f"valkey://127.0.0.1:{own_server.port}?password_file={file}"))

    with pytest.raises(LastingStoreError, match=f"store valkey://.*: password_file {file}: No such file"):
        store.connect()
    with own_server.client() as inside:
        for password in ("first secret", "second secret"):
            file.write_text(password + "\n", encoding="utf-8")
            inside.config_set("requirepass", password)
            with store.connect() as client:
                assert client.ping()
    file.write_text("first secret\n", encoding="utf-8")
    with pytest.raises(LastingStoreError, match="correct user and password") as caught:
        store.connect()
    assert "secret" not in repr((store, str(caught.value)))
