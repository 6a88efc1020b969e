"""Sound frames of everything that is decoded, built by hand, each ending with a UDP datagram.

`SOUND` has them by protocol, named like the files of `shodohflo.wire`, and by special feature. A value is the layer of
the frame (as in `Frames.layer`), the address family of the datagram, and the bytes.
"""

from __future__ import annotations

import struct
from typing import Final

from shodohflo.columns.frames import ETHERTYPE
from support.packets import ethernet, ip, tag, udp

V4: Final = ip(udp(), 17)
V6: Final = ip(udp(), 17, "2001:db8::1", "2001:db8::2")
A, B = "2001:db8::1", "2001:db8::2"
"""Two IPv6 addresses; the addresses of IPv4 don't matter here."""

Frame = tuple[int, int, bytes]

RAW, ETHER = 101, 1


def attribute(kind: int, value: bytes, order: str = "<") -> bytes:
    """Return an NFLOG attribute, padded to 4 bytes."""
    return struct.pack(f"{order}HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def gre(payload: bytes, protocol: int, flags: int = 0, fields: bytes = b"") -> bytes:
    """Return a GRE packet in IPv4."""
    return ip(struct.pack("!HH", flags, protocol) + fields + payload, 47)


def extension(next_header: int, units: int = 0) -> bytes:
    """Return an IPv6 extension header of 8 * (units + 1) bytes."""
    return bytes([next_header, units]) + bytes(6 + 8 * units)


def fragment(next_header: int, offset: int = 0, *, more: bool = False) -> bytes:
    """Return an IPv6 fragment header; `offset` in units of 8 bytes."""
    return struct.pack("!BBHI", next_header, 0, offset << 3 | more, 1)


def authentication(next_header: int) -> bytes:
    """Return an authentication header of 24 bytes."""
    return bytes([next_header, 4]) + bytes(22)


def snap(payload: bytes, number: int = 0x0800, organisation: bytes = b"\0\0\0") -> bytes:
    """Return an IEEE 802.2 header with SNAP."""
    return b"\xaa\xaa\x03" + organisation + struct.pack("!H", number) + payload


def isl(frame: bytes, first: int = 1) -> bytes:
    """Return a frame behind the header of Cisco's inter-switch link, of VLAN 5."""
    addresses = bytes([first]) + b"\0\x0c\0\0\0" + bytes(6)
    return addresses + struct.pack("!H", len(frame) + 16) + b"\xaa\xaa\3\0\0\x0c\0\x0a" + bytes(4) + frame


def wifi(payload: bytes, kind: int = 0x08, flags: int = 0x01, more: bytes = b"", fragment: int = 0) -> bytes:
    """Return an 802.11 frame; `more` are the header bytes after the three addresses and sequence control."""
    return bytes([kind, flags]) + bytes(20) + bytes([fragment, 0]) + more + payload


def radiotap(payload: bytes, present: bytes = bytes(4), fields: bytes = b"") -> bytes:
    """Return a frame with a radiotap header."""
    return struct.pack("<BBH", 0, 0, 4 + len(present) + len(fields)) + present + fields + payload


def ppi(payload: bytes, link_type: int = 105, fields: bytes = b"") -> bytes:
    """Return a frame with a PPI header."""
    return struct.pack("<BBHI", 0, 0, 8 + len(fields), link_type) + fields + payload


def nflog(
    payload: bytes, *, family: int = 2, before: bytes = b"", order: str = "<", ethertype: int = 0, hook: int = 0
) -> bytes:
    """Return an NFLOG frame as the kernel writes it, with the packet header as the first attribute."""
    logged = struct.pack("!HBB", ethertype, hook, 0)
    return bytes([family, 0, 0, 0]) + attribute(1, logged, order) + before + attribute(9, payload, order)


def pptp(payload: bytes, flags: int = 0x2001, fields: bytes = b"") -> bytes:
    """Return a packet of PPTP; `fields` are the sequence and acknowledgement numbers that `flags` announces."""
    return ip(struct.pack("!HHHH", flags, 0x880B, len(payload), 7) + fields + payload, 47)


def nsh(payload: bytes, number: int, metadata: bytes = bytes(16), kind: int = 1) -> bytes:
    """Return `payload` behind a network service header with a time to live of 63."""
    length = 2 + len(metadata) // 4
    return struct.pack("!HBBI", 63 << 6 | length, kind, number, 0x0000_07FF) + metadata + payload


def macsec(payload: bytes, ethertype: int = 0x0800, tci: int = 0, short: int = 0, sci: bytes = b"") -> bytes:
    """Return a frame that MACsec protects without encrypting it."""
    tag = bytes([tci, short]) + b"\0\0\0\1" + sci
    return ethernet(tag + struct.pack("!H", ethertype) + payload + b"v" * 16, 0x88E5)


def segment_routing(next_header: int, segments: int = 1, more: bytes = b"") -> bytes:
    """Return a segment routing header (RFC 8754); `more` are its TLVs."""
    units = 2 * segments + len(more) // 8
    return bytes([next_header, units, 4, 0, segments - 1, 0, 0, 0]) + bytes(16 * segments) + more


LABEL: Final = b"\0\1\1\x40"
"""The bottom of a label stack."""

MESH: Final = b"\0\x1f\1\0\0\0"
"""Mesh control without addresses."""

WIFI_DATA: Final = wifi(snap(V4))
RADIOTAP_TIME_AND_PADDED: Final = bytes(4) + bytes(8) + b"\x20"
"""The fields after two present words: 4 bytes of alignment, the time, and the flags with the padding bit."""

SOUND: Final[dict[str, dict[str, Frame]]] = {
    "ethernet": {
        "EtherType": (ETHER, 4, ethernet(V4)),
        "EtherType, IPv6": (ETHER, 6, ethernet(V6, 0x86DD)),
        "802.1Q tag": (ETHER, 4, ethernet(tag(0x0800) + V4, 0x8100)),
        "802.1ad and 802.1Q tags": (ETHER, 4, ethernet(tag(0x8100) + tag(0x0800) + V4, 0x88A8)),
        "tags of older switches": (ETHER, 6, ethernet(tag(0x9200) + tag(0x86DD) + V6, 0x9100)),
        "five tags": (ETHER, 4, ethernet(tag(0x8100) * 4 + tag(0x0800) + V4, 0x8100)),
        "live": (ETHERTYPE + 0x0800, 4, V4),
        "live, a second tag": (ETHERTYPE + 0x8100, 6, tag(0x86DD) + V6),
        "live, two more tags": (ETHERTYPE + 0x88A8, 4, tag(0x8100) + tag(0x0800) + V4),
        "ISL": (ETHER, 4, isl(ethernet(V4))),
        "ISL, a tag inside": (ETHER, 6, isl(ethernet(tag(0x86DD) + V6, 0x8100), first=3)),
        "ISL in ISL": (ETHER, 4, isl(isl(ethernet(V4)))),
        "SNAP": (ETHER, 4, ethernet(snap(V4), 36)),
        "SNAP behind a tag": (ETHER, 6, ethernet(tag(56) + snap(V6, 0x86DD), 0x8100)),
        "SNAP of IEEE 802.1H": (ETHER, 4, ethernet(snap(V4, organisation=b"\0\0\xf8"), 36)),
        "SNAP, bridged": (ETHER, 4, ethernet(snap(ethernet(V4), 7, b"\0\x80\xc2"), 50)),
        "LLC alone": (ETHER, 4, ethernet(b"\x06\x06\x03" + V4, 31)),
        "LLC as a link type": (100, 4, snap(V4)),
        "LLC in a jumbo frame": (ETHER, 4, ethernet(snap(V4), 0x8870)),
        "a third number of older switches": (ETHER, 4, ethernet(tag(0x0800) + V4, 0x9300)),
    },
    "cooked": {
        "v1": (113, 4, bytes(14) + b"\x08\0" + V4),
        "v1 with a tag": (113, 6, bytes(14) + b"\x81\0" + tag(0x86DD) + V6),
        "v1 with LLC": (113, 4, bytes(14) + b"\0\4" + snap(V4)),
        "v1 of GRE": (113, 6, b"\0\0\3\x0a" + bytes(10) + b"\x86\xdd" + V6),
        "v1 of frame relay": (113, 4, b"\0\0\3\2" + bytes(12) + b"\x18\x41\3\xcc" + V4),
        "v1 of 802.11": (113, 4, b"\0\0\3\x21" + bytes(12) + WIFI_DATA),
        "v1 of radiotap": (113, 4, b"\0\0\3\x23" + bytes(12) + radiotap(WIFI_DATA)),
        "v2": (276, 6, b"\x86\xdd" + bytes(18) + V6),
        "v1, to another host": (113, 4, b"\0\3" + bytes(12) + b"\x08\0" + V4),
        "v2, to another host": (276, 4, b"\x08\0" + bytes(8) + b"\3" + bytes(9) + V4),
        "v2 of radiotap": (276, 4, bytes(8) + b"\3\x23" + bytes(10) + radiotap(WIFI_DATA)),
    },
    "directed": {
        "PPP": (204, 4, b"\0\xff\3\0\x21" + V4),
        "Cisco HDLC": (205, 6, b"\0\x0f\0\x86\xdd" + V6),
        "frame relay": (206, 4, b"\0\x18\x41\3\xcc" + V4),
    },
    "frame_relay": {
        "IPv4": (107, 4, b"\x18\x41\x03\xcc" + V4),
        "IPv6": (107, 6, b"\x18\x41\x03\x8e" + V6),
        "a pad byte": (107, 4, b"\x18\x41\x03\0\xcc" + V4),
        "an address of three bytes": (107, 4, b"\x18\x40\x41\x03\xcc" + V4),
        "an address of four bytes": (107, 6, b"\x18\x40\x40\x41\x03\x8e" + V6),
        "SNAP": (107, 4, b"\x18\x41\x03\0\x80\0\0\0\x08\0" + V4),
        "bridged": (107, 4, b"\x18\x41\x03\0\x80\0\x80\xc2\0\7" + ethernet(V4)),
        "PPP": (107, 4, b"\x18\x41\x03\xcf\0\x21" + V4),
        "Cisco": (107, 4, b"\x18\x41\x08\0" + V4),
        "Cisco, four bytes": (107, 6, b"\x18\x40\x40\x41\x86\xdd" + V6),
    },
    "gre": {
        "plain": (RAW, 4, gre(V4, 0x0800)),
        "IPv6 inside": (RAW, 6, gre(V6, 0x86DD)),
        "checksum": (RAW, 4, gre(V4, 0x0800, 0x8000, bytes(4))),
        "key": (RAW, 4, gre(V4, 0x0800, 0x2000, b"\0\0\0\7")),
        "sequence": (RAW, 4, gre(V4, 0x0800, 0x1000, b"\0\0\0\1")),
        "all three": (RAW, 6, gre(V6, 0x86DD, 0xB000, bytes(12))),
        "Ethernet": (RAW, 4, gre(ethernet(V4), 0x6558)),
        "MPLS": (RAW, 4, gre(b"\0\0\1\x40" + V4, 0x8847)),
        "in IPv6": (RAW, 4, ip(b"\0\0\x08\0" + V4, 47, A, B)),
        "in GRE": (RAW, 4, gre(gre(V4, 0x0800), 0x0800)),
        "ERSPAN I": (RAW, 4, gre(ethernet(V4), 0x88BE)),
        "ERSPAN II": (RAW, 4, gre(b"\x10\7" + bytes(6) + ethernet(V4), 0x88BE, 0x1000, bytes(4))),
        "ERSPAN III": (RAW, 6, gre(b"\x20\7" + bytes(10) + ethernet(V6, 0x86DD), 0x22EB, 0x1000, bytes(4))),
        "ERSPAN III with more": (
            RAW,
            4,
            gre(b"\x20\7" + bytes(9) + b"\1" + bytes(8) + ethernet(V4), 0x22EB, 0x1000, bytes(4)),
        ),
        "ERSPAN of a tagged frame": (RAW, 4, gre(ethernet(bytes(4) + tag(0x0800)[2:] + V4, 0x8926), 0x88BE)),
        "PPP": (RAW, 4, gre(b"\xff\3\0\x21" + V4, 0x880B)),
        "frame relay": (RAW, 4, gre(b"\x18\x41\3\xcc" + V4, 0x6559)),
        "ERSPAN III of IP": (RAW, 4, gre(b"\x20\7" + bytes(8) + b"\x08\0" + V4, 0x22EB, 0x1000, bytes(4))),
    },
    "hdlc": {
        "unicast": (104, 4, b"\x0f\0\x08\0" + V4),
        "multicast, IPv6": (104, 6, b"\x8f\0\x86\xdd" + V6),
        "MPLS": (104, 4, b"\x0f\0\x88\x47\0\0\1\x40" + V4),
        "PPP": (104, 4, b"\xff\3\0\x21" + V4),
        "PPP, compressed protocol": (205, 6, b"\0\xff\3\x57" + V6),
    },
    "ip_in_ip": {
        "IPv4 in IPv4": (RAW, 4, ip(V4, 4)),
        "IPv6 in IPv4": (RAW, 6, ip(V6, 41)),
        "IPv4 in IPv6": (RAW, 4, ip(V4, 4, A, B)),
        "IPv6 in IPv6": (RAW, 6, ip(V6, 41, A, B)),
        "MPLS in IPv4": (RAW, 4, ip(b"\0\0\1\x40" + V4, 137)),
        "MPLS in IPv6": (RAW, 6, ip(b"\0\0\0\x40\0\0\1\x40" + V6, 137, A, B)),
        "Ethernet in IPv4": (RAW, 4, ip(b"\x30\0" + ethernet(V4), 97)),
        "Ethernet in IPv6": (RAW, 6, ip(b"\x30\0" + ethernet(V6, 0x86DD), 97, A, B)),
        "SRv6 with Ethernet": (RAW, 4, ip(segment_routing(143) + ethernet(V4), 43, A, B)),
        "SRv6 with a tagged frame": (
            RAW,
            6,
            ip(segment_routing(143, 3) + ethernet(tag(0x86DD) + V6, 0x8100), 43, A, B),
        ),
        "SRv6 with IPv4": (RAW, 4, ip(segment_routing(4, 2, b"\5\6" + bytes(6)) + V4, 43, A, B)),
        "SRv6 with IPv6": (RAW, 6, ip(segment_routing(41) + V6, 43, A, B)),
        "Ethernet without routing": (RAW, 4, ip(ethernet(V4), 143, A, B)),
        "six deep": (RAW, 4, ip(ip(ip(ip(ip(ip(V4, 4), 4), 4, A, B), 41), 4, A, B), 41, A, B)),
    },
    "ipv4": {
        "plain": (228, 4, V4),
        "options": (RAW, 4, ip(udp(), 17, options=40)),
        "a first fragment": (RAW, 4, ip(udp(length=3000), 17, fragment=0x2000)),
        "authenticated": (RAW, 4, ip(authentication(17) + udp(), 51)),
    },
    "ipv6": {
        "plain": (229, 6, V6),
        **{
            f"extension {number}": (RAW, 6, ip(extension(17, 2) + udp(), number, A, B))
            for number in (0, 43, 60, 135, 139, 140)
        },
        "an atomic fragment": (RAW, 6, ip(fragment(17) + udp(), 44, A, B)),
        "a first fragment": (RAW, 6, ip(fragment(17, more=True) + udp(length=4000), 44, A, B)),
        "authenticated": (RAW, 6, ip(authentication(17) + udp(), 51, A, B)),
        "all of them": (
            RAW,
            6,
            ip(
                b"".join(extension(after, 1) for after in (43, 60, 135, 139, 140, 44))
                + fragment(51)
                + authentication(17)
                + udp(),
                0,
                A,
                B,
            ),
        ),
        "in another order": (
            RAW,
            6,
            ip(authentication(60) + extension(44) + fragment(43) + extension(17) + udp(), 51, A, B),
        ),
    },
    "loopback": {
        "little-endian": (0, 4, b"\2\0\0\0" + V4),
        "big-endian": (0, 4, b"\0\0\0\2" + V4),
        "IPv6 on Linux": (0, 6, b"\x0a\0\0\0" + V6),
        "IPv6 on NetBSD": (0, 6, b"\x18\0\0\0" + V6),
        "IPv6 on FreeBSD": (0, 6, b"\x1c\0\0\0" + V6),
        "IPv6 on Darwin": (0, 6, b"\0\0\0\x1e" + V6),
        "loop": (108, 4, b"\0\0\0\2" + V4),
        "EtherType, little-endian": (0, 4, b"\0\x08\0\0" + V4),
        "EtherType, big-endian": (0, 6, b"\0\0\x86\xdd" + V6),
        "EtherType, little-endian, IPv6": (108, 6, b"\xdd\x86\0\0" + V6),
        "EtherType behind two bytes": (0, 4, b"\x0f\0\x08\0" + V4),
        "a tag": (0, 4, b"\0\0\x81\0" + tag(0x0800) + V4),
        "PPP": (0, 4, b"\xff\3\0\x21" + V4),
    },
    "l2tp": {
        "neither cookie nor sublayer": (RAW, 4, ip(b"\0\0\0\7" + ethernet(V4), 115)),
        "a sublayer": (RAW, 4, ip(b"\0\0\0\7" + bytes(4) + ethernet(V4), 115)),
        "a cookie": (RAW, 6, ip(b"\0\0\0\7cookie42" + ethernet(V6, 0x86DD), 115)),
        "both, a tagged frame": (RAW, 4, ip(b"\0\0\0\7cookie42" + bytes(4) + ethernet(tag(0x0800) + V4, 0x8100), 115)),
        "in IPv6": (RAW, 4, ip(b"\0\0\0\7" + ethernet(V4), 115, A, B)),
        "a VN-Tag": (RAW, 4, ip(b"\0\0\0\7" + ethernet(bytes(4) + b"\x08\0" + V4, 0x8926), 115)),
        "a cookie, MPLS": (RAW, 4, ip(b"\0\0\0\7cook" + ethernet(b"\0\0\1\0" + V4, 0x8847), 115)),
    },
    "mac_in_mac": {
        "PBB": (ETHER, 4, ethernet(b"\0\0\0\1" + ethernet(V4), 0x88E7)),
        "PBB with a B-TAG": (
            ETHER,
            6,
            ethernet(tag(0x88E7) + b"\0\0\0\1" + ethernet(tag(0x86DD) + V6, 0x8100), 0x88A8),
        ),
        "FabricPath": (ETHER, 4, ethernet(b"\0\x60" + ethernet(tag(0x0800) + V4, 0x8100), 0x8903)),
        "TRILL": (ETHER, 4, ethernet(b"\0\x3f\0\1\0\2" + ethernet(tag(0x0800) + V4, 0x8100), 0x22F3)),
        "TRILL with options": (ETHER, 4, ethernet(b"\0\xbf\0\1\0\2" + bytes(8) + ethernet(V4), 0x22F3)),
        "Broadcom": (282, 4, b"\0\0\0\1" + ethernet(V4)),
    },
    "macsec": {
        "without SCI": (ETHER, 4, macsec(V4)),
        "with SCI": (ETHER, 6, macsec(V6, 0x86DD, 0x20, sci=bytes(8))),
        "a short length": (ETHER, 4, macsec(V4, tci=0x40, short=2 + len(V4))),
        "around a tag": (ETHER, 4, macsec(tag(0x0800) + V4, 0x8100, 0x20, sci=bytes(8))),
        "behind a tag": (ETHER, 4, ethernet(tag(0x88E5) + macsec(V4)[14:], 0x8100)),
    },
    "mesh": {
        "no address": (105, 4, wifi(MESH + snap(V4), 0x88, 0x03, bytes(6) + b"\0\1")),
        "one address": (105, 4, wifi(b"\1" + MESH[1:] + bytes(6) + snap(V4), 0x88, 0x02, b"\0\1")),
        "two addresses": (
            105,
            6,
            wifi(b"\2" + MESH[1:] + bytes(12) + snap(V6, 0x86DD), 0x88, 0x03, bytes(6) + b"\0\1"),
        ),
        "HT control": (105, 4, wifi(MESH + snap(V4), 0x88, 0x83, bytes(6) + b"\0\1" + bytes(4))),
        "a queue size that looks like it": (105, 4, wifi(snap(V4), 0x88, 0x02, b"\0\1")),
    },
    "mpls": {
        "one label": (ETHER, 4, ethernet(b"\0\1\x01\x40" + V4, 0x8847)),
        "three labels": (ETHER, 6, ethernet(b"\0\1\0\x40" * 2 + b"\0\1\x01\x40" + V6, 0x8847)),
        "multicast": (ETHER, 4, ethernet(b"\0\1\x01\x40" + V4, 0x8848)),
        "behind a tag": (ETHER, 4, ethernet(tag(0x8847) + b"\0\1\x01\x40" + V4, 0x8100)),
    },
    "nsh": {
        "IPv4": (ETHER, 4, ethernet(nsh(V4, 1), 0x894F)),
        "IPv6, metadata of type 2": (ETHER, 6, ethernet(nsh(V6, 2, bytes(8), 2), 0x894F)),
        "no metadata": (ETHER, 4, ethernet(nsh(V4, 1, b"", 2), 0x894F)),
        "Ethernet": (ETHER, 4, ethernet(nsh(ethernet(V4), 3), 0x894F)),
        "NSH": (ETHER, 4, ethernet(nsh(nsh(V4, 1), 4), 0x894F)),
        "MPLS": (ETHER, 4, ethernet(nsh(LABEL + V4, 5), 0x894F)),
        "in GRE": (RAW, 4, gre(nsh(V4, 1), 0x894F)),
        "behind a tag": (ETHER, 4, ethernet(tag(0x894F) + nsh(V4, 1), 0x8100)),
    },
    "nflog": {
        "IPv4": (239, 4, nflog(V4)),
        "IPv6": (239, 6, nflog(V6, family=10)),
        "big-endian": (239, 4, nflog(V4, order=">")),
        "a bridge's": (239, 4, nflog(V4, family=7, ethertype=0x0800)),
        "a device's": (239, 6, nflog(V6, family=5, ethertype=0x86DD)),
        "of both families, big-endian": (239, 6, nflog(V6, family=1, ethertype=0x86DD, order=">")),
        "other attributes": (
            239,
            4,
            nflog(V4, before=attribute(10, b"odd\0") + attribute(10, b"o\0") + attribute(3, b"1234")),
        ),
    },
    "ppi": {
        "802.11": (192, 4, ppi(WIFI_DATA)),
        "fields": (192, 4, ppi(WIFI_DATA, fields=bytes(24))),
        "Ethernet": (192, 4, ppi(ethernet(V4), 1)),
    },
    "ppp": {
        "framed": (9, 4, b"\xff\x03\0\x21" + V4),
        "unframed": (9, 6, b"\0\x57" + V6),
        "compressed protocol": (9, 4, b"\xff\x03\x21" + V4),
        "compressed all": (9, 6, b"\x57" + V6),
        "MPLS": (9, 4, b"\xff\x03\x02\x81\0\0\1\x40" + V4),
        "HDLC": (50, 4, b"\xff\x03\0\x21" + V4),
        "Cisco in HDLC": (50, 4, b"\x0f\0\x08\0" + V4),
        "pppd": (166, 4, b"\0\x03\0\x21" + V4),
        "pppd, compressed protocol": (166, 6, b"\0\x03\x57" + V6),
        "Cisco in PPP": (9, 6, b"\x8f\0\x86\xdd" + V6),
        "Cisco in PPP with direction": (204, 4, b"\0\x0f\0\x08\0" + V4),
        "a bridged frame": (9, 4, b"\xff\3\0\x31\0\1" + ethernet(V4)),
        "a bridged frame, a LAN number": (9, 6, b"\xff\3\x31\xc0\1\0\0\0\7" + ethernet(V6, 0x86DD)),
        "multilink": (9, 4, b"\xff\3\0\x3d\xc0\0\0\7\0\x21" + V4),
        "multilink, a short number": (9, 4, b"\xff\3\x3d\xc1\7\0\x21" + V4),
        "PPPoE": (ETHER, 4, ethernet(struct.pack("!BBHH", 0x11, 0, 1, 2 + len(V4)) + b"\0\x21" + V4, 0x8864)),
        "PPPoE, a lying length": (ETHER, 4, ethernet(b"\x11\0\0\1\0\1\0\x21" + V4, 0x8864)),
        "PPPoE as a link type": (51, 6, struct.pack("!BBHH", 0x11, 0, 1, 2 + len(V6)) + b"\0\x57" + V6),
        "PPPoE behind tags": (ETHER, 4, ethernet(tag(0x8100) + tag(0x8864) + b"\x11\0\0\1\0\x1e\0\x21" + V4, 0x88A8)),
    },
    "pptp": {
        "a sequence number": (RAW, 4, pptp(b"\xff\3\0\x21" + V4, 0x3001, bytes(4))),
        "both numbers": (RAW, 4, pptp(b"\0\x21" + V4, 0x3081, bytes(8))),
        "an acknowledgement": (RAW, 6, pptp(b"\x57" + V6, 0x2081, bytes(4))),
        "compressed protocol": (RAW, 4, pptp(b"\x21" + V4, 0x3001, bytes(4))),
        "in IPv6": (RAW, 4, ip(pptp(b"\0\x21" + V4)[20:], 47, A, B)),
        "Ethernet over IP": (RAW, 4, ip(struct.pack("!HHHH", 0x2001, 0x6400, 14 + len(V4), 7) + ethernet(V4), 47)),
    },
    "pseudowire": {
        "a control word": (ETHER, 4, ethernet(LABEL + bytes(4) + ethernet(V4), 0x8847)),
        "a sequence number": (ETHER, 6, ethernet(LABEL + b"\0\0\0\7" + ethernet(V6, 0x86DD), 0x8847)),
        "a control word, a tag": (ETHER, 4, ethernet(LABEL + bytes(4) + ethernet(tag(0x0800) + V4, 0x8100), 0x8847)),
        "no control word": (ETHER, 4, ethernet(LABEL + b"\xa4" + ethernet(V4)[1:], 0x8847)),
        "no control word, zeros": (ETHER, 4, ethernet(LABEL + ethernet(V4), 0x8847)),
        "no control word, two tags": (
            ETHER,
            4,
            ethernet(LABEL + ethernet(tag(0x8100) + tag(0x0800) + V4, 0x88A8), 0x8847),
        ),
        "in GRE": (RAW, 4, gre(LABEL + bytes(4) + ethernet(V4), 0x8847)),
        "in IP": (RAW, 4, ip(LABEL + bytes(4) + ethernet(V4), 137)),
        "Cisco HDLC": (ETHER, 4, ethernet(LABEL + bytes(4) + b"\x0f\0\x08\0" + V4, 0x8847)),
        "PPP": (ETHER, 4, ethernet(LABEL + bytes(4) + b"\0\x21" + V4, 0x8847)),
        "PPP with address": (ETHER, 6, ethernet(LABEL + bytes(4) + b"\xff\3\0\x57" + V6, 0x8847)),
        "PPP without control word": (ETHER, 4, ethernet(LABEL + b"\0\x21" + V4, 0x8847)),
        "IP": (ETHER, 4, ethernet(LABEL + bytes(4) + V4, 0x8847)),
        "IP in an associated channel": (ETHER, 4, ethernet(LABEL + b"\x10\0\0\x21" + V4, 0x8847)),
    },
    "radiotap": {
        "nothing present": (127, 4, radiotap(WIFI_DATA)),
        "time and flags": (127, 4, radiotap(WIFI_DATA, b"\3\0\0\0", bytes(8) + b"\0")),
        "padded": (127, 4, radiotap(wifi(snap(V4), 0x88, more=bytes(2) + bytes(2)), b"\2\0\0\0", b"\x20")),
        "padded, with the time": (
            127,
            4,
            radiotap(wifi(snap(V4), 0x88, more=bytes(4)), b"\3\0\0\0", bytes(8) + b"\x20"),
        ),
        "padded, with more words": (
            127,
            4,
            radiotap(wifi(snap(V4), 0x88, more=bytes(4)), b"\3\0\0\x80\0\0\0\0", RADIOTAP_TIME_AND_PADDED),
        ),
        "padded, with three words": (
            127,
            4,
            radiotap(
                wifi(snap(V4), 0x88, more=bytes(4)), b"\3\0\0\x80\0\0\0\x80\0\0\0\0", RADIOTAP_TIME_AND_PADDED[4:]
            ),
        ),
    },
    "raw_ip": {
        "IPv4": (RAW, 4, V4),
        "IPv6": (RAW, 6, V6),
        "as 12": (12, 6, V6),
        "as 14": (14, 4, V4),
    },
    "tags": {
        "VN-Tag": (ETHER, 4, ethernet(bytes(4) + b"\x08\0" + V4, 0x8926)),
        "VN-Tag and VLAN": (ETHER, 6, ethernet(bytes(4) + b"\x81\0" + tag(0x86DD) + V6, 0x8926)),
        "E-TAG": (ETHER, 4, ethernet(b"\x10\0\0\xd8\0\0\x08\0" + V4, 0x893F)),
        "VLAN, E-TAG and VLAN": (ETHER, 4, ethernet(tag(0x893F) + bytes(6) + b"\x81\0" + tag(0x0800) + V4, 0x8100)),
        "R-TAG": (ETHER, 4, ethernet(b"\0\0\0\7\x08\0" + V4, 0xF1C1)),
        "HSR": (ETHER, 4, ethernet(b"\0\x34\0\7\x08\0" + V4, 0x892F)),
        "Broadcom, with its EtherType": (ETHER, 4, ethernet(bytes(4) + b"\x08\0" + V4, 0x8874)),
        "Broadcom": (281, 4, bytes(12) + b"\0\0\0\1\x08\0" + V4),
        "Marvell": (284, 6, bytes(12) + b"\xc0\0\0\1\x86\xdd" + V6),
        "Marvell EDSA": (285, 4, bytes(12) + b"\xda\xda\0\0\0\0\0\1\x08\0" + V4),
        "Marvell EDSA under Ethernet": (ETHER, 4, ethernet(b"\0\0\x40\0\0\1\x08\0" + V4, 0xDADA)),
        "Realtek, 4 bytes": (ETHER, 4, ethernet(b"\xa0\1\x08\0" + V4, 0x8899)),
        "Realtek, 8 bytes": (ETHER, 4, ethernet(b"\4\0\0\x20\0\1\x08\0" + V4, 0x8899)),
        "Cisco metadata": (ETHER, 4, ethernet(b"\1\1\0\1\0\x0a\x08\0" + V4, 0x8909)),
        "Cisco metadata, two options": (ETHER, 6, ethernet(b"\1\2\0\1\0\x0a\0\2\0\0\x86\xdd" + V6, 0x8909)),
        "Cisco metadata behind VLAN": (ETHER, 4, ethernet(tag(0x8909) + b"\1\1\0\1\0\x0a\x08\0" + V4, 0x8100)),
        "Cisco metadata before VLAN": (ETHER, 4, ethernet(b"\1\1\0\1\0\x0a\x81\0" + tag(0x0800) + V4, 0x8909)),
        "Cisco metadata in GRE": (RAW, 4, gre(b"\x08\0\1\1\0\1\0\x0a" + V4, 0x8909)),
        "SNAP behind an E-TAG": (ETHER, 4, ethernet(bytes(6) + b"\0\x24" + snap(V4), 0x893F)),
    },
    "slip": {
        "IPv4": (8, 4, bytes(16) + V4),
        "IPv6": (8, 6, b"\0\x40" + bytes(14) + V6),
    },
    "wccp": {
        "version 1": (RAW, 4, gre(V4, 0x883E)),
        "version 2": (RAW, 4, gre(bytes(4) + V4, 0x883E)),
        "version 2, dynamic service": (RAW, 4, gre(b"\x80\x3d\0\7" + V4, 0x883E)),
        "version 2, the other bucket": (RAW, 4, gre(b"\x40\0\7\7" + V4, 0x883E)),
        "version 2, contents not valid": (RAW, 4, gre(b"\x20\0\0\0" + V4, 0x883E)),
        "version 2, all flags": (RAW, 6, gre(b"\xe0\0\0\0" + V6, 0x883E)),
        "version 2 that begins like IPv6": (RAW, 4, gre(b"\x60\0\0\0" + V4, 0x883E)),
        "version 2 of IPv6 that begins like it": (RAW, 6, gre(b"\x60\0\0\0" + V6, 0x883E)),
        "version 1 of IPv6": (RAW, 6, gre(V6, 0x883E)),
    },
    "wifi": {
        "data": (105, 4, WIFI_DATA),
        "data, IPv6": (105, 6, wifi(snap(V6, 0x86DD))),
        "QoS": (105, 4, wifi(snap(V4), 0x88, more=bytes(2))),
        "QoS and HT control": (105, 4, wifi(snap(V4), 0x88, 0x81, bytes(6))),
        "between access points": (105, 4, wifi(snap(V4), 0x08, 0x03, bytes(6))),
        "all of it": (105, 6, wifi(snap(V6, 0x86DD), 0x88, 0x83, bytes(12))),
        "a first fragment": (105, 4, wifi(snap(ip(udp(length=108), 17, length=128)), flags=0x05)),
    },
}
"""Sound frames by protocol, then by special feature."""

FLAT: Final = {f"{protocol}: {name}": frame for protocol, frames in SOUND.items() for name, frame in frames.items()}
"""All of these frames, without the grouping by protocol."""
