"""Known packets: frames made from a seed, and for each the keys that should count it.

The keys follow from how a frame was made, by the contract in `docs/reference/keys.md`. The client is ours and has a
high port, the service has a low one, so every rule that goes by the lower port says the same of both directions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import TYPE_CHECKING, Final

from support.packets import ACK, RST, SYN, ethernet, ip, tcp, udp, unreachable

if TYPE_CHECKING:
    from collections.abc import Iterable

OUR_NETS: Final = ("10.0.0.0/8", "fd00::/16")
"""The networks of the clients."""

ROUNDS: Final = 20
"""Rounds in a second."""

KINDS: Final = ("flow", "peer", "client", "rst", "icmp", "detail")
"""The kinds of keys that count packets; the agent names losses of details as those of their flows."""

_PORTS: Final = (22, 25, 53, 80, 123, 443, 993, 5060, 8080)
_HIGH: Final = 61_000
"""The port of services that are not known by their port."""

_BELOW: Final = 10_000
"""What is added to a usual port to make one of a client that is below `_HIGH`."""

_TURNS_WITHIN: Final = 2 * ROUNDS
"""Rounds after which a flow has shown its ends at the latest."""

_UDP_PORTS: Final = frozenset({53, 123, 5060})
_TCP, _UDP, _ICMP, _ICMPV6 = 6, 17, 1, 58


@dataclass(frozen=True, slots=True)
class Known:
    """A frame, and the keys that should count it."""

    frame: bytes
    keys: tuple[str, ...]
    goes_on: bool = False
    """Whether it is of an established flow; everything of the others is sent in one round."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A client of ours and another end, of one family."""

    client: str
    remote: str
    client_port: int
    port: int

    @property
    def is_ipv6(self) -> bool:
        """Whether both addresses are IPv6."""
        return ":" in self.client


@dataclass(frozen=True, slots=True)
class Load:
    """Packets in each round, by kind."""

    established: int = 100
    """Flows that go on all the time."""
    known: int = 60
    """Packets of these flows."""
    fresh: int = 20
    """Flows that begin; each has one packet to three, all in this round."""
    resets: int = 5
    unreachables: int = 5
    turning: int = 0
    """Flows that begin with payload, from a port below that of the service, and show a handshake later on."""


class Traffic:
    """The packets of a seed, round after round; the same seed gives the same packets."""

    def __init__(self, seed: int, load: Load = Load(), rounds: int = 0) -> None:
        """Choose the established flows; what takes several rounds is over after `rounds` of them."""
        self._chance = Random(f"traffic {seed}")
        self._load = load
        self._rounds = rounds
        self._turning: list[tuple[int, Pair]] = []
        self._number = 0
        self._established = [self._pair() for _ in range(load.established)]
        self.steady = Counter[str](f"{pair.client};{pair.remote};{pair.port};flow" for pair in self._established)
        """The keys of the established flows."""

    def round(self) -> list[Known]:
        """Return the packets of the next round."""
        chance, load = self._chance, self._load
        packets = [self._of_a_flow(chance.choice(self._established), goes_on=True) for _ in range(load.known)]
        fresh = [pair for pair in self._pairs(load.fresh) for _ in range(chance.randint(1, 3))]
        packets += [self._of_a_flow(pair, goes_on=False) for pair in fresh]
        packets += [_reset(self._pair()) for _ in range(load.resets)]
        packets += [_unreachable(self._pair(), chance.randint(0, 4)) for _ in range(load.unreachables)]
        chance.shuffle(packets)
        self._number += 1
        return [*packets, *self._turn(load.turning)]

    def _turn(self, number: int) -> list[Known]:
        """Begin so many flows whose ends will be told apart wrong at first, and show what those are that are due."""
        due = [pair for when, pair in self._turning if when <= self._number]
        self._turning = [(when, pair) for when, pair in self._turning if when > self._number]
        fresh = self._pairs(number if self._number + _TURNS_WITHIN < self._rounds else 0)
        fresh = [replace(pair, client_port=pair.port + _BELOW, port=_HIGH) for pair in fresh]
        self._turning += [(self._number + self._chance.randint(1, _TURNS_WITHIN), pair) for pair in fresh]
        return [*self._payload(fresh), *(packet for pair in due for packet in _handshake(pair)), *self._payload(due)]

    def _payload(self, pairs: Iterable[Pair]) -> list[Known]:
        return [self._of_a_flow(pair, goes_on=False) for pair in pairs for _ in range(self._chance.randint(1, 3))]

    def _of_a_flow(self, pair: Pair, *, goes_on: bool) -> Known:
        """Return a packet of a flow, in either direction."""
        src, dst, sport, dport = pair.client, pair.remote, pair.client_port, pair.port
        if self._chance.random() < 0.5:
            src, dst, sport, dport = dst, src, dport, sport
        of_udp = pair.port in _UDP_PORTS
        # Datagrams are empty, as their first bytes could tell who asks.
        segment = udp(sport, dport) if of_udp else tcp(sport, dport, ACK, payload=b"known")
        keys = (
            f"{pair.client};{pair.remote};{pair.port};flow",
            f"detail;{pair.client};{pair.remote};{pair.port}",
            f"{pair.client};{pair.remote};peer",
            f"{pair.remote};{pair.client};peer",
            f"client;{pair.client}",
        )
        return replace(_known(ip(segment, _UDP if of_udp else _TCP, src, dst), pair, keys), goes_on=goes_on)

    def _pairs(self, number: int) -> list[Pair]:
        return [self._pair() for _ in range(number)]

    def _pair(self) -> Pair:
        chance = self._chance
        ports = chance.randint(32_768, 60_999), chance.choice(_PORTS)
        if chance.random() < 0.2:
            client = IPv6Address((0xFD00 << 112) + chance.getrandbits(16) + 1)
            remote = IPv6Address((0x2001_0DB8 << 96) + chance.getrandbits(14) + 1)
            return Pair(str(client), str(remote), *ports)
        client4 = IPv4Address((10 << 24) + chance.getrandbits(20) + 1)
        remote4 = IPv4Address((198 << 24) + (51 << 16) + chance.getrandbits(12) + 1)
        return Pair(str(client4), str(remote4), *ports)


def sums(keys: Iterable[tuple[str, int]]) -> Counter[str]:
    """Return the sum of the counts of each kind of key."""
    by_kind = Counter[str]()
    for key, count in keys:
        by_kind[kind_of(key)] += count
    return by_kind


def kind_of(key: str) -> str:
    """Return the kind of a key that counts packets; empty for every other key."""
    first, _, rest = key.partition(";")
    last = rest.rpartition(";")[2]
    return first if first in {"client", "detail"} else last if last in {"flow", "peer", "rst", "icmp"} else ""


def _handshake(pair: Pair) -> list[Known]:
    """Return the opening of a TCP flow, which no key counts."""
    ends = (pair.client, pair.remote), (pair.client_port, pair.port)
    (src, dst), (sport, dport) = ends
    opening = ip(tcp(sport, dport, SYN, numbers=(1_000, 0)), _TCP, src, dst)
    answer = ip(tcp(dport, sport, SYN | ACK, numbers=(5_000, 1_001)), _TCP, dst, src)
    return [_known(opening, pair, ()), _known(answer, pair, ())]


def _reset(pair: Pair) -> Known:
    """Return a reset that the client receives."""
    segment = tcp(pair.port, pair.client_port, RST | ACK)
    ends = f"{pair.client};{pair.remote};{pair.client_port}:{pair.port}"
    return _known(ip(segment, _TCP, pair.remote, pair.client), pair, (f"{ends};rst", f"client;{pair.client}"))


def _unreachable(pair: Pair, code: int) -> Known:
    """Return the message that a packet of the client did not arrive, from a router."""
    quoted = ip(udp(pair.client_port, pair.port), _UDP, pair.client, pair.remote)
    router, protocol, kind = ("2001:db8::ffff", _ICMPV6, 1) if pair.is_ipv6 else ("192.0.2.1", _ICMP, 3)
    ends = f"{pair.client};{pair.remote};{pair.client_port}:{pair.port}"
    message = ip(unreachable(quoted, code, kind), protocol, router, pair.client)
    return _known(message, pair, (f"{ends};{code};icmp", f"client;{pair.client}"))


def _known(packet: bytes, pair: Pair, keys: tuple[str, ...]) -> Known:
    return Known(ethernet(packet, 0x86DD if pair.is_ipv6 else 0x0800), keys)
