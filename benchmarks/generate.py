"""Make the capture that the benchmarks read: the same bytes every time, quickly, at any size.

A million packets of a hundred thousand flows, IPv4 and IPv6 side by side, TCP and UDP, in both directions and of
mixed sizes, with the handshakes, resets and unreachables among them that a real network has. Our networks are
10.0.0.0/8 and fc00::/7, which `shodohflo replay` assumes on its own. Each flow occurs at least once; a few are loud.

    python benchmarks/generate.py --packets 1000000 --flows 100000
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

Array = np.ndarray[Any, np.dtype[Any]]

CACHE: Final = Path(__file__).resolve().parent.parent / ".benchmarks"
"""Where generated captures are kept; not part of the repository."""

_VERSION: Final = 2
"""Part of the file's name: count it up when the bytes change."""

_CHUNK: Final = 100_000
_EPOCH: Final = 1_700_000_000
_SERVICE_PORTS: Final = np.array([443, 443, 443, 80, 80, 53, 53, 123, 22, 25, 993, 5432, 8080, 51820], np.uint16)
_TCP: Final = 6
_UDP: Final = 17
_SYN: Final = 0x02
_RST_ACK: Final = 0x14
_ACK: Final = 0x10
_QUOTED: Final = 8
"""How much of a UDP datagram an unreachable quotes: its header."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much to make."""

    packets: int = 1_000_000
    flows: int = 100_000
    seed: int = 2024

    @property
    def name(self) -> str:
        """Return the name of the capture's file."""
        return f"load-{_VERSION}-{self.packets}-{self.flows}-{self.seed}.pcap"


@dataclass(frozen=True, slots=True)
class _Flows:
    """Who talks to whom, as columns."""

    version: Array
    protocol: Array
    client: Array
    service: Array
    client_port: Array
    service_port: Array


def _flows(load: Load, rng: np.random.Generator) -> _Flows:
    number = np.arange(load.flows)
    clients = max(load.flows // 20, 1)
    services = 20_011  # a prime: a client's 20 services are 20 different ones
    client = number % clients
    return _Flows(
        version=np.where(rng.random(load.flows) < 0.7, 4, 6).astype(np.uint8),
        protocol=np.where(rng.random(load.flows) < 0.8, _TCP, _UDP).astype(np.uint8),
        client=client,
        service=(client * 7919 + number // clients * 104_729) % services,
        client_port=rng.integers(32_768, 61_000, load.flows, np.uint16),
        service_port=rng.choice(_SERVICE_PORTS, load.flows),
    )


@dataclass(frozen=True, slots=True)
class _Packets:
    """What is sent, as columns; `size` is that of the network layer."""

    flow: Array
    to_client: Array
    tcp_flags: Array
    unreachable: Array
    size: Array

    def __getitem__(self, rows: Any) -> _Packets:  # noqa: ANN401 - whatever indexes an array
        columns = (self.flow, self.to_client, self.tcp_flags, self.unreachable, self.size)
        return _Packets(*(column[rows] for column in columns))


def _packets(load: Load, flows: _Flows, rng: np.random.Generator) -> _Packets:
    # Cubing makes a few flows loud: the loudest hundredth sends a fifth of the packets.
    rest = (load.flows * rng.random(max(load.packets - load.flows, 0)) ** 3).astype(np.int64)
    flow = rng.permutation(np.concatenate([np.arange(load.flows), rest])[: load.packets])
    to_client = rng.random(load.packets) < 0.55
    kind = rng.random(load.packets)
    tcp = flows.protocol[flow] == _TCP
    tcp_flags = np.where(kind < 0.02, _SYN | _ACK * to_client, np.where((kind > 0.995) & to_client, _RST_ACK, _ACK))
    # The mix that testers of routers use: 7 small, 4 middling and 1 full packet of 12, here with some spread.
    size = rng.choice(np.array([64, 576, 1440]), load.packets, p=[7 / 12, 4 / 12, 1 / 12])
    return _Packets(
        flow=flow,
        to_client=to_client,
        tcp_flags=np.where(tcp, tcp_flags, 0).astype(np.uint8),
        unreachable=~tcp & to_client & (kind < 0.02),
        size=size + rng.integers(0, 60, load.packets),
    )


def _put(headers: Array, offset: int, width: int, values: Array | int) -> None:
    """Write `values` in network order, `width` bytes wide, at `offset` of every header."""
    numbers = np.broadcast_to(np.asarray(values, np.int64), len(headers))
    for byte in range(width):
        headers[:, offset + byte] = (numbers >> 8 * (width - 1 - byte)) & 0xFF


def _address(headers: Array, offset: int, version: int, *, ours: Array, number: Array) -> None:
    """Write an address: 10.0.0.0/8 or fd00::/16 for ours, 93.0.0.0/8 or 2001:db8::/32 for others."""
    spread = number * 2_654_435_761 % 2**24
    if version == 4:
        _put(headers, offset, 4, np.where(ours, 10 << 24, 93 << 24) + spread)
        return
    _put(headers, offset, 4, np.where(ours, 0xFD00_0000, 0x2001_0DB8))
    _put(headers, offset + 4, 4, spread)
    _put(headers, offset + 12, 4, number + 1)


def _network(headers: Array, offset: int, version: int, *, size: Array, protocol: int) -> int:
    """Write all of an IPv4 or IPv6 header but its addresses; return where the next header begins."""
    if version == 4:  # RFC 791 section 3.1
        headers[:, offset] = 0x45
        _put(headers, offset + 2, 2, size)
        headers[:, offset + 8] = 64
        headers[:, offset + 9] = protocol
        return offset + 20
    headers[:, offset] = 0x60  # RFC 8200 section 3
    _put(headers, offset + 4, 2, size - 40)
    headers[:, offset + 6] = protocol
    headers[:, offset + 7] = 64
    return offset + 40


@dataclass(frozen=True, slots=True)
class _Ends:
    """Who sends each packet to whom; only clients are ours."""

    client: Array
    service: Array
    client_port: Array
    service_port: Array
    to_client: Array

    @classmethod
    def of(cls, flows: _Flows, packets: _Packets) -> _Ends:
        row = packets.flow
        ports = (flows.client_port[row], flows.service_port[row])
        return cls(flows.client[row], flows.service[row], *ports, packets.to_client)

    def turned(self) -> _Ends:
        """Return what an answer quotes: the packets that the other end sent."""
        return replace(self, to_client=~self.to_client)

    def put_addresses(self, headers: Array, offset: int, version: int) -> None:
        """Write source and destination address."""
        src = np.where(self.to_client, self.service, self.client)
        dst = np.where(self.to_client, self.client, self.service)
        _address(headers, offset, version, ours=~self.to_client, number=src)
        _address(headers, offset + (4 if version == 4 else 16), version, ours=self.to_client, number=dst)

    def put_ports(self, headers: Array, offset: int) -> None:
        """Write source and destination port."""
        _put(headers, offset, 2, np.where(self.to_client, self.service_port, self.client_port))
        _put(headers, offset + 2, 2, np.where(self.to_client, self.client_port, self.service_port))


def _ordinary(flows: _Flows, packets: _Packets, version: int, protocol: int) -> Array:
    """Return the headers, from Ethernet to TCP or UDP, of packets that all are of this version and protocol."""
    network, addresses = (20, 12) if version == 4 else (40, 8)
    headers = np.zeros((len(packets.flow), 14 + network + (20 if protocol == _TCP else 8)), np.uint8)
    headers[:, 0] = headers[:, 6] = 0x02  # locally administered, as invented addresses should be
    _put(headers, 12, 2, 0x0800 if version == 4 else 0x86DD)
    transport = _network(headers, 14, version, size=packets.size, protocol=protocol)
    ends = _Ends.of(flows, packets)
    ends.put_addresses(headers, 14 + addresses, version)
    ends.put_ports(headers, transport)
    if protocol == _TCP:  # RFC 9293 section 3.1: the data offset, then the flags
        headers[:, transport + 12] = 0x50
        headers[:, transport + 13] = packets.tcp_flags
    else:
        _put(headers, transport + 4, 2, packets.size - network)
    return headers


def _unreachable(flows: _Flows, packets: _Packets, version: int) -> Array:
    """Return whole frames: the service tells the client that nothing listens on its UDP port."""
    network, addresses, kind = (20, 12, 0x0303) if version == 4 else (40, 8, 0x0104)
    headers = np.zeros((len(packets.flow), 14 + 2 * network + 8 + _QUOTED), np.uint8)
    headers[:, 0] = headers[:, 6] = 0x02
    _put(headers, 12, 2, 0x0800 if version == 4 else 0x86DD)
    size = np.full(len(packets.flow), headers.shape[1] - 14)
    message = _network(headers, 14, version, size=size, protocol=1 if version == 4 else 58)
    ends = _Ends.of(flows, packets)
    ends.put_addresses(headers, 14 + addresses, version)
    _put(headers, message, 2, kind)  # RFC 792 and RFC 4443 section 3.1: type and code, both "port unreachable"
    quoted = message + 8
    ports = _network(headers, quoted, version, size=np.full_like(size, network + 100), protocol=_UDP)
    ends.turned().put_addresses(headers, quoted + addresses, version)
    ends.turned().put_ports(headers, ports)
    _put(headers, ports + 4, 2, 100)
    return headers


def _groups(flows: _Flows, packets: _Packets) -> Iterator[tuple[Array, Array]]:
    """Yield the rows of packets whose headers are alike, and those headers."""
    version, protocol = flows.version[packets.flow], flows.protocol[packets.flow]
    for wanted in (4, 6):
        rows = np.flatnonzero((version == wanted) & packets.unreachable)
        yield rows, _unreachable(flows, packets[rows], wanted)
        for transport in (_TCP, _UDP):
            rows = np.flatnonzero((version == wanted) & (protocol == transport) & ~packets.unreachable)
            yield rows, _ordinary(flows, packets[rows], wanted, transport)


def _records(flows: _Flows, packets: _Packets, first: int) -> NDArray[np.uint8]:
    """Return the records of a capture file for `packets`, the first of which is packet number `first`."""
    groups = list(_groups(flows, packets))
    length = packets.size + 14
    for rows, headers in groups:
        length[rows] = np.where(packets.unreachable[rows], headers.shape[1], length[rows])
    end = np.cumsum(length + 16)
    start = end - length - 16
    out = np.zeros(end[-1], np.uint8)
    micros = (first + np.arange(len(length))) * 2  # half a million packets a second
    record = np.stack([_EPOCH + micros // 10**6, micros % 10**6, length, length], axis=1).astype("<u4").view(np.uint8)
    out[start[:, None] + np.arange(16)] = record
    for rows, headers in groups:
        out[start[rows][:, None] + 16 + np.arange(headers.shape[1])] = headers
    return cast("NDArray[np.uint8]", out)


def generate(load: Load, directory: Path = CACHE) -> Path:
    """Return the path of the capture for `load` in `directory`, made now if it isn't there yet."""
    path = directory / load.name
    if path.exists():
        return path
    path.parent.mkdir(exist_ok=True)
    rng = np.random.default_rng(load.seed)
    flows = _flows(load, rng)
    packets = _packets(load, flows, rng)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as out:
        # The classic header: magic for microseconds, version 2.4, zone, accuracy, snap length, LINKTYPE_ETHERNET.
        out.write(np.array([0xA1B2C3D4, 2 | 4 << 16, 0, 0, 262_144, 1], "<u4").tobytes())
        for first in range(0, load.packets, _CHUNK):
            out.write(_records(flows, packets[first : first + _CHUNK], first).tobytes())
    return unfinished.rename(path)


def main() -> None:
    """Make one capture and print its path."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--flows", type=int, default=100_000)
    chosen = parser.parse_args()
    print(generate(Load(chosen.packets, chosen.flows)))


if __name__ == "__main__":
    main()
