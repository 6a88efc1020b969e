"""Evidence on the wire: real programs talk, and agents on their hosts and on a router between say who is the service."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from support.agents import Watching, recorded, watching
from support.networks import wait_until
from support.serving import Server, programs
from support.sites import CLIENT, OUR_NETS, SERVER, Conversation, Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TCP: Final = socket.SOCK_STREAM
UDP: Final = socket.SOCK_DGRAM

CONFIGURATION: Final = """
from shodohflo.pcap_config import *

NETWORK_ENUMERATION = NetworkEnumeration(("all", "0.0.0.0/0", "::/0"))
FLOW_MAPPING = FlowMapping((None, None, Observed(otherwise=LowerPort(SRC))))
"""

HIGH: Final = 54321
"""The port of a service above those of its clients."""

PROOF: Final = {"own socket", "handshake", "bits", "known"}


@pytest.fixture(name="here")
def _here() -> Iterator[Site]:
    with site() as made:
        yield made


@dataclass(frozen=True, slots=True)
class Agent:
    """A running agent with its store."""

    watching: Watching
    server: Server
    name: str

    def flows(self) -> dict[str, int]:
        """Return the flow keys in the store, with their counts."""
        return {key: count for key, count in recorded(self.server).items() if key.endswith(";flow")}

    def fields(self, key: str) -> dict[str, str]:
        """Return a hash of the store."""
        with self.server.client() as client:
            return dict(client.hgetall(key))

    def evidence(self, flow: str) -> str:
        """Return the evidence for a flow."""
        return self.fields(f"detail;{flow.removesuffix(';flow')}").get("evidence", "")

    def end(self) -> int:
        """End the agent; return the packets of flows that it recorded."""
        outcomes = self.watching.end()["outcomes"]
        assert {name.partition(".")[0] for name in outcomes} <= {"recorded", "handshake"}
        return int(outcomes["recorded.flow"])


@contextlib.contextmanager
def agent(
    here: Site, place: str, directory: Path, *, server: Server | None = None, configuration: str = CONFIGURATION
) -> Iterator[Agent]:
    """Run an agent on the `client`, the `router` or the `server`, which is its name, with `server` or its own store."""
    directory.mkdir()
    (directory / "configuration.py").write_text(configuration)
    with contextlib.ExitStack() as leaving:
        if server is None:
            server = Server(programs()["valkey"](), directory).start()
            leaving.callback(server.kill)
        words = [word for prefix in OUR_NETS for word in ("--our-nets", prefix)]
        words += ["--config", str(directory / "configuration.py")]
        space = {"client": here.client, "router": here.router, "server": here.server}[place]
        joins = {"client": "c0", "router": "s1", "server": "s0"}[place]
        running = watching(space, f"unix://{server.path}", directory, *words, joins=joins, name=place)
        yield Agent(leaving.enter_context(running), server, place)


def key(version: int, port: int) -> str:
    """Return the flow key of the client and the server."""
    return f"{CLIENT[version]};{SERVER[version]};{port};flow"


@dataclass(slots=True)
class Services:
    """Services of the server, and conversations with them."""

    here: Site
    port: int = 15_000
    """The last port of the client."""

    def converse(self, service: socket.socket, count: int = 1, question: bytes = b"?") -> list[Conversation]:
        """Begin `count` conversations with a service, from ports of the client that are below it."""
        begun = []
        for _ in range(count):
            self.port += 1
            begun.append(self.here.connect(service, self.port))
            begun[-1].talk()
        return begun


DNS: Final = (bytes.fromhex("123401000001000000000000"), bytes.fromhex("123481800001000000000000"))
"""The header of a query, and of a response."""


@pytest.mark.parametrize("older", [False, True], ids=["agents-first", "connections-first"])
def test_client_router_and_server_know_the_services(here: Site, tmp_path: Path, *, older: bool) -> None:
    """Each agent finds the right ends of all flows, whatever the ports, also of connections that are older than it."""
    services = {
        (kind, version, port): here.serve(kind, version, port)
        for version in (4, 6)
        for kind, port in ((TCP, HIGH), (TCP, 443), (UDP, 53), (UDP, 20_001))
    }
    talks: list[Conversation] = []
    ask = Services(here)

    def begin() -> None:
        for (kind, _, port), service in services.items():
            talks.extend(here_talks := ask.converse(service, 15 if port == HIGH else 2))
            assert here_talks

    def talk() -> None:
        for each in talks:
            each.talk(*(DNS if each.served.getsockname()[1] == 53 else ()))

    with contextlib.ExitStack() as leaving:
        if older:
            begin()
        agents = [leaving.enter_context(agent(here, place, tmp_path / place)) for place in ("client", "router", "server")]
        if older:
            # Nothing shows a router the service of an older connection before another one is opened.
            for (kind, _, _), service in services.items():
                if kind == TCP:
                    talks.extend(ask.converse(service))
        else:
            begin()
        expected = {key(version, port) for _, version, port in services}

        def settled() -> bool:
            talk()
            found = {each.name: {flow: each.evidence(flow) for flow in each.flows()} for each in agents}
            return all(
                set(found[place]) == expected and set(found[place].values()) == {"own socket"}
                for place in ("client", "server")
            ) and set(found["router"]) == expected

        wait_until(settled, 12)
        for each in agents:
            assert each.end() == sum(each.flows().values())
            assert set(each.flows()) == expected
