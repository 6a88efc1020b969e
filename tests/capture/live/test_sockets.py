"""Real sockets of every kind, in network namespaces of their own, and kernels that do not answer as they should."""

from __future__ import annotations

import errno
import socket
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import pytest

from shodohflo.capture.live import sockets as module
from shodohflo.capture.live.dumps import Dump, DumpError, DumpRequest, DumpSocket
from shodohflo.capture.live.namespaces import NamespaceError
from shodohflo.capture.live.sockets import PERIOD, STALE, Sockets
from shodohflo.columns.own_ends import OwnEnds, Saying
from shodohflo.model import TCP, UDP, End
from support.machine import require
from support.networks import Namespace, namespace, run

if TYPE_CHECKING:
    from collections.abc import Iterator

V4: Final = "192.0.2.1"
V6: Final = "2001:db8::1"
ANYBODY: Final = End(ip_address("192.0.2.99"), TCP, 9)
LATER: Final = 1000.0
"""Seconds between two readings of a test, more than any pause."""


@dataclass
class Host:
    """A namespace with the addresses `V4` and `V6`, its reader, and the sockets that a test opens there."""

    space: Namespace
    reader: Sockets
    opened: ExitStack
    now: float = 0.0
    known: OwnEnds = field(default_factory=OwnEnds)

    def unbound(self, family: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """Open a socket in the namespace."""
        with self.space.entered():
            return self.opened.enter_context(socket.socket(family, kind))

    def listen(self, address: str, port: int = 0, *, v6only: bool = True) -> socket.socket:
        """Open a listener."""
        made = self.bound(address, port, socket.SOCK_STREAM, v6only=v6only)
        made.listen()
        return made

    def bound(self, address: str, port: int, kind: int = socket.SOCK_DGRAM, *, v6only: bool = True) -> socket.socket:
        """Open a socket that is bound and not connected."""
        made = self.unbound(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ":" in address:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
        made.bind((address, port))
        return made

    def connect(self, to: tuple[str, int], kind: int = socket.SOCK_STREAM, source: int = 0) -> socket.socket:
        """Open a socket connected to an address and port, from the same address."""
        made = self.bound(to[0], source, kind) if source else self.unbound(_family(to[0]), kind)
        made.connect(to)
        return made

    def accept(self, listener: socket.socket) -> socket.socket:
        """Accept a connection."""
        accepted, _ = listener.accept()
        return self.opened.enter_context(accepted)

    def read(self) -> OwnEnds:
        """Read the sockets again."""
        self.now += LATER
        with self.space.entered():
            self.known = self.reader.poll(self.now) or self.known
        assert self.reader.problem == ""
        return self.known

    def says(self, address: str, port: int, protocol: int = TCP, *, to: tuple[str, int] = ("192.0.2.99", 9)) -> Saying:
        """Return what the latest reading says of an end in a flow with the end `to`."""
        return self.known.says(End(ip_address(address), protocol, port), End(ip_address(to[0]), protocol, to[1]))


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


@contextmanager
def new_host() -> Iterator[Host]:
    """Make a namespace with addresses and a reader in it."""
    with namespace() as space, ExitStack() as opened:
        space.ip("addr", "add", f"{V4}/32", "dev", "lo")
        space.ip("addr", "add", f"{V6}/128", "dev", "lo", "nodad")
        reader = Sockets()
        opened.callback(reader.close)
        yield Host(space, reader, opened)


@pytest.fixture(name="host")
def _host() -> Iterator[Host]:
    with new_host() as host:
        yield host


def test_the_addresses_are_those_of_the_namespace(host: Host) -> None:
    """Addresses of all interfaces are local, and an address that comes is read."""
    assert set(host.read().spaces[0].addresses.texts()) == {"127.0.0.1", "::1", V4, V6}
    host.space.ip("addr", "add", "192.0.2.2/32", "dev", "lo")
    assert "192.0.2.2" in host.read().spaces[0].addresses.texts()


@pytest.mark.parametrize(
    ("bound", "services"),
    [
        ("0.0.0.0", {V4}),
        (V4, {V4}),
        ("127.0.0.1", set()),
        ("::", {V6}),
        ("::, dual-stack", {V4, V6}),
        (V6, {V6}),
        (f"::ffff:{V4}, dual-stack", {V4}),
    ],
)
@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_a_listener_is_a_service_at_the_addresses_it_has(
    host: Host, bound: str, services: set[str], protocol: int
) -> None:
    """TCP sockets that listen, and UDP sockets outside the ephemeral range, of one address or all, of both families."""
    address, _, dual_stack = bound.partition(", ")
    opening = host.listen if protocol == TCP else host.bound
    opening(address, 8080, v6only=not dual_stack)

    host.read()
    host.read()

    assert {each for each in (V4, V6) if host.says(each, 8080, protocol) is Saying.SERVICE} == services
    assert {host.says(each, 8080, TCP + UDP - protocol) for each in (V4, V6)} == {Saying.NOTHING}
    assert host.says("192.0.2.99", 8080, protocol) is Saying.NOTHING


@pytest.mark.parametrize("address", [V4, V6])
def test_one_end_of_a_connection_is_a_client_and_the_accepted_one_a_service(host: Host, address: str) -> None:
    """The connected socket has no listener; the accepted one has the port of its listener."""
    listener = host.listen(address, 50000)  # in the ephemeral range, above the client's port or not
    client = host.connect((address, 50000))
    accepted = host.accept(listener)

    host.read()

    assert accepted.getsockname()[:2] == (address, 50000)
    assert host.says(address, 50000) is Saying.SERVICE
    assert host.says(address, client.getsockname()[1], to=(address, 50000)) is Saying.CLIENT
    assert host.known.spaces[0].clients.local.port.tolist() == [client.getsockname()[1]]


def test_ipv4_through_sockets_of_ipv6_is_ipv4(host: Host) -> None:
    """A client and a service that use IPv4 through IPv6 sockets have the addresses that are on the wire."""
    listener = host.listen("::", 8080, v6only=False)
    client = host.unbound(socket.AF_INET6)
    client.connect((f"::ffff:{V4}", 8080))
    host.accept(listener)

    host.read()

    assert host.says(V4, client.getsockname()[1], to=(V4, 8080)) is Saying.CLIENT
    assert host.says(V4, 8080) is Saying.SERVICE


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
@pytest.mark.parametrize("address", [V4, V6, f"::ffff:{V4}"])
def test_a_client_is_one_towards_its_remote_end_alone(host: Host, address: str, kind: socket.SocketKind) -> None:
    """Whoever else sends to the port of a client is not asked by it; so it is with IPv4 through an IPv6 socket."""
    protocol, here = TCP if kind == socket.SOCK_STREAM else UDP, address.removeprefix("::ffff:")
    (host.listen if protocol == TCP else host.bound)(here, 8080)
    client = host.unbound(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    client.connect((address, 8080))
    port = client.getsockname()[1]

    host.read()

    remote = ((here, 8080), (here, 8081), ("192.0.2.99" if here == V4 else "2001:db8::99", 8080))
    said = [host.says(here, port, protocol, to=to) for to in remote]
    assert said == [Saying.CLIENT, Saying.NOTHING, Saying.NOTHING]


def test_a_port_that_was_bound_before_it_was_connected_is_a_clients_too(host: Host) -> None:
    """A client may choose its port, as NFS does; its end of the connection is a client."""
    host.listen(V4, 2049)
    host.connect((V4, 2049), source=700)

    host.read()

    assert host.says(V4, 700, to=(V4, 2049)) is Saying.CLIENT


def test_a_connection_that_waits_for_its_answer_is_a_clients(host: Host) -> None:
    """SYN_SENT is enough: the local port belongs to it."""
    host.space.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    host.space.ip("link", "set", "v0", "up")
    host.space.ip("route", "add", "198.51.100.0/24", "dev", "v0")
    client = host.unbound(socket.AF_INET)
    client.setblocking(False)
    assert client.connect_ex(("198.51.100.1", 80)) == errno.EINPROGRESS

    host.read()

    assert host.says(V4, client.getsockname()[1], to=("198.51.100.1", 80)) is Saying.CLIENT


@pytest.mark.parametrize(
    ("port", "ephemeral", "saying"),
    [
        (5000, "32768 60999", Saying.SERVICE),
        (32767, "32768 60999", Saying.SERVICE),
        (32768, "32768 60999", Saying.NOTHING),
        (60999, "32768 60999", Saying.NOTHING),
        (61000, "32768 60999", Saying.SERVICE),
        (5000, "4999 5001", Saying.NOTHING),
        (40000, "4999 5001", Saying.SERVICE),
    ],
)
def test_an_unconnected_udp_socket_is_a_service_outside_the_ephemeral_range(
    host: Host, port: int, ephemeral: str, saying: Saying
) -> None:
    """Inside the range of the namespace it may be a client that asks without being connected: it says nothing."""
    host.space.run("sysctl", "-qw", f"net.ipv4.ip_local_port_range={ephemeral}")
    host.bound("0.0.0.0", port)

    host.read()
    host.read()

    assert host.says(V4, port, UDP) is saying


def test_a_udp_socket_that_comes_and_goes_is_no_service(host: Host) -> None:
    """A socket with a random port, for one question, was not there when last looked; one of a service stays."""
    host.read()
    said = []
    for port in (5001, 5002, 5001):
        with host.bound("0.0.0.0", port):
            host.read()
            said.append(host.says(V4, port, UDP))
    host.bound("0.0.0.0", 5001)
    host.bound("0.0.0.0", 123)
    early = [host.read() and host.says(V4, port, UDP) for port in (5001, 123)]

    assert said == [Saying.NOTHING] * 3
    assert early == [Saying.SERVICE, Saying.SERVICE]  # 5001 was there, by chance, at the previous reading


@pytest.mark.parametrize("port", [68, 546])
def test_a_dhcp_client_is_no_service(host: Host, port: int) -> None:
    """Its port is below 1024, and its socket waits unconnected for answers."""
    host.bound("0.0.0.0", port)
    host.bound("0.0.0.0", 67)

    host.read()

    assert (host.says(V4, port, UDP), host.says(V4, 67, UDP)) == (Saying.NOTHING, Saying.SERVICE)


def test_a_connected_udp_socket_is_a_clients(host: Host) -> None:
    """A connected UDP socket is a client, unless an unconnected one has its port: so do servers of DTLS."""
    host.bound(V4, 53)
    client = host.connect((V4, 53), socket.SOCK_DGRAM)
    host.connect((V4, 53), socket.SOCK_DGRAM, source=4433)
    assert host.read()
    alone = host.says(V4, 4433, UDP, to=(V4, 53))
    host.bound(V4, 4433)
    host.read()
    host.read()

    assert host.says(V4, client.getsockname()[1], UDP, to=(V4, 53)) is Saying.CLIENT
    assert (alone, host.says(V4, 4433, UDP)) == (Saying.CLIENT, Saying.SERVICE)


def test_a_listener_that_was_closed_stays_a_service_while_its_connections_live(host: Host) -> None:
    """Accepted connections do not turn into those of a client; when they have ended, nothing is known any more."""
    listener = host.listen("0.0.0.0", 8080)
    client = host.connect((V4, 8080))
    accepted = host.accept(listener)
    host.read()
    listener.close()
    said = []
    for _ in range(3):
        host.read()
        said.append(host.says(V4, 8080))
    for each in (client, accepted):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        each.close()
    host.read()

    assert said == [Saying.SERVICE] * 3
    assert host.says(V4, 8080) is Saying.NOTHING


def test_an_active_transfer_of_ftp_makes_the_host_that_asked_for_it_a_service(host: Host) -> None:
    """The server opens it from port 20, to a listener that the other end closes at once."""
    listener = host.listen(V4, 50000)
    host.connect((V4, 50000), source=20)
    host.accept(listener)
    listener.close()

    host.read()

    assert (host.says(V4, 20, to=(V4, 50000)), host.says(V4, 50000)) == (Saying.CLIENT, Saying.SERVICE)


@pytest.mark.parametrize("bound", [V4, V6, "::"])
@pytest.mark.parametrize("port", [2100, 40100])
def test_a_connection_whose_listener_nobody_saw_is_a_services_nevertheless(host: Host, bound: str, port: int) -> None:
    """The kernel knows which end has opened a connection, as servers of FTP close their listener at once."""
    listener = host.listen(bound, port, v6only=False)
    reached = V4 if bound == "::" else bound
    client = host.connect((reached, port))
    accepted = host.accept(listener)
    listener.close()
    for _ in range(3):
        accepted.sendall(b"some bytes of a file")
        assert client.recv(100)

    host.read()

    assert host.says(reached, port) is Saying.SERVICE
    assert host.says(reached, client.getsockname()[1], to=(reached, port)) is Saying.CLIENT


def test_a_connection_in_doubt_says_nothing_while_segments_are_on_their_way(host: Host) -> None:
    """What waits for an acknowledgement hides which end has opened it; what was known before stays known."""
    listener = host.listen(V4, 50000)
    first, second = host.connect((V4, 50000)), host.connect((V4, 50000))
    for _ in range(2):
        host.accept(listener)
    host.space.ip("link", "set", "lo", "down")
    first.sendall(b"lost")
    host.read()
    said = [host.says(V4, each.getsockname()[1], to=(V4, 50000)) for each in (first, second)]
    second.sendall(b"lost")
    host.read()
    later = [host.says(V4, each.getsockname()[1], to=(V4, 50000)) for each in (first, second)]

    assert said == [Saying.NOTHING, Saying.CLIENT]
    assert later == [Saying.NOTHING, Saying.CLIENT]


def test_a_kernel_that_does_not_know_who_opened_leaves_it_open(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old kernel refuses the question: where nothing listens, nothing is said, and nothing is wrong."""
    listener = host.listen(V4, 50000)
    client = host.connect((V4, 50000))
    host.accept(listener)
    _fail_with(monkeypatch, DumpError("Invalid argument", errno.EINVAL), only=bytes([socket.AF_INET, TCP, 2]))

    host.read()

    asked = client.getsockname()[1]
    assert (host.says(V4, 50000), host.says(V4, asked, to=(V4, 50000))) == (Saying.SERVICE, Saying.NOTHING)


def test_many_listeners_do_not_hide_who_opened(host: Host) -> None:
    """The kernel takes the question with as many ports of services as are ever given."""
    for port in range(1000, 2400, 2):
        host.listen(V4, port)
    listener = host.listen(V4, 50000)
    client = host.connect((V4, 50000))
    host.accept(listener)

    host.read()

    asked = client.getsockname()[1]
    assert (host.says(V4, 50000), host.says(V4, asked, to=(V4, 50000))) == (Saying.SERVICE, Saying.CLIENT)


def test_a_service_without_connections_is_gone_with_its_socket(host: Host) -> None:
    """A closed socket of UDP, or a listener that nobody used, is not remembered."""
    sockets = [host.bound(V4, 53), host.listen(V4, 53)]
    host.read()
    before = (host.says(V4, 53), host.says(V4, 53, UDP))
    for each in sockets:
        each.close()
    host.read()

    assert before == (Saying.SERVICE, Saying.SERVICE)
    assert (host.says(V4, 53), host.says(V4, 53, UDP)) == (Saying.NOTHING, Saying.NOTHING)


def test_nothing_is_returned_when_nothing_changed_and_not_too_often(host: Host) -> None:
    """Two readings are at least `PERIOD` apart, and one that finds the same returns nothing."""
    host.listen(V4, 80)
    with host.space.entered():
        first = host.reader.poll(10.0)
        same = host.reader.poll(10.0 + LATER)
        host.listen(V4, 81)
        too_early = host.reader.poll(10.0 + LATER + PERIOD - 0.001)
        changed = host.reader.poll(10.0 + 2 * LATER)

    assert (first is not None, same, too_early) == (True, None, None)
    assert changed is not None
    assert changed.says(End(ip_address(V4), TCP, 81), ANYBODY) is Saying.SERVICE


def test_many_sockets_are_all_there(host: Host) -> None:
    """An answer of many parts has each socket once."""
    ports = range(2000, 4000)
    for port in ports:
        host.bound(V4, port)

    host.read()
    assert sorted(host.read().spaces[0].services.port.tolist()) == list(ports)


WITHOUT_RIGHTS: Final = """
import socket
from shodohflo.capture.live.sockets import Sockets

listener = socket.create_server(("127.0.0.1", 50000))
client = socket.create_connection(("127.0.0.1", 50000))
reader = Sockets()
(space,) = reader.poll(0.0).spaces
clients = space.clients.local.port.tolist()
print(space.services.port.tolist() == [50000], clients == [client.getsockname()[1]], reader.problem)
"""


def test_no_right_is_needed(host: Host) -> None:
    """A process without any capability reads the sockets of its namespace, and who has opened them."""
    require("setpriv", root=True)
    said = host.space.run("setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", WITHOUT_RIGHTS)

    assert said == "True True \n"


def test_a_named_namespace_is_read_as_well(host: Host) -> None:
    """Ends of both namespaces are known, each at its own addresses."""
    with namespace() as other:
        other.ip("addr", "add", "198.51.100.1/32", "dev", "lo")
        with other.entered():
            far = socket.create_server(("0.0.0.0", 8081))
        host.listen("0.0.0.0", 8080)
        reader = Sockets([other.name, other.name])
        with host.space.entered():
            found = reader.poll(0.0)
        reader.close()
        far.close()

    assert found is not None
    assert len(found.spaces) == 2
    said = [found.says(End(ip_address(at), TCP, port), ANYBODY) for at in (V4, "198.51.100.1") for port in (8080, 8081)]
    assert said == [Saying.SERVICE, Saying.NOTHING, Saying.NOTHING, Saying.SERVICE]


def test_a_name_that_does_not_exist_is_refused_at_once() -> None:
    """A wrong name is an error at the start, and nothing stays open."""
    with namespace() as space, pytest.raises(NamespaceError):
        Sockets([space.name, "absent"])


def test_a_named_namespace_that_is_deleted_is_let_go_and_found_again(host: Host) -> None:
    """A namespace that is deleted has no ends and is not kept alive; one of the same name is entered again."""
    with namespace() as other, host.space.entered():
        reader = Sockets([other.name])
        other.ip("addr", "add", "198.51.100.1/32", "dev", "lo")
        first = reader.poll(0.0)
        run("ip", "netns", "delete", other.name)
        gone = reader.poll(LATER)
        problem, failures = reader.problem, reader.failures
        run("ip", "netns", "add", other.name)
        other.ip("addr", "add", "198.51.100.2/32", "dev", "lo")
        other.ip("link", "set", "lo", "up")
        again = reader.poll(2 * LATER)
        reader.close()

    assert first is not None
    assert gone is not None
    assert again is not None
    assert "198.51.100.1" in first.spaces[1].addresses.texts()
    assert len(gone.spaces[1].addresses) == 0
    assert f"namespace {other.name}: there is no network namespace" in problem
    assert (failures, reader.failures, reader.problem) == (1, 1, "")
    assert "198.51.100.2" in again.spaces[1].addresses.texts()


def _fail_with(monkeypatch: pytest.MonkeyPatch, error: Exception, *, only: bytes = b"") -> None:
    """Let dumps whose request begins with `only` fail."""
    honest = DumpSocket.dump

    def dump(self: DumpSocket, request: DumpRequest) -> Dump:
        if request.body.startswith(only):
            raise error
        return honest(self, request)

    monkeypatch.setattr(DumpSocket, "dump", dump)


def test_a_kernel_that_fails_is_counted_and_what_was_known_stays_for_a_while(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure is a count and a reason, never an exception; what is stale is forgotten."""
    host.listen(V4, 80)
    host.read()
    end = End(ip_address(V4), TCP, 80)
    _fail_with(monkeypatch, DumpError("no buffer space", errno.ENOBUFS))
    with host.space.entered():
        reader = host.reader
        soon = reader.poll(host.now + STALE)
        problem = reader.problem
        later = reader.poll(host.now + 3 * STALE)
    monkeypatch.undo()
    host.now += LATER
    back = host.read()

    assert soon is None
    assert problem == "cannot read the sockets of this host: no buffer space"
    assert later is not None
    assert later.says(end, ANYBODY) is Saying.NOTHING
    assert reader.failures == 2
    assert back.says(end, ANYBODY) is Saying.SERVICE


def test_a_kernel_without_udp_diag_still_lists_tcp(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel can't list is said, and the rest is used."""
    host.listen(V4, 80)
    host.bound(V4, 80)
    for family in (socket.AF_INET, socket.AF_INET6):
        _fail_with(monkeypatch, DumpError("No such file or directory", errno.ENOENT), only=bytes([family, UDP]))
    with host.space.entered():
        found = host.reader.poll(0.0)

    assert found is not None
    assert found.says(End(ip_address(V4), TCP, 80), ANYBODY) is Saying.SERVICE
    assert found.says(End(ip_address(V4), UDP, 80), ANYBODY) is Saying.NOTHING
    assert host.reader.problem == (
        "cannot read the sockets of this host: no list of UDP sockets: No such file or directory"
    )
    assert host.reader.failures == 1


def test_a_host_without_netlink_sockets_is_a_problem_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a sandbox allows no netlink sockets, nothing is known."""

    def refuse() -> None:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(module, "open_own", refuse)
    reader = Sockets()
    found = reader.poll(0.0)
    reader.close()

    assert found is not None
    assert len(found.spaces[0].addresses) == 0
    assert "Address family not supported" in reader.problem
