"""Stores behind real Sentinels: found, followed in a failover, and errors with the way out."""

from __future__ import annotations

import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from shodohflo.errors import LastingStoreError, StoreError
from shodohflo.query.filters import Filter
from shodohflo.query.reader import Reader
from shodohflo.store.heartbeat import write_heartbeat
from shodohflo.store.kinds import named_by, sink_to
from shodohflo.store.sinks.single import Single
from shodohflo.store.writer import Writer
from support.observing import flow, observed
from support.permissions import documented_user, named_behind
from support.sentinels import PRIMARY, Sentinels
from support.serving import PATIENCE, Server, encrypted, free_port, programs, tls_settings, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module", params=programs())
def sentinels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinels]:
    """Return three Sentinels with a primary and a replica."""
    sentinels = Sentinels(programs()[request.param](), tmp_path_factory.mktemp("sentinels")).start()
    yield sentinels
    sentinels.kill()


def primary_of(url: str) -> int:
    """Return the port of the primary that is found."""
    with named_by(url).connect() as client:
        assert client.execute_command("ROLE")[0] == "master"
        return int(client.connection_pool.connection_kwargs["port"])


def test_the_primary_is_found_by_any_sentinel(sentinels: Sentinels) -> None:
    """Each Sentinel leads to the primary, also behind one that is away; every connection is our own."""
    for port in sentinels.ports:
        assert (
            primary_of(f"valkey+sentinel://127.0.0.1:{free_port()},127.0.0.1:{port}/{PRIMARY}") == sentinels.primary()
        )
    store = named_by(sentinels.url)
    with store.connect():
        assert {ends.peer_port for ends in store.connections()} == {sentinels.ports[0], sentinels.primary()}


@pytest.mark.parametrize("program", programs())
def test_a_failover_is_followed_at_the_next_connection(program: str, tmp_path: Path) -> None:
    """The new primary is found, and a write to the old one is a connection that was lost, not a failure that lasts."""
    sentinels = Sentinels(programs()[program](), tmp_path).start()
    try:
        sink = Single(named_by(sentinels.url))
        sink.connect()
        sink.write_heartbeat("bert", {"a": 1})
        old = sentinels.primary()
        # Sentinels end the connections of clients to a server that becomes a replica, so this one is made after that.
        stale = named_by(sentinels.url).connect()
        sentinels.fail_over()
        with suppress(Exception):
            stale.ping()
        with pytest.raises(Exception, match="replica now") as caught:
            write_heartbeat(stale, "bert", {"a": 2})
        assert not isinstance(caught.value, LastingStoreError)

        sink.connect()
        sink.write_heartbeat("bert", {"a": 3})
        assert sentinels.primary() != old
        with sentinels.servers[1].client() as client:
            assert client.hgetall("agent;bert") == {"a": "3"}
    finally:
        sentinels.kill()


def test_a_primary_that_dies_is_replaced(tmp_path: Path) -> None:
    """While no primary is there, the failure may pass; then the replica is the primary."""
    sentinels = Sentinels(programs()["redis"](), tmp_path).start()
    try:
        sentinels.servers[0].kill()
        with pytest.raises(StoreError, match=r"primary 127\.0\.0\.1") as caught:
            primary_of(sentinels.url)
        assert not isinstance(caught.value, LastingStoreError)

        def is_replaced() -> bool:
            try:
                return primary_of(sentinels.url) == sentinels.servers[1].port
            except StoreError:
                return False

        wait_until(is_replaced, "the replica is the primary")
    finally:
        sentinels.kill()


def test_a_sentinel_that_hangs_is_passed_over(sentinels: Sentinels) -> None:
    """After two seconds the next one is asked, and from then on first."""
    store = named_by(sentinels.url)
    sentinels.processes[0].send_signal(signal.SIGSTOP)
    try:
        with store.connect() as client:
            assert client.ping()
        with store.connect() as client:
            assert client.ping()
        assert [ends.peer_port for ends in store.connections()].count(sentinels.ports[0]) <= 2
    finally:
        sentinels.processes[0].send_signal(signal.SIGCONT)


def test_a_name_that_no_sentinel_knows_lasts(sentinels: Sentinels) -> None:
    """An unknown name is a failure that only somebody can end."""
    with pytest.raises(LastingStoreError, match="it knows no primary of that name"):
        named_by(sentinels.url.replace(PRIMARY, "unknown")).connect()


def test_without_any_sentinel_each_is_named() -> None:
    """All Sentinels away is a failure that may pass, in one line."""
    ports = free_port(), free_port()

    with pytest.raises(
        StoreError, match=rf"Sentinel 127.0.0.1:{ports[0]}: .*; Sentinel 127.0.0.1:{ports[1]}: "
    ) as caught:
        named_by(f"redis+sentinel://127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}/flows").connect()

    assert not isinstance(caught.value, LastingStoreError)
    assert "\n" not in str(caught.value)


def test_what_is_no_sentinel_is_told(server: Server) -> None:
    """A store at the place of a Sentinel is told with what to write."""
    with pytest.raises(LastingStoreError, match="no Sentinel listens there"):
        named_by(f"redis+sentinel://127.0.0.1:{server.port}/flows").connect()


def test_sentinels_have_a_password_of_their_own(tmp_path: Path) -> None:
    """The password of the Sentinels is not that of the store; both may be in files."""
    secret = tmp_path / "secret"
    secret.write_text("sentinel secret\n", encoding="ascii")
    sentinels = Sentinels(programs()["redis"](), tmp_path, 1, ('requirepass "sentinel secret"',)).start()
    try:
        with pytest.raises(LastingStoreError, match=r"name its file with \?sentinel_password_file=PATH"):
            named_by(sentinels.url).connect()
        with pytest.raises(LastingStoreError, match="correct sentinel_username and sentinel_password") as caught:
            named_by(f"{sentinels.url}?sentinel_password=wrong%20secret").connect()
        assert "wrong" not in str(caught.value)
        assert primary_of(f"{sentinels.url}?sentinel_password_file={secret}") == sentinels.servers[0].port
    finally:
        sentinels.kill()


@pytest.mark.parametrize("program", programs())
def test_the_documented_permissions_are_enough(program: str, tmp_path: Path) -> None:
    """Users with the permissions that the documentation names are let in by a Sentinel, and write to the primary."""
    rights = " ".join(named_behind("The user of the Sentinels themselves needs"))
    sentinels = Sentinels(programs()[program](), tmp_path, 1, (f"user guide on >secret {rights}",)).start()
    url = sentinels.url.replace("://", "://shodohflo:PASSWORD@")
    try:
        with sentinels.servers[0].client() as admin:
            admin.execute_command(*documented_user("behind Sentinels, add"))
            store = named_by(f"{url}?sentinel_username=guide&sentinel_password=secret")
            with Writer(sink_to(store), agent="bert", lifetime=900) as writer:
                writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=7)))
                writer.heartbeat({"received": 7})
                assert writer.flush(PATIENCE)
            clients = Reader([store]).clients(Filter()).rows

            assert (writer.stats.refused, writer.stats.heartbeats_refused) == (0, 0)
            assert [client.packets for client in clients] == [7]
            assert admin.execute_command("ACL", "LOG") == []
        with sentinels.client(0) as admin:
            assert admin.execute_command("ACL", "LOG") == []
    finally:
        sentinels.kill()


def test_tls_is_for_sentinels_and_the_primary(certificate: Path, tmp_path: Path) -> None:
    """Both connections are encrypted, and both certificates verified."""
    primary = encrypted(Server(programs()["redis"](), tmp_path), certificate)
    port = free_port()
    settings = tls_settings(certificate)
    lines = [f"{settings[at].removeprefix('--')} {settings[at + 1]}" for at in range(0, len(settings), 2)]
    monitor = [f"sentinel monitor {PRIMARY} localhost {primary.port} 1", "tls-replication yes"]
    (tmp_path / "s").mkdir()
    sentinels = Sentinels(programs()["redis"](), tmp_path / "s", 1)
    sentinels.servers.append(primary)
    resolving = ["sentinel resolve-hostnames yes", "sentinel announce-hostnames yes"]
    file = tmp_path / "tls.conf"
    every = [*resolving, "port 0", f"tls-port {port}", f"dir {tmp_path}", *lines, *monitor]
    file.write_text("\n".join(every) + "\n", encoding="ascii")
    with (tmp_path / "log").open("wb") as log:
        started = subprocess.Popen([sentinels.program, str(file), "--sentinel"], stdout=log, stderr=log)
    sentinels.processes.append(started)
    url = f"valkeys+sentinel://localhost:{port}/{PRIMARY}"
    try:

        def is_found() -> bool:
            try:
                return primary_of(f"{url}?ssl_ca_certs={certificate}/cert.pem") == primary.port
            except StoreError:
                return False

        wait_until(is_found, "the primary is found")
        with pytest.raises(StoreError, match="certificate verify failed"):
            named_by(url).connect()
        with pytest.raises(LastingStoreError, match=r"write valkeys\+sentinel:// instead of valkey\+sentinel://"):
            named_by(url.replace("valkeys", "valkey")).connect()
    finally:
        sentinels.kill()
