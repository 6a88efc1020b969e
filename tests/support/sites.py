"""A site for live tests: a client, a router and a server in namespaces of their own, and programs that talk.

    client   10.1.0.5, fd00:1::5    c0 --- c1
    router   10.1.0.1, 10.2.0.1     c1, s1
    server   10.2.0.9, fd00:2::9    s0 --- s1

The client has addresses of outsiders as well. No ARP and no neighbour discovery is needed, as both ends of a link have
the same address: only packets of the programs are on the links.
"""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from support.networks import Namespace, join, namespace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

OUR_NETS: Final = ("10.0.0.0/8", "fd00::/16")
"""The networks of the site."""

CLIENT: Final = {4: "10.1.0.5", 6: "fd00:1::5"}
SERVER: Final = {4: "10.2.0.9", 6: "fd00:2::9"}
"""Addresses by IP version."""

OUTSIDERS: Final = ("203.0.113.9", "198.51.100.7")
"""Addresses of the client that are in none of our networks."""

_STATION: Final = "02:00:00:00:00:01"
_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_PATIENCE: Final = 10.0
"""Seconds that a socket waits."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation of two programs."""

    client: socket.socket
    served: socket.socket
    """The socket of the service that answers."""

    def talk(self, question: bytes = b"question", answer: bytes = b"answer") -> None:
        """Let the client ask, and the service answer."""
        self.client.send(question)
        _, whence = self.served.recvfrom(100)
        if self.served.type == socket.SOCK_DGRAM:
            self.served.sendto(answer, whence)
        else:
            self.served.send(answer)
        assert self.client.recv(100) == answer


@dataclass(slots=True)
class Site:
    """The namespaces, and the sockets that are open in them."""

    client: Namespace
    router: Namespace
    server: Namespace
    sockets: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def serve(self, kind: socket.SocketKind, version: int, port: int) -> socket.socket:
        """Open a service of the server on `port`."""
        with self.server.entered():
            opened = self._opened(kind, version)
        opened.bind((SERVER[version], port))
        if kind == socket.SOCK_STREAM:
            opened.listen(100)
        return opened

    def connect(self, service: socket.socket, port: int, *, source: str = "") -> Conversation:
        """Connect to `service` from `port` of the client, and of its address `source`."""
        version = 4 if service.family == socket.AF_INET else 6
        with self.client.entered():
            client = self._opened(service.type, version)
        client.bind((source or CLIENT[version], port))
        client.connect(service.getsockname()[:2])
        if service.type == socket.SOCK_DGRAM:
            return Conversation(client, service)
        served, _ = service.accept()
        served.settimeout(_PATIENCE)
        return Conversation(client, self.sockets.enter_context(served))

    def _opened(self, kind: socket.SocketKind, version: int) -> socket.socket:
        opened = self.sockets.enter_context(socket.socket(_FAMILIES[version], kind))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.settimeout(_PATIENCE)
        return opened

    def __enter__(self) -> Self:
        """Open sockets only within this context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all sockets."""
        self.sockets.close()


@contextlib.contextmanager
def site() -> Iterator[Site]:
    """Create the namespaces and the links between them."""
    with namespace() as client, namespace() as router, namespace() as server:
        join(client, "c0", router, "c1")
        join(server, "s0", router, "s1")
        for space, name, addresses in (
            (client, "c0", ("10.1.0.5/24", "fd00:1::5/64", *(f"{each}/32" for each in OUTSIDERS))),
            (router, "c1", ("10.1.0.1/24", "fd00:1::1/64")),
            (router, "s1", ("10.2.0.1/24", "fd00:2::1/64")),
            (server, "s0", ("10.2.0.9/24", "fd00:2::9/64")),
        ):
            space.ip("link", "set", name, "address", _STATION)
            for address in addresses:
                space.ip("address", "add", address, "dev", name)
        router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        for address in OUTSIDERS:
            router.ip("route", "add", address, "via", "10.1.0.5")
        for space, number in ((client, 1), (server, 2)):
            space.ip("route", "add", "default", "via", f"10.{number}.0.1")
            space.ip("route", "add", "default", "via", f"fd00:{number}::1")
        with Site(client, router, server) as made:
            yield made
