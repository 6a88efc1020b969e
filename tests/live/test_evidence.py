"""Evidence on the wire: real programs talk, and agents on their hosts and on a router say who is the service."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import time
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

import pytest

from shodohflo.agent.options import RunOptions
from shodohflo.capture.live.interfaces import Wanted
from shodohflo.config import Configuration, load
from shodohflo.store.connection import SocketStore
from shodohflo.store.feed import ServiceFeed
from support.agents import PROGRAM, Watching, recorded, watching
from support.networks import run, wait_until
from support.serving import PATIENCE, Server, programs
from support.sessions import session_in
from support.sites import CLIENT, OUR_NETS, OUTSIDERS, SERVER, Conversation, Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from shodohflo.agent.session import Session

TCP: Final = socket.SOCK_STREAM
UDP: Final = socket.SOCK_DGRAM

CONFIGURATION: Final = """
from shodohflo.pcap_config import *

NETWORK_ENUMERATION = NetworkEnumeration(("all", "0.0.0.0/0", "::/0"))
FLOW_MAPPING = FlowMapping((None, None, Observed(otherwise=LowerPort(SRC))))
"""

HIGH: Final = 54_321
"""The port of a service above those of its clients."""

BOUND: Final = 20_001
"""The port of a UDP service above those of its clients; what it says is of no protocol that is read."""

DNS: Final = (bytes.fromhex("123401000001000000000000"), bytes.fromhex("123481800001000000000000"))
"""The header of a query, and of a response."""

OWN_SOCKETS: Final = 3.5
"""Seconds after which an agent has surely read the sockets of its host again."""


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
        return flows(self.server)

    def evidence(self, flow: str) -> str:
        """Return the evidence for a flow key."""
        return detail(self.server, flow)["evidence"]

    def end(self) -> dict[str, str]:
        """End the agent; return its hash, with all counters."""
        outcomes = self.watching.end()["outcomes"]
        assert {name.partition(".")[0] for name in outcomes} <= {"recorded", "handshake"}
        return fields(self.server, f"agent;{self.name}")


class Embedded(Server):
    """The embedded store of an agent."""

    @property
    def path(self) -> Path:
        """Return the path of the unix socket."""
        return self.directory / "state" / "store.sock"


def flows(server: Server) -> dict[str, int]:
    """Return the flow keys in a store, with their counts."""
    return {key: count for key, count in recorded(server).items() if key.endswith(";flow")}


def fields(server: Server, key: str) -> dict[str, str]:
    """Return a hash of a store."""
    with server.client() as client:
        return dict(client.hgetall(key))


def detail(server: Server, flow: str) -> dict[str, str]:
    """Return the `detail` hash of a flow key."""
    return fields(server, f"detail;{flow.removesuffix(';flow')}")


@contextlib.contextmanager
def agent(
    here: Site, place: str, directory: Path, *, server: Server | None = None, interface: str = "", name: str = ""
) -> Iterator[Agent]:
    """Run an agent on the `client`, the `router` or the `server`, with `server` or a store of its own.

    It listens to `interface`, or to all of them; its name is `name` or its place.
    """
    directory.mkdir(exist_ok=True)
    (directory / "configuration.py").write_text(CONFIGURATION)
    with contextlib.ExitStack() as leaving:
        if server is None:
            server = Server(programs()["valkey"](), directory).start()
            leaving.callback(server.kill)
        words = [word for prefix in OUR_NETS for word in ("--our-nets", prefix)]
        words += ["--config", str(directory / "configuration.py"), *filter(None, [interface])]
        joins = interface or {"client": "c0", "router": "s1", "server": "s0"}[place]
        space, name = {"client": here.client, "router": here.router, "server": here.server}[place], name or place
        store = "" if isinstance(server, Embedded) else f"unix://{server.path}"
        running = watching(space, store, directory, *words, joins=joins, name=name)
        yield Agent(leaving.enter_context(running), server, name)


@pytest.fixture(name="server")
def _server(tmp_path: Path) -> Iterator[Server]:
    """Return a store that agents share, or one after the other uses."""
    (tmp_path / "store").mkdir()
    server = Server(programs()["valkey"](), tmp_path / "store").start()
    yield server
    server.kill()


def flow(version: int, port: int) -> str:
    """Return the flow key of the client and the server."""
    return f"{CLIENT[version]};{SERVER[version]};{port};flow"


def swapped(version: int, port: int) -> str:
    """Return the flow key that takes `port` of the client for a service."""
    return f"{SERVER[version]};{CLIENT[version]};{port};flow"


def begin(here: Site, service: socket.socket, ports: Sequence[int]) -> list[Conversation]:
    """Let the client talk with a service, from each of its `ports`."""
    begun = [here.connect(service, port) for port in ports]
    talk(begun)
    return begun


def talk(conversations: Sequence[Conversation]) -> None:
    """Let each client ask, and its service answer."""
    for each in conversations:
        each.talk(*(DNS if each.served.getsockname()[1] == 53 else ()))


def check_sums(server: Server, agents: Sequence[dict[str, str]]) -> None:
    """Check that the store has what its agents, of which these are the hashes, have recorded, each packet once."""
    total = sum(int(each["outcomes.recorded.flow"]) for each in agents)
    for kind in (";flow", ";peer"):
        # A packet has one flow key, and a key for each of the two peers.
        counts = [count for key, count in recorded(server).items() if key.endswith(kind)]
        assert sum(counts) == total * (2 if kind == ";peer" else 1)


def serve(here: Site) -> dict[tuple[int, int], socket.socket]:
    """Open four services for each IP version; return them by version and port."""
    kinds = ((TCP, HIGH), (TCP, 443), (UDP, 53), (UDP, BOUND))
    return {(version, port): here.serve(kind, version, port) for version in (4, 6) for kind, port in kinds}


def begin_all(here: Site, services: dict[tuple[int, int], socket.socket]) -> list[Conversation]:
    """Begin 15 conversations with the services on the high port, and two with each other service."""
    talks = []
    for place, ((_, port), service) in enumerate(services.items()):
        # Two services have no client port in common: an end that asked one of them would be known as a client's.
        first = 15_001 + 20 * place
        talks += begin(here, service, range(first, first + (15 if port == HIGH else 2)))
    return talks


def all_right(agents: Sequence[Agent], expected: set[str]) -> bool:
    """Return whether the stores of all agents have exactly the flow keys that are expected."""
    return all(set(each.flows()) == expected for each in agents)


@pytest.mark.parametrize("older", [False, True], ids=["agents first", "connections first"])
def test_client_router_and_server_know_the_services(here: Site, tmp_path: Path, *, older: bool) -> None:
    """Each agent finds the right ends of all flows, whatever the ports, also of connections that are older than it."""
    services = serve(here)
    expected = {flow(version, port) for version, port in services}

    with contextlib.ExitStack() as leaving:
        talks = begin_all(here, services) if older else []
        agents = [
            leaving.enter_context(agent(here, place, tmp_path / place)) for place in ("client", "router", "server")
        ]
        until = time.monotonic() + OWN_SOCKETS
        if older:
            # Nothing shows a router the service of an older connection before another one is opened.
            for version in (4, 6):
                talks += begin(here, services[version, HIGH], [15_201])
        else:
            talks += begin_all(here, services)

        def settled() -> bool:
            talk(talks)
            return all_right(agents, expected) and time.monotonic() > until

        wait_until(settled, 10)
        talk(talks)
        for each in agents:
            check_sums(each.server, [each.end()])
        assert all_right(agents, expected)
        client, router, server = ({key: each.evidence(key) for key in expected} for each in agents)

    assert set(client.values()) == set(server.values()) == {"own socket"}
    for version in (4, 6):
        assert router[flow(version, HIGH)] in {"handshake", "known"}
        assert router[flow(version, 443)] in ({"listed", "churn"} if older else {"handshake"})
        assert router[flow(version, 53)] == "bits"
        assert router[flow(version, BOUND)] == "roles"


def test_what_was_guessed_wrongly_is_corrected_once(here: Site, tmp_path: Path) -> None:
    """A router joins a connection midway and guesses wrongly, until another connection shows the service."""
    service = here.serve(TCP, 4, HIGH)
    old = begin(here, service, [15_001])

    with agent(here, "router", tmp_path / "router") as router:
        talk(old)
        wait_until(lambda: swapped(4, 15_001) in router.flows())
        guessed = router.flows()
        assert set(guessed) == {swapped(4, 15_001)}
        assert recorded(router.server)["client;10.2.0.9"] == guessed[swapped(4, 15_001)]

        new = begin(here, service, [15_002])
        talk(old)
        wait_until(lambda: set(router.flows()) == {flow(4, HIGH)})
        talk(old + new)
        ended = router.end()

        check_sums(router.server, [ended])
        keys = recorded(router.server)
        packets = int(ended["outcomes.recorded.flow"])
        assert keys == {
            flow(4, HIGH): packets,
            "10.1.0.5;10.2.0.9;peer": packets,
            "10.2.0.9;10.1.0.5;peer": packets,
            "client;10.1.0.5": packets,
        }
        counters = {name: int(value) for name, value in ended.items() if name.startswith("store.corr")}
        assert counters == {
            "store.corrections": 1,
            "store.corrected": guessed[swapped(4, 15_001)],
            "store.corrections_vanished": 0,
        }
        told = detail(router.server, flow(4, HIGH))
        assert float(told["first"]) < float(told["corrected"]) <= time.time()
        assert told["evidence"] in {"known", "handshake"}
        assert int(told["packets.tcp"]) == packets
        assert detail(router.server, swapped(4, 15_001)) == {}


def test_a_reload_between_guess_and_proof_changes_nothing(here: Site, tmp_path: Path) -> None:
    """What was guessed under the rules before is corrected under those after, and evidence is kept."""
    service = here.serve(TCP, 4, HIGH)
    old = begin(here, service, [15_001])

    with agent(here, "router", tmp_path / "router") as router:
        talk(old)
        wait_until(lambda: swapped(4, 15_001) in router.flows())
        changed = CONFIGURATION.replace("FlowMapping(", "FlowMapping((None, None, PortMatch({7}, SRC)), ")
        (tmp_path / "router" / "configuration.py").write_text(changed)
        router.watching.process.send_signal(signal.SIGHUP)
        wait_until(lambda: router.watching.log().count("configuration.py") > 1)
        new = begin(here, service, [15_002])
        talk(old)
        wait_until(lambda: set(router.flows()) == {flow(4, HIGH)})
        talk(old + new)
        ended = router.end()

        check_sums(router.server, [ended])
        assert ended["store.corrections"] == "1"
        assert detail(router.server, flow(4, HIGH))["rule"] == "FLOW_MAPPING[1]"


@pytest.mark.parametrize("interface", ["", "c1"], ids=["both directions", "one direction"])
def test_an_agent_that_restarts_is_right_from_the_first_packet_on(
    here: Site, server: Server, tmp_path: Path, interface: str
) -> None:
    """After a restart in the middle of long connections, an agent recalls their services from the store."""
    kept, evidence = ("handshake, one way", "claimed") if interface else ("handshake", "known")
    services = {version: here.serve(TCP, version, HIGH) for version in (4, 6)}
    expected = {flow(version, HIGH) for version in services}

    with agent(here, "router", tmp_path / "before", server=server, interface=interface) as router:
        talks = [each for service in services.values() for each in begin(here, service, range(15_001, 15_006))]
        wait_until(lambda: set(router.flows()) == expected)
        before = router.end()
    talk(talks)  # nobody listens
    with agent(here, "router", tmp_path / "after", server=server, interface=interface) as router:
        for _ in range(10):
            talk(talks)
        after = router.end()

    listed = map(json.loads, run(*PROGRAM, "services", "--json", "--store", f"unix://{server.path}").splitlines())
    assert {(row["address"], row["port"], row["evidence"]) for row in listed} == {
        (SERVER[version], HIGH, kept) for version in (4, 6)
    }
    assert set(flows(server)) == expected
    assert {detail(server, key)["evidence"] for key in expected} == {evidence}, router.watching.log()
    assert after["store.corrections"] == "0"
    check_sums(server, [before, after])


def test_an_embedded_store_is_asked_as_soon_as_it_is_there(here: Site, tmp_path: Path) -> None:
    """An agent that starts together with its store is right from the first packet on, too."""
    service, server = here.serve(TCP, 4, HIGH), Embedded("", tmp_path / "router")

    with agent(here, "router", tmp_path / "router", server=server) as router:
        talks = begin(here, service, range(15_001, 15_006))
        wait_until(lambda: fields(server, f"service;10.2.0.9;tcp;{HIGH}") != {})
        wait_until(lambda: detail(server, flow(4, HIGH)).get("evidence") == "handshake")
        router.watching.end()
    assert not server.answers()
    with agent(here, "router", tmp_path / "router", server=server) as router:
        talk(talks)
        wait_until(lambda: server.answers() and detail(server, flow(4, HIGH)).get("evidence") == "known")
        told, keys = detail(server, flow(4, HIGH)), flows(server)
        router.watching.end()

    assert set(keys) == {flow(4, HIGH)}
    assert "corrected" not in told


@contextlib.contextmanager
def feed(server: Server) -> Iterator[ServiceFeed]:
    """Return a feed that has read the store for the first time, and found nothing; then it reads all the time."""
    with ServiceFeed(SocketStore(server.path), 0.2) as services:
        assert services.wait(PATIENCE)
        assert services.take() == []
        yield services


@contextlib.contextmanager
def learner(
    here: Site, server: Server, directory: Path, services: ServiceFeed, interfaces: Sequence[str] = ()
) -> Iterator[Session]:
    """Return the session of an agent on the router that learns from `services`."""
    directory.mkdir(exist_ok=True)
    (directory / "configuration.py").write_text(CONFIGURATION)
    settings = load(directory / "configuration.py", {}, privileged=False)
    configuration, store = Configuration(settings, tuple(map(ip_network, OUR_NETS))), SocketStore(server.path)
    options = RunOptions(
        wanted=Wanted(tuple(interfaces)), configuration=configuration, store=store, name=directory.name
    )
    with session_in(here.router, options, services) as session:
        yield session


def learn(sessions: Sequence[Session]) -> None:
    """Let sessions receive packets, write, and learn what the store knows."""
    for session in sessions:
        session.receive(0.1)
        session.record()
        session.gather()


def finished(session: Session) -> dict[str, str]:
    """End a session; return the fields of its hash."""
    return {name: str(value) for name, value in session.finish().to_fields().items()}


def test_two_agents_of_one_store_correct_what_each_of_them_has_counted(
    here: Site, server: Server, tmp_path: Path
) -> None:
    """Two agents see one direction each and count under the same wrong key, until the server's own agent knows better.

    By its sockets; each moves its own packets.
    """
    service = here.serve(TCP, 4, HIGH)
    old = begin(here, service, [15_001])

    with contextlib.ExitStack() as leaving:
        feeds = [(side, leaving.enter_context(feed(server))) for side in ("c1", "s1")]
        sides = [
            leaving.enter_context(learner(here, server, tmp_path / side, services, [side])) for side, services in feeds
        ]

        def have_guessed() -> bool:
            talk(old)
            learn(sides)
            return {"agent.c1", "agent.s1"} <= set(detail(server, swapped(4, 15_001)))

        wait_until(have_guessed)
        host = leaving.enter_context(agent(here, "server", tmp_path / "server", server=server))

        def have_corrected() -> bool:
            talk(old)
            learn(sides)
            return set(flows(server)) == {flow(4, HIGH)}

        wait_until(have_corrected)
        talk(old)
        ended = [*map(finished, sides), host.end()]

    check_sums(server, ended)
    assert set(recorded(server)) == {
        flow(4, HIGH),
        "10.1.0.5;10.2.0.9;peer",
        "10.2.0.9;10.1.0.5;peer",
        "client;10.1.0.5",
    }
    assert [each["store.corrections"] for each in ended] == ["1", "1", "0"]
    assert all(int(each["store.corrected"]) > 0 for each in ended[:2])
    assert fields(server, f"service;10.2.0.9;tcp;{HIGH}")["evidence"] == "own socket"


@pytest.mark.parametrize("place", ["client", "server"])
def test_an_agent_learns_from_another_while_both_run(here: Site, server: Server, tmp_path: Path, place: str) -> None:
    """A service that sockets have shown to another agent is known when the store is read the next time."""
    service = here.serve(TCP, 4, HIGH)

    with agent(here, place, tmp_path / place, server=server) as host, feed(server) as services:
        old = begin(here, service, [15_001])
        with learner(here, server, tmp_path / "session", services) as session:

            def knows() -> bool:
                talk(old)
                learn([session])
                return detail(server, flow(4, HIGH)).get("evidence") == "known"

            wait_until(knows)
            beside = finished(session)
        ended = host.end()

    check_sums(server, [ended, beside])
    assert set(flows(server)) == {flow(4, HIGH)}
    assert fields(server, f"service;10.2.0.9;tcp;{HIGH}")["evidence"] == "own socket"


def test_what_another_agent_has_seen_corrects_what_was_guessed(here: Site, server: Server, tmp_path: Path) -> None:
    """A guess is written before the store is read again; with the service that it knows by then, it is taken back."""
    service = here.serve(TCP, 4, HIGH)

    with agent(here, "router", tmp_path / "router", server=server) as router, feed(server) as services:
        old = begin(here, service, [15_001])
        wait_until(lambda: fields(server, f"service;10.2.0.9;tcp;{HIGH}") != {})
        with learner(here, server, tmp_path / "session", services) as session:

            def hears(expected: set[str]) -> bool:
                talk(old)
                session.receive(0.1)
                session.record()
                return set(flows(server)) == expected

            wait_until(lambda: hears({flow(4, HIGH), swapped(4, 15_001)}))

            def learns() -> bool:
                session.gather()
                return hears({flow(4, HIGH)})

            wait_until(learns)
            beside = finished(session)
        ended = router.end()

    check_sums(server, [ended, beside])
    assert (ended["store.corrections"], beside["store.corrections"]) == ("0", "1")


def knock(here: Site, origin: str, target: str, ports: Sequence[int]) -> None:
    """Try to connect from the address `origin` of the client, and give up at once where nothing answers."""
    for port in ports:
        with here.client.entered(), socket.socket() as knocking:
            knocking.bind((origin, 0))
            knocking.setblocking(False)
            knocking.connect_ex((target, port))


def test_who_knocks_on_our_doors_is_told(here: Site, tmp_path: Path) -> None:
    """A router sees whether hosts of ours refuse a scan; a host itself sees no answer of its own."""
    ports, nobody = range(2_000, 2_016), "10.2.0.77"

    with agent(here, "router", tmp_path / "router") as router, agent(here, "server", tmp_path / "server") as host:
        knock(here, OUTSIDERS[0], SERVER[4], ports)
        knock(here, OUTSIDERS[1], nobody, ports)

        def knocks(at: Agent, origin: str) -> dict[str, str]:
            return fields(at.server, f"knock;{origin}")

        wait_until(
            lambda: all(knocks(at, origin).get("ports") == "16" for at in (router, host) for origin in OUTSIDERS)
        )
        told = {(at.name, origin): knocks(at, origin) for at in (router, host) for origin in OUTSIDERS}
        printed = run(*PROGRAM, "recon", "--kind", "knock", "--json", "--store", f"unix://{router.server.path}")

    for (name, origin), knocked in told.items():
        assert (knocked["hosts"], knocked["ports"]) == ("1", "16")
        is_seen = name == "router" and origin == OUTSIDERS[0]
        attempts = {field.partition(";")[0]: count for field, count in knocked.items() if ";" in field}
        assert (attempts[f"refused.{name}"], attempts[f"silent.{name}"]) == (("16", "0") if is_seen else ("0", "16"))
        target = SERVER[4] if origin == OUTSIDERS[0] else nobody
        targets = {field for field in knocked if field.startswith("target.")}
        assert targets == {f"target.{target};tcp;{port}" for port in ports}
    rows = {
        row["origin"]: (row["refused"], row["silent"], row["ports"]) for row in map(json.loads, printed.splitlines())
    }
    assert rows == {OUTSIDERS[0]: (16, 0, 16), OUTSIDERS[1]: (0, 16, 16)}


def test_a_rule_that_evidence_contradicts_is_graded_and_warned_of(here: Site, tmp_path: Path) -> None:
    """Agents tell how often the lower port was wrong, and warn of it."""
    service = here.serve(TCP, 4, HIGH)

    with agent(here, "router", tmp_path / "router") as router:
        begin(here, service, range(15_001, 15_121))
        wait_until(lambda: "disagree with evidence" in router.watching.log())
        begin(here, service, range(15_121, 15_141))
        ended = router.end()
        store = f"unix://{router.server.path}"
        printed = run(*PROGRAM, "rules", "--grade", str(tmp_path / "router" / "configuration.py"), "--store", store)

    assert ended["grade.FLOW_MAPPING[0]"].startswith("140 140 ")
    assert router.watching.log().count("disagree with evidence") == 1
    assert "FLOW_MAPPING[0] Observed(otherwise=LowerPort(SRC)): 100 % disagree with evidence" in printed
