"""Layers: one number for each kind of header, so that a single lookup table holds all decoders.

A LINKTYPE_ number is its own layer; every other kind of number has a base that is added to it. TCP after IPv6, for
example, is layer `IPV6_PAYLOAD + 6`, and EtherType 0x8847 (MPLS) is `ETHERTYPE + 0x8847`.
"""

from __future__ import annotations

from typing import Final

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.model import ICMP, ICMPV6, TCP, UDP
from shodohflo.wire.linktypes import name_of
from shodohflo.wire.refusals import Refusal

LINK: Final = 0
"""The base of LINKTYPE_ numbers."""

IPV4_PAYLOAD: Final = 2 << 16
IPV6_PAYLOAD: Final = 3 << 16
"""Added to an IP protocol number, whose meaning depends on the version of IP before it."""

TRANSPORT: Final = frozenset(
    [IPV4_PAYLOAD + number for number in (TCP, UDP, ICMP)] + [IPV6_PAYLOAD + number for number in (TCP, UDP, ICMPV6)]
)
"""The last header of every packet that is recorded."""

PPP_PAYLOAD: Final = 4 << 16
"""Added to a PPP protocol number (IANA "PPP DLL Protocol Numbers")."""

NSH_PAYLOAD: Final = 6 << 16
"""Added to a next protocol of a network service header (IANA "NSH Next Protocol"), which VXLAN-GPE has too."""

_OURS: Final = 5 << 16
"""The base of our own numbers, for headers that no registry numbers."""

ETHERNET: Final = 1
IPV4: Final = ETHERTYPE + 0x0800
IPV6: Final = ETHERTYPE + 0x86DD
MPLS: Final = ETHERTYPE + 0x8847
EITHER_IP: Final = 101
"""IPv4 or IPv6, by the version in the first four bits: the payload of raw link types."""

LLC: Final = ETHERTYPE + 4
"""An IEEE 802.2 header; the number is the kernel's (linux/if_ether.h, ETH_P_802_2)."""

GRE: Final = IPV4_PAYLOAD + 47

FRAMED_PPP: Final = 9
CISCO_HDLC: Final = 104
WIFI: Final = 105
FRAME_RELAY: Final = 107
RADIOTAP: Final = 127

PPP: Final = _OURS
"""A PPP protocol number and the packet that it announces."""
NFLOG_LITTLE: Final = _OURS + 1
NFLOG_BIG: Final = _OURS + 2
"""An attribute of the kernel's packet log, in little-endian and in big-endian order."""

PADDED_WIFI: Final = _OURS + 6
"""An 802.11 header that the network card padded to a multiple of 4 bytes."""

SNAP: Final = _OURS + 3
"""The header that follows an IEEE 802.2 header of AA AA 03."""

ERSPAN_II: Final = _OURS + 4
ERSPAN_III: Final = _OURS + 5
"""The headers of mirrored frames in GRE."""

ENHANCED_GRE: Final = _OURS + 7
"""GRE of version 1, that of PPTP."""

PSEUDOWIRE: Final = _OURS + 8
"""What a stack of MPLS labels carries that is no IP packet."""

MESH: Final = _OURS + 9
"""Mesh control, between the 802.11 header and LLC."""

VXLAN: Final = _OURS + 16
GENEVE: Final = _OURS + 17
GTP_U: Final = _OURS + 18
GTP_U_EXTENSION: Final = _OURS + 19
TEREDO: Final = _OURS + 20
TEREDO_ORIGIN: Final = _OURS + 21
"""The headers of tunnels over UDP."""

L2TP_OVER_UDP: Final = _OURS + 22
"""The header of L2TP in UDP, of version 2 or 3."""

LLC_SERVICE: Final = 7 << 16
"""Added to the destination service access point of an IEEE 802.2 header."""

CISCO_SNAP: Final = 8 << 16
"""Added to a protocol number of Cisco in a SNAP header."""

NETWORK_PROTOCOL: Final = 9 << 16
"""Added to a network layer protocol id (ISO/IEC TR 9577), which frame relay has."""

_UNREAD: Final = 10 << 16
"""The base of numbers for what has none and is not read: only its name is known (`names`)."""

OTHER_SNAP: Final = _UNREAD
UNKNOWN_FAMILY: Final = _UNREAD + 1
WIFI_WITHOUT_DATA: Final = _UNREAD + 2
MPLS_CHANNEL: Final = _UNREAD + 3
MPLS_PSEUDOWIRE: Final = _UNREAD + 4

REALTEK: Final = ETHERTYPE + 0x8899
PPP_BRIDGING: Final = PPP_PAYLOAD + 0x0031
PPPOE_DISCOVERY: Final = ETHERTYPE + 0x8863
L2TP: Final = IPV4_PAYLOAD + 115
"""Layers with registered numbers, by which what a decoder leaves unread is counted."""

VLAN_TAGS: Final = (0x8100, 0x88A8, 0x9100, 0x9200, 0x9300)
"""The EtherTypes of VLAN tags."""


def unread(layer: int) -> str:
    """Return the reason to refuse a packet whose next header, `layer`, has no decoder."""
    if layer < ETHERTYPE:
        return f"{Refusal.LINK_TYPE}[{name_of(layer)}]"
    carries_no_ip = layer < IPV4_PAYLOAD or layer >= PPP_PAYLOAD
    return Refusal.NOT_IP if carries_no_ip else Refusal.PROTOCOL
