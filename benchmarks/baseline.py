"""The yardstick: the same attribution, packet by packet, as a competent user of dpkt would write it.

It reads a capture, applies the default rules (traffic to or from our networks is recorded, the service is at the lower
port) and prints the same `KEY<TAB>COUNT` lines as `shodohflo replay --keys`. Address texts and the decision for a pair
of ends and ports are cached, so that a packet that repeats one costs a lookup and an addition. What remains is the cost
of reading packets one at a time.

    python benchmarks/baseline.py CAPTURE
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from functools import cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

import dpkt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OUR_NETS: Final = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
OUR_6NETS: Final = (IPv6Network("fc00::/7"),)
"""The presumed networks: with `OUR_NETS`, those that `shodohflo replay` takes for ours by default."""

_SYN_OR_FIN: Final = dpkt.tcp.TH_SYN | dpkt.tcp.TH_FIN

Seen = tuple[str, bytes, bytes, str]
"""The record of a packet: kind, client, other end, and ports (and code) as in keys."""


@cache
def _text(packed: bytes) -> str:
    address = ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(address) if mapped is None else f"::ffff:{mapped}"


@cache
def _ours(packed: bytes) -> bool:
    address = ip_address(packed)
    return any(address in network for network in (OUR_NETS if len(packed) == 4 else OUR_6NETS))


@cache
def _flow(src: bytes, src_port: int, dst: bytes, dst_port: int) -> Seen | None:
    if not (_ours(src) or _ours(dst)):
        return None
    src_is_service = src_port < dst_port or (src_port == dst_port and _ours(dst))
    return ("flow", dst, src, str(src_port)) if src_is_service else ("flow", src, dst, str(dst_port))


@cache
def _reset(src: bytes, src_port: int, dst: bytes, dst_port: int) -> Seen | None:
    return ("rst", dst, src, f"{dst_port}:{src_port}") if _ours(dst) else None


def _segment(network: dpkt.ip.IP | dpkt.ip6.IP6, segment: dpkt.tcp.TCP) -> Seen | None:
    if segment.flags & dpkt.tcp.TH_RST:
        return _reset(network.src, segment.sport, network.dst, segment.dport)
    if segment.flags & _SYN_OR_FIN:
        return None
    return _flow(network.src, segment.sport, network.dst, segment.dport)


def _unreachable(dst: bytes, message: dpkt.icmp.ICMP | dpkt.icmp6.ICMP6) -> Seen | None:
    wanted = dpkt.icmp.ICMP_UNREACH if isinstance(message, dpkt.icmp.ICMP) else dpkt.icmp6.ICMP6_DST_UNREACH
    if message.type != wanted or not _ours(dst):
        return None
    quoted = message.data.data
    if not isinstance(quoted.data, dpkt.tcp.TCP | dpkt.udp.UDP):
        return None
    return ("icmp", dst, quoted.dst, f"{quoted.data.sport}:{quoted.data.dport};{message.code}")


def _decide(frame: bytes) -> Seen | None:
    """Return the record of one Ethernet frame, or `None` if it is not recorded."""
    network = dpkt.ethernet.Ethernet(frame).data
    if not isinstance(network, dpkt.ip.IP | dpkt.ip6.IP6):
        return None
    transport = network.data
    if isinstance(transport, dpkt.tcp.TCP):
        return _segment(network, transport)
    if isinstance(transport, dpkt.udp.UDP):
        return _flow(network.src, transport.sport, network.dst, transport.dport)
    if isinstance(transport, dpkt.icmp.ICMP | dpkt.icmp6.ICMP6):
        return _unreachable(network.dst, transport)
    return None


def observe(frames: Iterable[bytes]) -> dict[Seen | None, int]:
    """Count `frames` (Ethernet) by their records; `None` counts those that are not recorded."""
    seen: defaultdict[Seen | None, int] = defaultdict(int)
    for frame in frames:
        seen[_decide(frame)] += 1
    return seen


def keys(observed: dict[Seen | None, int]) -> Counter[str]:
    """Return the packets of each key."""
    counted: Counter[str] = Counter()
    for seen, packets in observed.items():
        if seen is not None:
            for key in _keys(*seen):
                counted[key] += packets
    return counted


def _keys(kind: str, client: bytes, other: bytes, rest: str) -> Iterator[str]:
    ends = (_text(client), _text(other))
    yield f"{ends[0]};{ends[1]};{rest};{kind}"
    yield f"client;{ends[0]}"
    if kind == "flow":
        yield f"{ends[0]};{ends[1]};peer"
        if client != other:
            yield f"{ends[1]};{ends[0]};peer"


def frames_of(path: Path) -> Iterator[bytes]:
    """Yield the frames of a capture file."""
    with path.open("rb") as file:
        for _, frame in dpkt.pcap.UniversalReader(file):
            yield frame


def forget() -> None:
    """Clear all caches, so that the next `observe` starts from the same state as the first."""
    for remembered in (_text, _ours, _flow, _reset):
        remembered.cache_clear()


def main() -> None:
    """Print the keys of the capture named on the command line."""
    counted = keys(observe(frames_of(Path(sys.argv[1]))))
    sys.stdout.writelines(f"{key}\t{packets}\n" for key, packets in sorted(counted.items()))


if __name__ == "__main__":
    main()
