"""Running stores, Valkey and Redis, for the tests of code that connects to one."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from shodohflo.store.connection import SocketStore
from support.clusters import Cluster
from support.serving import Server, encrypted, programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from valkey import Valkey


@pytest.fixture(scope="session", params=programs())
def shared_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a running store, Valkey or Redis, shared by all tests that do not stop or damage it."""
    server = Server(programs()[request.param](), tmp_path_factory.mktemp("store")).start()
    yield server
    server.kill()


@pytest.fixture
def server(shared_server: Server) -> Server:
    """Return a running store without keys."""
    with shared_server.client() as client:
        client.flushall()
    return shared_server


@pytest.fixture
def client(server: Server) -> Iterator[Valkey]:
    """Return a client with which a test looks into the store."""
    with server.client() as client:
        yield client


@pytest.fixture
def store(server: Server) -> SocketStore:
    """Return the store in the form that the code under test expects."""
    return SocketStore(server.path)


@pytest.fixture(params=programs())
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Return a running store, Valkey or Redis, that the test may kill."""
    server = Server(programs()[request.param](), tmp_path).start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
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
    server = encrypted(Server(programs()["redis"](), tmp_path), certificate)
    yield server
    server.kill()


@pytest.fixture(scope="session", params=programs())
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster of three nodes, shared by all tests that do not stop or damage it."""
    cluster = Cluster(programs()[request.param](), tmp_path_factory.mktemp("cluster")).start()
    yield cluster
    cluster.kill()


@pytest.fixture
def empty_cluster(cluster: Cluster) -> Cluster:
    """Return the cluster without keys."""
    for node in cluster.nodes:
        with node.client() as client:
            client.flushall()
    return cluster


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Return a cluster of three nodes that the test may damage."""
    cluster = Cluster(programs()["valkey"](), tmp_path / "cluster").start()
    yield cluster
    cluster.kill()
