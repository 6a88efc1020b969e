"""DNS servers for tests on the loopback interface: a real one, and one that answers as a test says."""

from __future__ import annotations

import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING, Self

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rrset

from support.machine import require
from support.serving import free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from dns.message import QueryMessage

    Answering = Callable[[QueryMessage], bytes]

ZONE = "example.net"


def pointers(name: str, *targets: str) -> tuple[str, ...]:
    """Return the options of dnsmasq for the PTR records of `name`."""
    return tuple(f"--ptr-record={name},{target}" for target in targets)


@dataclass(slots=True)
class Dnsmasq:
    """dnsmasq with the records of a test; it knows no other names, and asks nobody."""

    records: tuple[str, ...]
    address: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it, and wait until it answers."""
        require("dnsmasq")
        program = shutil.which("dnsmasq") or "/usr/sbin/dnsmasq"
        options = ["--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=", f"--local=/{ZONE}/"]
        place = [f"--port={self.port}", f"--listen-address={self.address}", "--bind-interfaces"]
        self.process = subprocess.Popen([program, "--keep-in-foreground", *options, *place, *self.records])
        wait_until(self._answers, "dnsmasq answers")
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @property
    def named(self) -> str:
        """Return how a fan-out names this server, without the name that is asked for."""
        return f"dns://{self.address}:{self.port}/"

    def _answers(self) -> bool:
        query = dns.message.make_query(ZONE, "PTR")
        try:
            return bool(dns.query.udp(query, self.address, timeout=0.2, port=self.port))
        except (dns.exception.DNSException, OSError):
            return False


class OddNameServer:
    """A server on UDP that answers each query with the bytes that `answering` returns; empty: with nothing."""

    def __init__(self, answering: Answering) -> None:
        """Listen; nothing is answered yet."""
        self._answering = answering
        self._listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._listening.bind(("127.0.0.1", 0))
        self.named = f"dns://127.0.0.1:{self._listening.getsockname()[1]}/"
        self._thread = Thread(target=self._serve)

    def __enter__(self) -> Self:
        """Start to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop: an empty datagram is no query."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stopping:
            stopping.sendto(b"", self._listening.getsockname())
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        while True:
            datagram, sender = self._listening.recvfrom(65_536)
            if not datagram:
                return
            query = dns.message.from_wire(datagram)
            assert isinstance(query, dns.message.QueryMessage)
            if answer := self._answering(query):
                self._listening.sendto(answer, sender)


def answered(query: QueryMessage, *records: tuple[str, str, str], rcode: int = 0) -> bytes:
    """Return an answer of records, each a name, a type and its text; `rcode` is that of DNS."""
    response = dns.message.make_response(query)
    response.set_rcode(dns.rcode.Rcode(rcode))
    response.answer = [dns.rrset.from_text(name, 60, "IN", kind, text) for name, kind, text in records]
    return response.to_wire(max_size=65_535)
