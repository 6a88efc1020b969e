"""Gathering: sockets and services come in from beside, and what evidence shows goes out to the store."""

from __future__ import annotations

import logging
import socket
import time
from contextlib import ExitStack
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from shodohflo.agent.gathering import Gathering
from shodohflo.attribution.evidence.evidence import Evidence
from shodohflo.attribution.pipeline import Pipeline
from shodohflo.attribution.policy import Policy
from shodohflo.capture.live.socket_watch import SocketWatch
from shodohflo.columns.own_ends import Saying
from shodohflo.columns.socket_ends import AskedEnds
from shodohflo.config import Configuration, load
from shodohflo.model import TCP, End, Rung, ServiceSeen
from shodohflo.pcap_config import SRC, FlowMapping, LowerPort, NetworkEnumeration, Observed
from shodohflo.rules.compiler import CompiledRules
from shodohflo.store.connection import SocketStore
from shodohflo.store.feed import ServiceFeed
from shodohflo.store.hashes import to_hash, write_hashes
from shodohflo.store.sinks.single import Single
from shodohflo.store.write import Writing
from shodohflo.store.writer import Writer
from support.networks import namespace, wait_until
from support.observing import SECOND
from support.packets import ACK, RST, SYN, frames_of, ip, tcp
from support.serving import PATIENCE, Server, programs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

OUR_NETS: Final = (ip_network("10.0.0.0/8"),)
CLIENT, SERVICE, OUTSIDER = "10.0.0.5", "10.0.0.9", "203.0.113.9"


@pytest.fixture(name="server")
def _server(tmp_path: Path) -> Iterator[Server]:
    server = Server(programs()["valkey"](), tmp_path).start()
    yield server
    server.kill()


class Parts:
    """A gathering with its parts; the feed reads every 50 ms."""

    def __init__(self, leaving: ExitStack, server: Server, namespaces: Sequence[str] = ()) -> None:
        """Start all parts until `leaving` ends."""
        store = SocketStore(server.path)
        self.evidence = Evidence(2**20, OUR_NETS)
        self.sockets = leaving.enter_context(SocketWatch(namespaces))
        self.services = leaving.enter_context(ServiceFeed(store, 0.05))
        self.writer = leaving.enter_context(Writer(Single(store), agent="bert", lifetime=900))
        self.gathering = Gathering(self.evidence, self.sockets, self.services, self.writer)

    def recalled(self) -> set[int]:
        """Return the ports of the services that evidence remembers after gathering once more."""
        self.gathering.gather(0.0)
        return {each.end.port for each in self.evidence.services.all(time.time_ns())}


@pytest.fixture(name="parts")
def _parts(server: Server) -> Iterator[Parts]:
    with ExitStack() as leaving:
        yield Parts(leaving, server)


def test_the_sockets_of_this_host_are_known_at_once(server: Server) -> None:
    """The first gathering takes up what was read at the start, and a later one without news keeps it."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as leaving:
        parts = Parts(leaving, server)
        for now in (0.0, 1.0):
            parts.gathering.gather(now)
        own = parts.evidence.own_ends
        port = listener.getsockname()[1]

    assert own is not None
    here, protocol = np.array([0x7F000001], np.uint32), np.array([TCP], np.uint8)
    asked = AskedEnds(4, protocol, here, np.array([port], np.uint16), here, np.array([9], np.uint16))
    assert own.find(asked).tolist() == [Saying.SERVICE]


def write(server: Server, port: int) -> None:
    """Write a service to the store, as another agent does."""
    now = time.time_ns()
    seen = ServiceSeen(End(ip_address(SERVICE), TCP, port), now, now, Rung.HANDSHAKE, 1)
    with server.client() as client:
        assert write_hashes(client, [to_hash(seen, Writing("4f1c9a", "ernie", 900))]) == 0


def test_the_services_of_the_store_are_recalled_at_the_start_and_later(server: Server) -> None:
    """What the store knew before is there with the first answer, and what others write comes with a later one."""
    write(server, 54_321)
    with ExitStack() as leaving:
        parts = Parts(leaving, server)
        wait_until(lambda: not parts.gathering.is_pending)
        assert parts.recalled() == {54_321}

        write(server, 443)

        wait_until(lambda: parts.recalled() == {54_321, 443})


def test_a_store_that_is_away_is_not_expected_to_answer(server: Server) -> None:
    """Without a store there are no services; they come when it does."""
    server.kill()
    with ExitStack() as leaving:
        parts = Parts(leaving, server)
        assert not parts.services.wait(PATIENCE)
        assert not parts.gathering.is_pending
        assert parts.recalled() == set()

        server.start()
        write(server, 443)

        wait_until(lambda: parts.recalled() == {443})


def test_what_evidence_shows_is_passed_on(server: Server, parts: Parts) -> None:
    """A service that answered and an outsider who was refused are written to the store, each as a hash."""
    mapping = FlowMapping((None, None, Observed(otherwise=LowerPort(SRC))))
    rules = CompiledRules(NetworkEnumeration(("all", "0.0.0.0/0")), mapping)
    pipeline = Pipeline(rules, Policy(our_nets=OUR_NETS), parts.evidence)
    pipeline.ingest(
        frames_of(
            ip(tcp(15_001, 54_321, SYN, numbers=(7, 0)), TCP, CLIENT, SERVICE),
            ip(tcp(54_321, 15_001, SYN | ACK, numbers=(3, 8)), TCP, SERVICE, CLIENT),
            ip(tcp(15_001, 54_321, payload=b"?"), TCP, CLIENT, SERVICE),
            ip(tcp(40_000, 22, SYN, numbers=(9, 0)), TCP, OUTSIDER, CLIENT),
            ip(tcp(22, 40_000, RST | ACK, numbers=(0, 10)), TCP, CLIENT, OUTSIDER),
        )
    )
    pipeline.settle()

    parts.gathering.pass_on(5 * SECOND)

    assert parts.writer.flush(PATIENCE)
    with server.client() as client:
        service, knock = (client.hgetall(f"{key}") for key in (f"service;{SERVICE};tcp;54321", f"knock;{OUTSIDER}"))
    assert (service["evidence"], service["clients"], service["agent.bert"]) == ("handshake", "1", "2.000000")
    knock = {field.partition(";")[0]: value for field, value in knock.items()}
    assert (knock["refused.bert"], knock["silent.bert"], knock["ports"]) == ("1", "0", "1")


def test_sockets_that_cannot_be_read_are_told_once_an_hour(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """A network namespace that is gone is named in a warning."""
    caplog.set_level(logging.WARNING)
    with ExitStack() as leaving:
        with namespace() as gone:
            parts = Parts(leaving, server, [gone.name])
        wait_until(lambda: parts.sockets.problem != "")
        for now in (0.0, 3599.0, 3600.0):
            parts.gathering.gather(now)

    warnings = [message for message in caplog.messages if gone.name in message]
    assert len(warnings) == 2


def test_another_configuration_has_other_broadcast_addresses_and_listed_ports(parts: Parts, tmp_path: Path) -> None:
    """The broadcast address of a network is a group as long as the network is ours, a port listed as it is set."""
    broadcast = np.array([int(ip_address("192.168.7.255"))], np.uint32)
    assert not parts.evidence.groups.holds(broadcast).any()
    assert not parts.evidence.listed[TCP][54321]
    (tmp_path / "listed.py").write_text("LISTED_PORTS = {('tcp', 54321)}")
    settings = load(tmp_path / "listed.py", {}, privileged=False)

    parts.gathering.adapt(Configuration(settings, (ip_network("192.168.7.0/24"),)))

    assert parts.evidence.groups.holds(broadcast).all()
    assert parts.evidence.listed[TCP][54321]
