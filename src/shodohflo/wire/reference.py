"""What is read, said for people: the tables of the reference pages, taken from the tables of decoders.

A number that is read and has no words here makes the pages fail, and so do words for what is not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shodohflo.wire.decode import MAX_DEPTH_INSIDE, MOST_TUNNELS
from shodohflo.wire.decoding import MAX_DEPTH
from shodohflo.wire.headers.ethernet import LONGEST_LENGTH
from shodohflo.wire.linktypes import name_of
from shodohflo.wire.registry import ETHERTYPES, IPV4_PAYLOADS, IPV6_PAYLOADS, LINKS, PPP_PROTOCOLS
from shodohflo.wire.tunnels import UDP_TUNNELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LINKS: Final = {
    0: "BSD loopback, of either byte order",
    1: "Ethernet II, and IEEE 802.3 with LLC and SNAP",
    8: "SLIP with its direction",
    9: "PPP, framed or not, its protocol compressed or not",
    12: "raw IP, as old writers numbered it",
    14: "raw IP, as old writers numbered it",
    50: "PPP in HDLC-like framing, or Cisco HDLC",
    51: "PPPoE sessions",
    100: "LLC and SNAP alone",
    101: "raw IP, either version",
    104: "Cisco HDLC",
    105: "802.11 data frames in the clear",
    107: "frame relay: RFC 2427, with SNAP, bridged frames or PPP, and Cisco's own",
    108: "OpenBSD loopback",
    113: "Linux cooked v1, which `-i any` wrote",
    127: "802.11 behind radiotap",
    166: "PPP as pppd logs it, with the direction",
    192: "any of these behind PPI",
    204: "PPP behind the direction",
    205: "Cisco HDLC behind the direction",
    206: "frame relay behind the direction",
    228: "IPv4",
    229: "IPv6",
    239: "packets logged by netfilter, of either byte order",
    276: "Linux cooked v2, which `-i any` writes",
}

_ETHERTYPES: Final = {
    0x0800: "IPv4",
    0x6558: "an Ethernet frame, in a tunnel",
    0x8100: "a tag of IEEE 802.1Q",
    0x86DD: "IPv6",
    0x8847: "MPLS",
    0x8848: "MPLS multicast",
    0x8864: "a PPPoE session",
    0x88A8: "a tag of IEEE 802.1ad",
    0x9100: "a tag, as older switches write it",
    0x9200: "a tag, as older switches write it",
}

_PPP_PROTOCOLS: Final = {0x0021: "IPv4", 0x0057: "IPv6", 0x0281: "MPLS", 0x0283: "MPLS multicast"}

_IP_PROTOCOLS: Final = {
    0: "hop-by-hop options, stepped over",
    1: "ICMP, with the packet that an unreachable quotes",
    4: "IPv4, a tunnel",
    6: "TCP",
    17: "UDP",
    41: "IPv6, a tunnel (6in4)",
    43: "routing header, stepped over",
    44: "fragment header: the first fragment is read",
    47: "GRE, a tunnel: of IP, MPLS, Ethernet frames, and of ERSPAN I, II and III",
    50: "ESP: refused as encrypted",
    51: "authentication header, stepped over",
    58: "ICMPv6, with the packet that an unreachable quotes",
    60: "destination options, stepped over",
    97: "EtherIP, a tunnel",
    135: "mobility header, stepped over",
    137: "MPLS, a tunnel",
    139: "host identity header, stepped over",
    140: "Shim6 header, stepped over",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A number that we read, its name, if it has one, and what it means."""

    number: str
    name: str
    meaning: str


def link_types() -> Iterator[Row]:
    """Tell the link types, by their LINKTYPE_ numbers."""
    for number in sorted(LINKS.keys() | _LINKS):
        name = name_of(number)
        yield Row(str(number), "" if name == str(number) else name, _LINKS[number])


def ethertypes() -> Iterator[Row]:
    """Tell the EtherTypes, but for the kernel's number of LLC, which is none."""
    for number in sorted(ETHERTYPES.keys() | _ETHERTYPES):
        if number > LONGEST_LENGTH:
            yield Row(f"0x{number:04x}", "", _ETHERTYPES[number])


def ppp_protocols() -> Iterator[Row]:
    """Tell the PPP protocols."""
    for number in sorted(PPP_PROTOCOLS.keys() | _PPP_PROTOCOLS):
        yield Row(f"0x{number:04x}", "", _PPP_PROTOCOLS[number])


def ip_protocols() -> Iterator[Row]:
    """Tell the IP protocols and, as their names, in which of both families we read them."""
    for number in sorted(IPV4_PAYLOADS.keys() | IPV6_PAYLOADS.keys() | _IP_PROTOCOLS.keys()):
        families = [name for name, known in (("IPv4", IPV4_PAYLOADS), ("IPv6", IPV6_PAYLOADS)) if number in known]
        yield Row(str(number), ", ".join(families), _IP_PROTOCOLS[number])


def udp_tunnels() -> Iterator[Row]:
    """Tell the UDP tunnels, by their ports."""
    for name, tunnel in UDP_TUNNELS.items():
        ports = " and ".join(map(str, tunnel.ports))
        yield Row(f"to {ports}, and from" if tunnel.answers else f"to {ports}", name, tunnel.words)


def bounds() -> Mapping[str, int]:
    """Tell how much is followed of what may nest."""
    return {
        "headers upon headers of a packet": MAX_DEPTH,
        "headers upon headers inside a UDP tunnel": MAX_DEPTH_INSIDE,
        "UDP tunnels within each other": MOST_TUNNELS,
    }
