"""Readers of real stores, with keys of our writer and of other programs."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shodohflo.errors import StoreError
from shodohflo.keys import FlowDetail, detail_key, from_key
from shodohflo.keys.detail import ProtocolSum
from shodohflo.model import UDP, ClientKey, FlowKey, Kind, Rung
from shodohflo.query.details import join_details
from shodohflo.query.filters import Filter
from shodohflo.query.reader import Reader
from shodohflo.query.rows import FlowRow
from shodohflo.query.services import Lately
from shodohflo.store.connection import RemoteStore, SocketStore
from shodohflo.store.sinks.single import Single
from shodohflo.store.urls import parse_url
from shodohflo.store.writer import Writer
from support.cutting import CuttingWire
from support.observing import SECOND, SEEN, Seen, flow, observed
from support.seen import end, write_knock, write_service
from support.serving import PATIENCE, Server, programs, wait_until

if TYPE_CHECKING:
    from pathlib import Path

BERT, ERNIE, OUTSIDE = ip_address("10.0.0.1"), ip_address("10.0.0.2"), ip_address("8.8.8.8")
EVERYTHING = Filter()


def written(server: Server, *rows: Seen, agent: str = "bert", heartbeats: bool = True) -> None:
    """Write `rows` to a store."""
    with Writer(Single(SocketStore(server.path)), agent=agent, lifetime=900) as writer:
        writer.offer(observed(*rows), ("the rule in words",))
        if heartbeats:
            writer.heartbeat({"received": 7})
        assert writer.flush(PATIENCE)


def reader(*servers: Server) -> Reader:
    """Return a reader of `servers`."""
    return Reader([SocketStore(server.path) for server in servers])


@pytest.fixture(params=programs())
def server(request: pytest.FixtureRequest, servers: list[Server]) -> Server:
    """Return each of the stores in turn."""
    return dict(zip(programs(), servers, strict=True))[request.param]


def test_a_flow_is_read_as_it_was_written(server: Server) -> None:
    """A flow has the packets of its key, the fields of its detail, and its age."""
    written(
        server,
        Seen(BERT, OUTSIDE, 53, protocol=UDP, packets=3, octets=200, first=100 * SECOND, last=109 * SECOND),
        Seen(BERT, OUTSIDE, 53, packets=2, octets=150, first=102 * SECOND, last=104 * SECOND),
    )

    found = reader(server).flows(EVERYTHING, now=110.5)

    [row] = found.rows
    assert row.expires_in is not None
    assert 890 < row.expires_in <= 900
    assert found.foreign == 0
    assert row == FlowRow(
        client=BERT,
        service=OUTSIDE,
        port=53,
        packets=5,
        octets=350,
        first=100.0,
        last=109.0,
        protocols=(ProtocolSum("tcp", 2, 150), ProtocolSum("udp", 3, 200)),
        rule="FLOW_MAPPING[0]",
        sentence="the rule in words",
        evidence="",
        corrected=None,
        agents=("bert",),
        age=1.5,
        expires_in=row.expires_in,
        stores=(f"unix://{server.path}",),
    )


def test_flows_are_chosen_by_client_service_and_port(server: Server) -> None:
    """Each part of a filter selects flows, alone and combined, and the flow with most packets comes first."""
    written(
        server,
        flow("10.0.0.1", "8.8.8.8", 53, packets=1),
        flow("10.0.0.1", "8.8.8.8", 443, packets=5),
        flow("10.0.0.2", "8.8.8.8", 443, packets=3),
        flow("2001:db8::1", "2001:db8::2", 443, packets=9),
    )
    bert, outside = (ip_network("10.0.0.1"),), (ip_network("8.8.0.0/16"),)
    https = frozenset({443})

    def packets(wanted: Filter) -> list[int]:
        return [row.packets for row in reader(server).flows(wanted, now=0).rows]

    assert packets(EVERYTHING) == [9, 5, 3, 1]
    assert packets(Filter(clients=bert)) == [5, 1]
    assert packets(Filter(services=outside)) == [5, 3, 1]
    assert packets(Filter(ports=https)) == [9, 5, 3]
    assert packets(Filter(ports=frozenset({53, 80}))) == [1]
    assert packets(Filter(clients=bert, services=outside, ports=https)) == [5]
    assert packets(Filter(clients=(ip_network("2001:db8::/32"), *bert))) == [9, 5, 1]


def test_each_pair_of_peers_is_told_once(server: Server) -> None:
    """Each pair of peers is returned once, in the wanted direction or else with the lower address first."""
    written(server, flow("10.0.0.2", "10.0.0.1", 22), flow("10.0.0.1", "8.8.8.8", 53))

    def pairs(wanted: Filter) -> set[tuple[str, str]]:
        return {(str(row.address), str(row.peer)) for row in reader(server).peers(wanted).rows}

    assert pairs(EVERYTHING) == {("10.0.0.1", "10.0.0.2"), ("8.8.8.8", "10.0.0.1")}
    assert pairs(Filter(clients=(ip_network("10.0.0.2"),))) == {("10.0.0.2", "10.0.0.1")}
    assert pairs(Filter(clients=(ip_network("10.0.0.0/8"),))) == {("10.0.0.1", "10.0.0.2"), ("10.0.0.1", "8.8.8.8")}
    assert pairs(Filter(services=(ip_network("8.8.8.8"),))) == {("10.0.0.1", "8.8.8.8")}


def test_clients_are_told_with_their_age(server: Server) -> None:
    """The age of a client is the lifetime in the heartbeat of the agent minus the time until its key expires."""
    written(server, flow("10.0.0.1", "8.8.8.8", 53, packets=2), flow("10.0.0.2", "8.8.8.8", 53, packets=3))
    with server.client() as client:
        client.expire("client;10.0.0.1", 800)

    rows = reader(server).clients(EVERYTHING).rows
    chosen = reader(server).clients(Filter(clients=(ip_network("10.0.0.1"),))).rows

    ages = {row.client: row.age for row in rows}
    assert [(row.client, row.packets) for row in rows] == [(ERNIE, 3), (BERT, 2)]
    assert ages[BERT] == pytest.approx(100, abs=PATIENCE)
    assert ages[ERNIE] == pytest.approx(0, abs=PATIENCE)
    assert [row.client for row in chosen] == [BERT]


def test_without_an_agents_word_the_age_is_unknown(server: Server) -> None:
    """Without a heartbeat the age of a key is unknown, because its full lifetime is."""
    written(server, flow("10.0.0.1", "8.8.8.8", 53), heartbeats=False)

    [row] = reader(server).clients(EVERYTHING).rows

    assert row.age is None
    assert row.expires_in is not None


def test_reconnaissance_is_resets_and_unreachables(server: Server) -> None:
    """Resets and unreachables are returned with both ends, and a filter may have the port of either end."""
    written(
        server,
        Seen(BERT, OUTSIDE, 443, kind=Kind.RESET, client_port=4711, packets=2),
        Seen(BERT, OUTSIDE, 53, kind=Kind.UNREACHABLE, client_port=4712, code=3),
        flow("10.0.0.1", "8.8.8.8", 80),
    )

    rows = reader(server).recon(EVERYTHING).rows

    assert [(row.kind, row.client, row.remote, row.client_port, row.remote_port, row.code) for row in rows] == [
        ("rst", BERT, OUTSIDE, 4711, 443, None),
        ("icmp", BERT, OUTSIDE, 4712, 53, 3),
    ]
    for port, kinds in ((443, ["rst"]), (4712, ["icmp"]), (80, [])):
        assert [row.kind for row in reader(server).recon(Filter(ports=frozenset({port}))).rows] == kinds


def test_agents_are_told_with_their_last_words(server: Server) -> None:
    """Agents are returned with the fields and the age of their last heartbeat."""
    written(server)

    [agent] = reader(server).agents()

    assert (agent.agent, agent.store) == ("bert", f"unix://{server.path}")
    assert agent.fields == {"lifetime": "900", "received": "7"}
    assert 0 <= agent.age < PATIENCE


def test_other_peoples_keys_and_values_are_counted_and_left_out(server: Server) -> None:
    """Keys with a foreign name or value are counted and left out; a foreign detail is treated as missing."""
    written(server, flow("10.0.0.1", "8.8.8.8", 53))
    with server.client() as client:
        client.set("somebody;else;1;flow", "1")
        client.set("10.0.0.1;8.8.8.8;053;flow", "1")
        client.set(b"\xff;8.8.8.8;1;flow", "1")
        client.set("10.0.0.1;8.8.8.8;54;flow", "many")
        client.rpush("10.0.0.1;8.8.8.8;55;flow", "theirs")
        client.set("10.0.0.1;8.8.8.8;56;flow", "4")
        client.set("detail;10.0.0.1;8.8.8.8;56", "theirs")
        client.set("agent;somebody", "theirs")

    found = reader(server).flows(EVERYTHING, now=0)

    assert found.foreign == 5
    assert [(row.port, row.packets, row.octets, row.expires_in is None) for row in found.rows] == [
        (56, 4, None, True),
        (53, 1, 60, False),
    ]


def test_thousands_of_flows_are_read_each_once(server: Server) -> None:
    """Flows that take several steps of a scan are each returned once."""
    rows = [flow("10.0.0.1", "8.8.8.8", port) for port in range(5000)]
    written(server, *rows)

    found = reader(server).flows(EVERYTHING, now=0)

    assert [row.port for row in found.rows] == list(range(5000))


def test_several_stores_are_read_as_if_they_were_one(servers: list[Server]) -> None:
    """The row of a flow in two stores has the sum of packets, the lowest age, and all agents and stores."""
    written(servers[0], Seen(BERT, OUTSIDE, 53, packets=2, last=5 * SECOND), flow("10.0.0.2", "8.8.8.8", 53))
    written(servers[1], Seen(BERT, OUTSIDE, 53, packets=3, last=9 * SECOND), agent="ernie")

    both = reader(*servers)
    rows = both.flows(EVERYTHING, now=10.0).rows

    assert [(row.client, row.packets, row.age, row.agents, len(row.stores)) for row in rows] == [
        (BERT, 5, 1.0, ("bert", "ernie"), 2),
        (ERNIE, 1, 10.0, ("bert",), 1),
    ]
    assert [row.packets for row in both.clients(EVERYTHING).rows] == [5, 1]
    assert [agent.agent for agent in both.agents()] == ["bert", "ernie"]


def test_an_empty_store_has_no_rows(server: Server) -> None:
    """An empty store gives no rows and no error."""
    asked = reader(server)

    assert asked.flows(EVERYTHING, now=0).rows == ()
    assert asked.peers(EVERYTHING).rows == ()
    assert asked.recon(EVERYTHING).rows == ()
    assert asked.agents() == ()


def test_a_store_that_is_gone_does_not_hide_the_others(servers: list[Server], tmp_path: Path) -> None:
    """The rows of the other stores are returned, and the failure is noted in one line with the name of the store."""
    written(servers[0], flow("10.0.0.1", "8.8.8.8", 53))
    gone = SocketStore(tmp_path / "gone.sock")

    asked = Reader([gone, SocketStore(servers[0].path)])

    assert [row.client for row in asked.flows(EVERYTHING, now=0).rows] == [BERT]
    assert [agent.agent for agent in asked.agents()] == ["bert"]
    assert asked.failures.keys() == {gone.name}
    assert asked.failures[gone.name].startswith(f"store {gone.name}: ")
    assert "\n" not in asked.failures[gone.name]


def test_stores_that_are_all_gone_are_an_error(tmp_path: Path) -> None:
    """A query raises the one-line error of the first store if none can be reached."""
    asked = Reader([SocketStore(tmp_path / "gone.sock"), SocketStore(tmp_path / "lost.sock")])

    with pytest.raises(StoreError) as caught:
        asked.flows(EVERYTHING, now=0)

    assert str(tmp_path / "gone.sock") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_database_that_is_named_in_several_ways_is_read_once(server: Server) -> None:
    """The socket twice, the port, and a name of the host are one database; another number is another one."""
    written(server, flow("10.0.0.1", "8.8.8.8", 53, 7))
    by_port = [RemoteStore(parse_url(f"valkey://{host}:{server.port}")) for host in ("127.0.0.1", "localhost")]
    other = RemoteStore(parse_url(f"valkey://127.0.0.1:{server.port}/1"))
    with other.connect() as client:
        client.set("client;10.0.0.1", 5)

    asked = Reader([SocketStore(server.path), SocketStore(server.path), *by_port, other])

    assert [row.packets for row in asked.flows(EVERYTHING, now=0).rows] == [7]
    assert [(row.packets, len(row.stores)) for row in asked.clients(EVERYTHING).rows] == [(12, 2)]


def test_a_replica_is_not_added_to_its_primary(server: Server, tmp_path: Path) -> None:
    """A replica has the same rows as its primary, so only the first of the two is read."""
    replica = Server(server.program, tmp_path, ("--replicaof", "127.0.0.1", str(server.port))).start()
    written(server, flow("10.0.0.1", "8.8.8.8", 53, 7))
    with replica.client() as client:
        wait_until(lambda: client.get("client;10.0.0.1") == "7", "the replica has the rows")

    rows = Reader([SocketStore(server.path), SocketStore(replica.path)]).flows(EVERYTHING, now=0).rows

    assert [(row.packets, len(row.stores)) for row in rows] == [(7, 1)]
    replica.kill()


def test_a_store_that_does_not_say_which_it_is_is_read_once_by_its_name(server: Server) -> None:
    """Without the right to ask for it, two names of a store are two stores, and the same name is one."""
    written(server, flow("10.0.0.1", "8.8.8.8", 53, 7))
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-info")
        try:
            rows = reader(server, server).flows(EVERYTHING, now=0).rows
        finally:
            client.execute_command("ACL", "SETUSER", "default", "+info")

    assert [row.packets for row in rows] == [7]


def test_a_store_that_goes_in_the_middle_is_named_in_one_line(server: Server, tmp_path: Path) -> None:
    """A query raises a one-line error with the name of the store if the connection is lost during a scan."""
    written(server, *(flow("10.0.0.1", "8.8.8.8", port) for port in range(5000)))
    requests = count()

    with CuttingWire(tmp_path / "wire", server.path, lambda: next(requests) >= 9) as wire:
        asked = Reader([SocketStore(tmp_path / "wire")])
        with pytest.raises(StoreError, match=r"store unix://.*wire: ") as caught:
            asked.flows(EVERYTHING, now=0)

    assert wire.requests_cut == 1
    assert "\n" not in str(caught.value)


def plainly_read(servers: list[Server], now: float) -> list[FlowRow]:
    """Return all flows as `Reader.flows` does, in the plainest way: a key at a time, with the client library."""
    by_key: dict[str, list[tuple[str, int, float | None, FlowDetail]]] = {}
    for server in servers:
        with server.client() as client:
            for name in client.keys("*;flow"):
                left = client.pttl(name)
                detail = FlowDetail.from_fields(client.hgetall("detail;" + name.removesuffix(";flow")))
                told = (f"unix://{server.path}", int(client.get(name)), left / 1000 if left >= 0 else None, detail)
                by_key.setdefault(name, []).append(told)
    return [plain_row(name, told, now) for name, told in by_key.items()]


def plain_row(name: str, told: list[tuple[str, int, float | None, FlowDetail]], now: float) -> FlowRow:
    """Return the row of one flow."""
    key = from_key(name)
    assert isinstance(key, FlowKey)
    detail = join_details([one for *_, one in told])
    expiries = [expires_in for _, _, expires_in, _ in told]
    return FlowRow(
        client=key.client,
        service=key.service,
        port=key.port,
        octets=detail.octets,
        first=detail.first,
        last=detail.last,
        protocols=detail.protocols,
        rule=detail.rule,
        sentence=detail.sentence,
        evidence=detail.evidence,
        corrected=detail.corrected,
        agents=detail.agents,
        packets=sum(packets for _, packets, _, _ in told),
        age=None if detail.last is None else max(now - detail.last, 0.0),
        expires_in=None if None in expiries else max(each for each in expiries if each is not None),
        stores=tuple(store for store, *_ in told),
    )


@given(st.lists(st.tuples(SEEN, st.sampled_from([0, 1]), st.booleans()), max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_the_rows_are_those_of_reading_key_by_key(servers: list[Server], seen: list[tuple[Seen, int, bool]]) -> None:
    """Reading in bounded round trips, alone and from several stores, gives exactly the rows of the plainest way."""
    for place, server in enumerate(servers):
        with server.client() as client:
            client.flushall()
            written(server, *(row for row, at, _ in seen if at == place), agent=f"agent{place}", heartbeats=False)
            for row, at, has_detail in seen:
                if at == place and not has_detail:
                    client.delete(detail_key(FlowKey(row.client, row.remote, row.port)))

    for chosen in (servers[:1], servers):
        rows = reader(*chosen).flows(EVERYTHING, now=10.0**9).rows
        plain = {(row.client, row.service, row.port): row for row in plainly_read(chosen, 10.0**9)}

        assert len(rows) == len(plain)
        for found in rows:
            expected = plain[found.client, found.service, found.port]
            assert found == replace(expected, expires_in=found.expires_in)
            assert found.expires_in == pytest.approx(expected.expires_in, abs=PATIENCE)


def test_rows_can_be_narrowed_by_their_age(server: Server) -> None:
    """Flows go by their last packet, the others by their last write; of those, it takes a heartbeat to know."""
    written(
        server,
        Seen(BERT, OUTSIDE, 53, last=100 * SECOND),
        Seen(ERNIE, OUTSIDE, 53, last=10 * SECOND),
        Seen(BERT, OUTSIDE, 443, kind=Kind.RESET, client_port=4711),
    )
    with server.client() as client:
        client.expire("client;10.0.0.2", 100)
        client.expire("8.8.8.8;10.0.0.2;peer", 100)
        client.expire("10.0.0.2;8.8.8.8;peer", 100)
    asked, lately = reader(server), Filter(within=60.0)

    assert [row.client for row in asked.flows(lately, now=120.0).rows] == [BERT]
    assert [row.client for row in asked.clients_by_flow(lately, now=120.0).rows] == [BERT]
    assert [row.client for row in asked.clients(lately).rows] == [BERT]
    assert [{row.address, row.peer} for row in asked.peers(lately).rows] == [{BERT, OUTSIDE}]
    assert len(asked.recon(lately).rows) == 1
    with server.client() as client:
        client.delete("agent;bert")
    assert asked.clients(lately).rows == ()


def test_flows_are_chosen_by_protocol(server: Server) -> None:
    """A flow of both protocols is a flow of each, unless one of them is unwanted."""
    written(
        server,
        Seen(BERT, OUTSIDE, 53, protocol=UDP),
        Seen(BERT, OUTSIDE, 53),
        Seen(BERT, OUTSIDE, 443),
        Seen(BERT, ERNIE, 123, protocol=UDP),
    )
    asked, udp = reader(server), frozenset({"udp"})

    def ports(wanted: Filter) -> set[int]:
        return {row.port for row in asked.flows(wanted, now=0).rows}

    assert ports(Filter(protocols=udp)) == {53, 123}
    assert ports(Filter(not_protocols=udp)) == {443}
    assert ports(Filter(protocols=udp, not_protocols=frozenset({"tcp"}))) == {123}
    assert {row.peer for row in asked.peers_by_flow(Filter(not_protocols=udp), now=0).rows} == {OUTSIDE}


def test_only_the_wanted_kind_of_failed_attempts_is_read(server: Server) -> None:
    """Resets and unreachables can be asked for apart."""
    written(
        server,
        Seen(BERT, OUTSIDE, 443, kind=Kind.RESET, client_port=4711),
        Seen(BERT, OUTSIDE, 53, kind=Kind.UNREACHABLE, client_port=4712, code=3),
    )

    for kind in ("rst", "icmp"):
        assert [row.kind for row in reader(server).recon(Filter(kinds=frozenset({kind}))).rows] == [kind]


def test_services_are_read_with_their_marks(server: Server) -> None:
    """Every service is a row, by address and port; what looks like one and is not is counted."""
    with server.client() as client:
        write_service(client, end("10.0.0.9", 54321), first=1000, last=2000, clients=3)
        write_service(client, end("9.0.0.9", 22), first=1990, last=1995, rung=Rung.KNOWN)
        client.set("service;10.0.0.9;tcp;80", "1")
        client.hset("service;10.0.0.9;tcp;080", mapping={"first": "1", "last": "2"})

    found = reader(server).services(EVERYTHING, Lately(new=60.0, gone=3.0), now=2000.0)
    chosen = reader(server).services(Filter(ports=frozenset({22})), Lately(), now=2000.0)

    assert [(str(row.address), row.port, row.evidence, row.new, row.gone) for row in found.rows] == [
        ("9.0.0.9", 22, "known", True, True),
        ("10.0.0.9", 54321, "handshake", False, False),
    ]
    assert found.foreign == 2
    assert [row.port for row in chosen.rows] == [22]


def test_a_service_of_several_stores_is_one_row(servers: list[Server]) -> None:
    """The same service in two stores is listed once, with what both say."""
    for server, agent, clients in zip(servers, ("bert", "ernie"), (3, 5), strict=False):
        with server.client() as client:
            write_service(client, end("10.0.0.9", 22), first=1000, last=2000, clients=clients, agent=agent)

    [row] = reader(*servers).services(EVERYTHING, Lately(), now=2000.0).rows

    assert (row.clients, row.agents, len(row.stores)) == (5, ("bert", "ernie"), 2)


def test_origins_of_knocks_are_read(servers: list[Server]) -> None:
    """Every origin is a row, summed over stores; they are left out where only other kinds are wanted."""
    ssh = end("10.0.0.5", 22)
    for server in servers[:2]:
        with server.client() as client:
            write_knock(client, "203.0.113.9/32", ssh, first=1000, last=1012, refused=1, silent=15)
            write_knock(client, "198.51.100.0/24", first=1000, last=1001, silent=7)
            client.hset("knock;10.0.0.0/8", mapping={"first": "1", "last": "2"})
    asked = reader(*servers[:2])

    found = asked.knocks(EVERYTHING, now=1020.0)
    to_ssh = asked.knocks(Filter(ports=frozenset({22})), now=1020.0)

    assert [(str(row.origin), row.attempts, row.age) for row in found.rows] == [
        ("198.51.100.0/24", 14, 19.0),
        ("203.0.113.9/32", 32, 8.0),
    ]
    assert found.foreign == 2
    assert [str(row.origin) for row in to_ssh.rows] == ["203.0.113.9/32"]
    assert asked.knocks(Filter(kinds=frozenset({"rst"})), now=1020.0).rows == ()
    assert [store.matching for store in asked.contents((), ("knock;",))] == [3, 3]


def test_what_a_store_holds_is_told_whoever_is_asked_for(servers: list[Server]) -> None:
    """Each store has its number of keys of the kinds, without regard to any filter."""
    written(servers[0], flow("10.0.0.1", "8.8.8.8", 53), flow("10.0.0.2", "8.8.8.8", 53))

    told = reader(*servers[:2]).contents((FlowKey, ClientKey))

    assert [(one.store, one.matching, one.database) for one in told] == [
        (f"unix://{servers[0].path}", 4, 0),
        (f"unix://{servers[1].path}", 0, 0),
    ]
