"""Make the capture that `shodohflo demo` replays: one busy minute of synthetic traffic on a small network.

Addresses are private or reserved for documentation (RFC 5737, RFC 3849). The packets are the same every time:
`python tools/demo_capture.py` writes `src/shodohflo/demo/demo.pcap`.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET: Final = Path(__file__).parents[1] / "src/shodohflo/demo/demo.pcap"
START: Final = 1_767_607_200_000_000
"""2026-01-05 10:00:00 UTC, in microseconds."""

SNAP: Final = 128
"""The snap length in bytes: enough for all headers, including those quoted in an ICMPv6 error."""

BERT, ERNIE = ("192.168.7.1", "2001:db8:7::1"), ("192.168.7.2", "2001:db8:7::2")
DESKS: Final = [(f"192.168.7.{n}", f"2001:db8:7::{n:x}") for n in (20, 21, 22, 23, 24)]
WEB: Final = [
    ("198.51.100.80", "2001:db8:f00::80"),
    ("203.0.113.10", "2001:db8:beef::10"),
    ("198.51.100.7", "2001:db8:f00::7"),
]
RESOLVERS: Final = ["203.0.113.53", "2001:db8:beef::53"]
NAMES: Final = ["www.example.org", "mail.example.net", "img.example.com", "api.example.org"]

Timed = tuple[int, Packet]


class Minute:
    """The traffic of one minute: packets with their times in microseconds."""

    def __init__(self, seed: int) -> None:
        """Start without packets."""
        self.random = random.Random(seed)  # noqa: S311 - for looks, not for secrets
        self.packets: list[Timed] = []

    def say(self, packet: Packet, at: int) -> None:
        """Add a packet in an Ethernet frame, sent at the time `at`."""
        self.packets.append((at, Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet))

    def moment(self) -> int:
        """Return a random time in the first fifty seconds."""
        return self.random.randrange(50_000_000)

    def talk(self, client: str, server: str, port: int, rounds: int) -> None:
        """Add a TCP connection: handshake, `rounds` of request and answer, close."""
        at, source = self.moment(), self.random.randrange(32768, 60999)
        there, back = network(client, server), network(server, client)
        ends: dict[str, Any] = {"sport": source, "dport": port}
        turned: dict[str, Any] = {"sport": port, "dport": source}
        script: list[Packet] = [
            there / TCP(**ends, flags="S"),
            back / TCP(**turned, flags="SA"),
            there / TCP(**ends, flags="A"),
        ]
        for _ in range(rounds):
            script.append(there / TCP(**ends, flags="PA") / self.bytes(40, 400))
            script.append(back / TCP(**turned, flags="PA") / self.bytes(200, 1400))
            script.append(there / TCP(**ends, flags="A"))
        script += [there / TCP(**ends, flags="FA"), back / TCP(**turned, flags="FA"), there / TCP(**ends, flags="A")]
        for packet in script:
            self.say(packet, at)
            at += self.random.randrange(200, 40_000)

    def ask(self, client: str, server: str, name: str) -> None:
        """Add a DNS query and its answer."""
        at, source, number = self.moment(), self.random.randrange(1024, 65535), self.random.randrange(65536)
        question = DNSQR(qname=name)
        self.say(network(client, server) / UDP(sport=source, dport=53) / DNS(id=number, qd=question), at)
        answer = DNSRR(rrname=name, type="A", rdata="198.51.100.80", ttl=300)
        reply = DNS(id=number, qr=1, ra=1, qd=question, an=answer)
        self.say(network(server, client) / UDP(sport=53, dport=source) / reply, at + self.random.randrange(300, 30_000))

    def bytes(self, least: int, most: int) -> Raw:
        """Return a payload of random length, from `least` up to, but not including, `most` bytes."""
        return Raw(bytes(self.random.randrange(least, most)))


def network(source: str, destination: str) -> Packet:
    """Return an IPv4 or IPv6 header, by the form of the addresses."""
    return IPv6(src=source, dst=destination) if ":" in source else IP(src=source, dst=destination)


def everyday(minute: Minute) -> None:
    """Add ordinary traffic: web, mail and NTP from the desks, DNS and a web site at bert, SSH to ernie."""
    for desk in DESKS:
        for family in (0, 1):
            for site in minute.random.sample(WEB, 2):
                minute.talk(desk[family], site[family], 443, minute.random.randrange(3, 25))
        for _ in range(6):
            minute.ask(desk[0], BERT[0], minute.random.choice(NAMES))
        minute.talk(desk[0], ERNIE[0], 993, 4)
        at = minute.moment()
        minute.say(network(desk[1], ERNIE[1]) / UDP(sport=40123, dport=123) / minute.bytes(48, 49), at)
        minute.say(network(ERNIE[1], desk[1]) / UDP(sport=123, dport=40123) / minute.bytes(48, 49), at + 400)
    for resolver in RESOLVERS:
        for name in NAMES * 3:
            minute.ask(BERT[":" in resolver], resolver, name)
    minute.talk(DESKS[0][0], ERNIE[0], 22, 60)
    minute.talk(DESKS[1][1], ERNIE[1], 22, 25)
    minute.talk(DESKS[2][0], WEB[2][0], 80, 6)
    for n in range(8):
        minute.talk(f"203.0.113.{100 + n}", BERT[0], 443, 3)


def oddities(minute: Minute) -> None:
    """Add closed ports, unreachable hosts, a port scan, and frames that are not recorded as flows."""
    desk, desk6 = DESKS[3]
    for port in (23, 445, 3389, 5900, 8080):
        minute.say(network(ERNIE[0], desk) / TCP(sport=port, dport=40000 + port, flags="RA"), minute.moment())
        minute.say(network("203.0.113.66", BERT[0]) / TCP(sport=51000, dport=port, flags="S"), minute.moment())
        minute.say(network(BERT[0], "203.0.113.66") / TCP(sport=port, dport=51000, flags="RA"), minute.moment())
    minute.say(network(ERNIE[1], desk6) / TCP(sport=23, dport=40023, flags="RA"), minute.moment())
    for port in (161, 1900, 5353):
        quoted = network(desk, "198.51.100.99") / UDP(sport=50000, dport=port) / minute.bytes(8, 9)
        minute.say(network("192.168.7.254", desk) / ICMP(type=3, code=1) / quoted, minute.moment())
    quoted = network(desk6, "2001:db8:dead::1") / TCP(sport=50001, dport=443, flags="S")
    minute.say(network("2001:db8:7::fe", desk6) / ICMPv6DestUnreach(code=0) / quoted, minute.moment())
    quoted = network(desk, RESOLVERS[0]) / UDP(sport=50002, dport=853) / minute.bytes(8, 9)
    minute.say(network(RESOLVERS[0], desk) / ICMP(type=3, code=3) / quoted, minute.moment())
    options = IPv6(src=desk6, dst=WEB[0][1]) / IPv6ExtHdrDestOpt()
    minute.say(options / TCP(sport=50003, dport=443, flags="A"), minute.moment())
    minute.say(
        Dot1Q(vlan=7) / network(desk, ERNIE[0]) / UDP(sport=50004, dport=514) / minute.bytes(60, 90), minute.moment()
    )
    minute.say(network(desk, ERNIE[0]) / ICMP(type=8), minute.moment())
    minute.say(network(desk6, ERNIE[1]) / ICMPv6EchoRequest(), minute.moment())
    minute.say(network("198.51.100.1", "203.0.113.1") / UDP(sport=4000, dport=4001), minute.moment())
    for last in (20, 21, 22):
        minute.say(ARP(psrc=f"192.168.7.{last}", pdst=BERT[0], hwsrc="02:00:00:00:00:01"), minute.moment())


def savefile(packets: list[Timed]) -> Iterator[bytes]:
    """Yield the parts of a classic pcap file: little-endian, microseconds, Ethernet."""
    yield struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAP, 1)
    for at, packet in sorted(packets, key=lambda timed: timed[0]):
        frame = bytes(packet)
        seconds, microseconds = divmod(START + at, 1_000_000)
        yield struct.pack("<IIII", seconds, microseconds, min(len(frame), SNAP), len(frame)) + frame[:SNAP]


def main(target: Path = TARGET) -> None:
    """Write the capture."""
    minute = Minute(seed=7)
    everyday(minute)
    oddities(minute)
    target.write_bytes(b"".join(savefile(minute.packets)))


if __name__ == "__main__":
    main()
