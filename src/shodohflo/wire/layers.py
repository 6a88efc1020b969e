"""Layers: one number for everything a decoder can find next, so that one table holds all decoders.

LINKTYPE_ numbers stand for themselves; the other kinds of numbers are told apart by a base.
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
"""Added to an IP protocol number: what it means depends on the IP that carries it."""

TRANSPORT: Final = frozenset(
    [IPV4_PAYLOAD + number for number in (TCP, UDP, ICMP)] + [IPV6_PAYLOAD + number for number in (TCP, UDP, ICMPV6)]
)
"""Where the way through the headers ends."""

PPP_PAYLOAD: Final = 4 << 16
"""Added to a PPP protocol number (IANA "PPP DLL Protocol Numbers")."""

_OURS: Final = 5 << 16
"""Numbers of our own, for headers that nobody numbers."""

ETHERNET: Final = 1
IPV4: Final = ETHERTYPE + 0x0800
IPV6: Final = ETHERTYPE + 0x86DD
MPLS: Final = ETHERTYPE + 0x8847
EITHER_IP: Final = 101
"""IPv4 or IPv6, by the version in its first bits: what raw link types carry."""

LLC: Final = ETHERTYPE + 4
"""An IEEE 802.2 header; the number is the kernel's (linux/if_ether.h, ETH_P_802_2)."""

FRAMED_PPP: Final = 9
CISCO_HDLC: Final = 104
WIFI: Final = 105
FRAME_RELAY: Final = 107
RADIOTAP: Final = 127

PPP: Final = _OURS
"""A PPP protocol number, then what it names."""
NFLOG_LITTLE: Final = _OURS + 1
NFLOG_BIG: Final = _OURS + 2
"""An attribute of the kernel's packet log, in either byte order."""

PADDED_WIFI: Final = _OURS + 6
"""An 802.11 header that a card padded to 4 bytes."""

SNAP: Final = _OURS + 3
"""What follows an IEEE 802.2 header of AA AA 03."""

ERSPAN_II: Final = _OURS + 4
ERSPAN_III: Final = _OURS + 5
"""What GRE carries of mirrored frames."""

VXLAN: Final = _OURS + 16
GENEVE: Final = _OURS + 17
GTP_U: Final = _OURS + 18
GTP_U_EXTENSION: Final = _OURS + 19
TEREDO: Final = _OURS + 20
TEREDO_ORIGIN: Final = _OURS + 21
"""What UDP carries to the ports of tunnels."""


def unread(layer: int) -> str:
    """Say why a packet is refused whose next header is `layer`, which no decoder reads."""
    if layer < ETHERTYPE:
        return f"{Refusal.LINK_TYPE}[{name_of(layer)}]"
    carries_no_ip = layer < IPV4_PAYLOAD or layer >= PPP_PAYLOAD
    return Refusal.NOT_IP if carries_no_ip else Refusal.PROTOCOL
