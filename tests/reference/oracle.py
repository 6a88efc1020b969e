"""The oracle: a second implementation of the contract, packet by packet, slow and independent of ours.

The pipeline is compared with it on every capture, under the default rules. It shares no code with the pipeline except
the reader of files: headers are sliced by hand, and decisions are made one at a time in the order of the contract.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network
Next = tuple[int, "Bytes"]
"""An EtherType and the bytes after it."""

IPV4: Final = 0x0800
IPV6: Final = 0x86DD
_NOTHING: Final = -1
_DEEPEST: Final = 30
_ICMP, _TCP, _UDP, _ICMPV6 = 1, 6, 17, 58
_FIN_OR_SYN, _RESET = 0x03, 0x04


class RefusedError(Exception):
    """The packet cannot be decoded, or is of a kind that is not recorded."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """The captured bytes of a part of a packet, and its length on the wire."""

    captured: bytes
    size: int

    def number(self, begin: int, end: int) -> int:
        """Return a big-endian number; raise `RefusedError` if it was not captured."""
        if end > len(self.captured):
            raise RefusedError(f"{len(self.captured)} bytes captured, {end} needed")
        return int.from_bytes(self.captured[begin:end], "big")

    def after(self, count: int) -> Bytes:
        """Return the bytes after the first `count`; raise `RefusedError` if those were not captured."""
        if count > len(self.captured):
            raise RefusedError(f"{len(self.captured)} bytes captured, {count} needed")
        return Bytes(self.captured[count:], self.size - count)

    def up_to(self, count: int) -> Bytes:
        """Return the first `count` bytes."""
        return Bytes(self.captured[:count], count)


@dataclass(frozen=True, slots=True)
class Packet:
    """A transport header with the protocol, addresses and fragmentation of its packet."""

    protocol: int
    src: Address
    dst: Address
    data: Bytes
    fragment: bool
    """A first fragment: the lengths of the transport header are those of the whole datagram."""


def _ethernet(data: Bytes) -> Next:
    return data.number(12, 14), data.after(14)


def _by_version(data: Bytes) -> Next:
    return {4: IPV4, 6: IPV6}.get(data.number(0, 1) >> 4, _NOTHING), data


def _by_family(data: Bytes) -> Next:
    big = data.number(0, 4)
    little = int.from_bytes(data.captured[:4], "little")
    families = {2: IPV4, 10: IPV6, 24: IPV6, 28: IPV6, 30: IPV6}
    return families.get(min(big, little), _NOTHING), data.after(4)


def _ppp(data: Bytes) -> Next:
    data = data.after(2) if data.captured[:2] == b"\xff\x03" else data
    return {0x21: IPV4, 0x57: IPV6}.get(data.number(0, 2), _NOTHING), data.after(2)


def _nflog(data: Bytes) -> Next:
    kind = {2: IPV4, 10: IPV6}.get(data.number(0, 1), _NOTHING)
    rest = data.after(4)
    while True:
        rest.number(0, 4)
        length, attribute = (int.from_bytes(rest.captured[at : at + 2], "little") for at in (0, 2))
        if attribute == 9:  # NFULA_PAYLOAD
            return kind, rest.up_to(length).after(4)
        if length < 4:
            raise RefusedError("an attribute shorter than its header")
        rest = rest.after((length + 3) // 4 * 4)


def _after_radio_header(data: Bytes) -> Next:
    data.number(0, 4)
    return _wifi(data.after(int.from_bytes(data.captured[2:4], "little")))


def _wifi(data: Bytes) -> Next:
    control, flags = data.number(0, 1), data.number(1, 2)
    carries_data = control & 0x0C == 0x08 and not control & 0x40 and not flags & 0x40
    if not carries_data:
        raise RefusedError("802.11 without readable data")
    data = data.after(24 + 6 * (flags & 3 == 3) + 2 * bool(control & 0x80))
    if data.number(0, 6) != 0xAAAA_0300_0000:
        raise RefusedError("no SNAP")
    return data.number(6, 8), data.after(8)


def _frame_relay(data: Bytes) -> Next:
    rest = data.after(next((at + 1 for at, byte in enumerate(data.captured[:4]) if byte & 1), 4))
    if rest.number(0, 1) == 0x03:
        return {0xCC: IPV4, 0x8E: IPV6}.get(rest.number(1, 2), _NOTHING), rest.after(2)
    return rest.number(0, 2), rest.after(2)


LINKS: Final[dict[int, Callable[[Bytes], Next]]] = {
    0: _by_family,
    1: _ethernet,
    8: _by_version,
    9: _ppp,
    12: _by_version,
    14: _by_version,
    101: _by_version,
    104: lambda data: (data.number(2, 4), data.after(4)),
    105: _wifi,
    107: _frame_relay,
    108: _by_family,
    113: lambda data: (data.number(14, 16), data.after(16)),
    127: _after_radio_header,
    192: _after_radio_header,
    228: lambda data: (IPV4, data),
    229: lambda data: (IPV6, data),
    239: _nflog,
    276: lambda data: (data.number(0, 2), data.after(20)),
}
"""The link types that the oracle decodes, by LINKTYPE_ number: enough for the captures."""

_MARKED_AS_SENT: Final = 15 << 16
"""What the reader of files gives instead of a link type, for packets that the file marks as sent."""


def _nflog_is_sent(data: Bytes) -> bool:
    """Whether the first attribute, the packet header, has the hook of OUTPUT or POSTROUTING."""
    return int.from_bytes(data.captured[6:8], "little") == 1 and data.number(10, 11) in {3, 4}


SENT: Final[dict[int, Callable[[Bytes], bool]]] = {
    8: lambda data: data.number(0, 1) == 1,
    113: lambda data: data.number(0, 2) == 4,
    127: lambda data: bool(data.number(5, 6) & 0x80),
    239: _nflog_is_sent,
    276: lambda data: data.number(10, 11) == 4,
    _MARKED_AS_SENT: lambda _data: True,
}
"""Whether the capturing host sent the packet, by link type, for those of the captures that say so."""


def _ether(kind: int, data: Bytes, depth: int) -> Packet:
    while kind in {0x8100, 0x88A8, 0x9100, 0x8847, 0x8848, 0x8864}:
        if kind == 0x8864:  # PPPoE: six bytes, then PPP
            kind, data = _ppp(data.after(6))
        elif kind in {0x8847, 0x8848}:  # MPLS: labels down to the bottom of the stack
            last = data.number(2, 3) & 1
            data = data.after(4)
            kind = _by_version(data)[0] if last else kind
        else:
            kind, data = data.number(2, 4), data.after(4)
    if kind == IPV4:
        return _ipv4(data, depth)
    if kind == IPV6:
        return _ipv6(data, depth)
    raise RefusedError(f"EtherType {kind:#x}")


def _ipv4(data: Bytes, depth: int) -> Packet:
    header = (data.number(0, 20) >> 152 & 0x0F) * 4
    total = data.number(2, 4) or data.size
    if data.number(0, 1) >> 4 != 4 or header < 20 or total < header:
        raise RefusedError("contradictory IPv4 header")
    if data.number(6, 8) & 0x1FFF:
        raise RefusedError("later fragment")
    src, dst = IPv4Address(data.number(12, 16)), IPv4Address(data.number(16, 20))
    fragment = bool(data.number(6, 8) & 0x2000)
    return _payload(Packet(data.number(9, 10), src, dst, data.up_to(total).after(header), fragment), depth)


def _ipv6(data: Bytes, depth: int) -> Packet:
    data.number(0, 40)
    total = data.number(4, 6) + 40 if data.number(4, 6) else data.size
    if data.number(0, 1) >> 4 != 6:
        raise RefusedError("contradictory IPv6 header")
    src, dst = IPv6Address(data.number(8, 24)), IPv6Address(data.number(24, 40))
    protocol, rest, fragment = data.number(6, 7), data.up_to(total).after(40), False
    while protocol in {0, 43, 44, 51, 60, 135}:
        if protocol == 44 and rest.number(2, 4) >> 3:
            raise RefusedError("later fragment")
        fragment = fragment or (protocol == 44 and bool(rest.number(2, 4) & 1))
        size = {44: 8, 51: (rest.number(1, 2) + 2) * 4}.get(protocol, (rest.number(1, 2) + 1) * 8)
        protocol, rest = rest.number(0, 1), rest.after(size)
    return _payload(Packet(protocol, src, dst, rest, fragment), depth)


def _payload(packet: Packet, depth: int) -> Packet:
    """Open tunnels without ports, and return the innermost packet."""
    if depth > _DEEPEST:
        raise RefusedError("too deep")
    if packet.protocol == 4:
        return _ipv4(packet.data, depth + 1)
    if packet.protocol == 41:
        return _ipv6(packet.data, depth + 1)
    if packet.protocol == 47:
        return _gre(packet.data, depth + 1)
    return packet


def _gre(data: Bytes, depth: int) -> Packet:
    flags, kind = data.number(0, 2), data.number(2, 4)
    if flags & 0x4007:
        raise RefusedError("GRE with routing, or of another version")
    data = data.after(4 + sum(4 for bit in (0x8000, 0x2000, 0x1000) if flags & bit))
    if kind == 0x88BE:  # ERSPAN: only type II, which has a sequence number, has a header
        data = data.after(8 if flags & 0x1000 else 0)
    if kind in {0x88BE, 0x6558}:
        kind, data = _ethernet(data)
    return _ether(kind, data, depth)


def _any_length(quoted: Bytes, place: int) -> Bytes:
    """Return a quoted packet without the length at `place`: only the beginning is quoted, and some stacks change it."""
    return Bytes(quoted.captured[:place] + bytes(2) + quoted.captured[place + 2 :], 1 << 17)


@dataclass(slots=True)
class Oracle:
    """Counts packets as the contract requires, under the default rules."""

    our_nets: tuple[Prefix, ...]
    keys: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    """As in the ledger, except that `refused` counts all reasons together."""

    def see(self, frames: Iterable[tuple[int, Bytes]]) -> None:
        """Count frames, each with its link type."""
        for link, data in frames:
            try:
                outcome = "sent" if link in SENT and SENT[link](data) else self._received(link, data)
            except RefusedError:
                outcome = "refused"
            self.outcomes[outcome] += 1

    def _received(self, link: int, data: Bytes) -> str:
        return self._decide(_ether(*LINKS[link](data), 0) if link in LINKS else _refuse(link))

    def _decide(self, packet: Packet) -> str:
        if packet.protocol in {_ICMP, _ICMPV6}:
            return self._message(packet)
        if packet.protocol == _TCP:
            return self._segment(packet)
        if packet.protocol == _UDP:
            _check_datagram(packet)
            return self._flow(packet)
        raise RefusedError(f"protocol {packet.protocol}")

    def _message(self, packet: Packet) -> str:
        kind, code = packet.data.number(0, 1), packet.data.number(1, 2)
        if kind != {_ICMP: 3, _ICMPV6: 1}[packet.protocol] or not self._is_ours(packet.dst):
            return "icmp_other"
        quoted = packet.data.after(8)
        sent = (
            _ipv4(_any_length(quoted, 2), _DEEPEST)
            if packet.protocol == _ICMP
            else _ipv6(_any_length(quoted, 4), _DEEPEST)
        )
        if sent.protocol not in {_TCP, _UDP}:
            return "icmp_other"
        ports = f"{sent.data.number(0, 2)}:{sent.data.number(2, 4)}"
        return self._record("icmp", f"{_text(packet.dst)};{_text(sent.dst)};{ports};{code}", packet.dst)

    def _segment(self, packet: Packet) -> str:
        flags, header = packet.data.number(13, 14), (packet.data.number(12, 13) >> 4) * 4
        if header < 20 or (header > packet.data.size and not packet.fragment):
            raise RefusedError("contradictory TCP header")
        if flags & _RESET:
            if not self._is_ours(packet.dst):
                return "rst_elsewhere"
            ports = f"{packet.data.number(2, 4)}:{packet.data.number(0, 2)}"
            return self._record("rst", f"{_text(packet.dst)};{_text(packet.src)};{ports}", packet.dst)
        return "handshake" if flags & _FIN_OR_SYN else self._flow(packet)

    def _flow(self, packet: Packet) -> str:
        to_us, from_us = self._is_ours(packet.dst), self._is_ours(packet.src)
        if not (to_us or from_us):
            return "unmatched.no_rule"
        src_port, dst_port = packet.data.number(0, 2), packet.data.number(2, 4)
        from_service = src_port < dst_port or (src_port == dst_port and to_us)
        client, service = (packet.dst, packet.src) if from_service else (packet.src, packet.dst)
        for key in {f"{_text(client)};{_text(service)};peer", f"{_text(service)};{_text(client)};peer"}:
            self.keys[key] += 1
        return self._record("flow", f"{_text(client)};{_text(service)};{min(src_port, dst_port)}", client)

    def _record(self, kind: str, key: str, client: Address) -> str:
        self.keys[f"{key};{kind}"] += 1
        self.keys[f"client;{_text(client)}"] += 1
        return f"recorded.{kind}"

    def _is_ours(self, address: Address) -> bool:
        return any(address in network for network in self.our_nets if network.version == address.version)


def _refuse(link: int) -> Packet:
    raise RefusedError(f"link type {link}")


def _check_datagram(packet: Packet) -> None:
    packet.data.number(0, 4)
    length = int.from_bytes(packet.data.captured[4:6], "big") if len(packet.data.captured) >= 6 else 0
    impossible = packet.data.size < 8 or 0 < length < 8
    if not packet.fragment and (impossible or length > packet.data.size):
        raise RefusedError("contradictory UDP length")


def _text(address: Address) -> str:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(address) if mapped is None else f"::ffff:{mapped}"
