"""The registry of every header that is decoded: one row for each number, with its decoder and its description.

A new header is registered by its row alone: `TABLE`, `QUOTED` and `docs/reference/formats.md` are made from the rows.
Within a kind of number the usual ones stand first, since they are looked for first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from shodohflo.columns.frames import ETHERTYPE, FAILED_CHECK, SENT
from shodohflo.model import ICMP, ICMPV6, TCP, UDP
from shodohflo.wire import layers
from shodohflo.wire.decoding import DecoderTable
from shodohflo.wire.headers.cooked import cooked_v1, cooked_v2
from shodohflo.wire.headers.directed import directed
from shodohflo.wire.headers.ethernet import ethernet, llc, snap, vlan
from shodohflo.wire.headers.frame_relay import frame_relay
from shodohflo.wire.headers.gre import erspan_ii, erspan_iii, gre, transparent_ethernet
from shodohflo.wire.headers.hdlc import cisco_hdlc
from shodohflo.wire.headers.icmp import icmp
from shodohflo.wire.headers.ip_in_ip import carried, ether_ip
from shodohflo.wire.headers.ipv4 import ipv4
from shodohflo.wire.headers.ipv6 import authentication, encrypted, extension, fragment, ipv6
from shodohflo.wire.headers.l2tp import l2tp, l2tp_over_udp
from shodohflo.wire.headers.loopback import loopback
from shodohflo.wire.headers.mac_in_mac import before_ethernet, trill
from shodohflo.wire.headers.macsec import macsec
from shodohflo.wire.headers.marked import marked_failed, marked_sent
from shodohflo.wire.headers.mesh import mesh
from shodohflo.wire.headers.mpls import mpls
from shodohflo.wire.headers.nflog import nflog, nflog_attribute
from shodohflo.wire.headers.nsh import nsh
from shodohflo.wire.headers.plain import plain_ethernet, plain_ip
from shodohflo.wire.headers.ppi import ppi
from shodohflo.wire.headers.ppp import bridging, framed_ppp, multilink, ppp, pppoe
from shodohflo.wire.headers.pptp import enhanced_gre
from shodohflo.wire.headers.pseudowire import pseudowire
from shodohflo.wire.headers.quotes import quoted_ipv4, quoted_ipv6, quoted_ports
from shodohflo.wire.headers.radiotap import radiotap
from shodohflo.wire.headers.raw_ip import raw_ip
from shodohflo.wire.headers.slip import slip
from shodohflo.wire.headers.tags import at_the_host, cisco_metadata, realtek, tag
from shodohflo.wire.headers.tcp import tcp
from shodohflo.wire.headers.udp import udp
from shodohflo.wire.headers.udp_tunnels import geneve, gtp_u, gtp_u_extension, teredo, teredo_origin, vxlan
from shodohflo.wire.headers.wccp import wccp
from shodohflo.wire.headers.wifi import wifi

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shodohflo.wire.decoding import Decoder


@dataclass(frozen=True, slots=True)
class NumberRow:
    """A number of some registry, the decoder of the header it announces, and the description for the reference page."""

    number: int
    decoder: Decoder
    words: str


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link type: its number and name, the decoder of its header, and the description for the reference page."""

    number: int
    name: str
    """Without the prefix LINKTYPE_; empty for a number that the registry does not have."""
    decoder: Decoder
    words: str


@dataclass(frozen=True, slots=True)
class IpProtocolRow:
    """An IP protocol number; after IPv4 and IPv6 it may announce different headers, or none after one of them."""

    number: int
    words: str
    ipv4: Decoder | None = None
    ipv6: Decoder | None = None


_ETHERNET: Final[Decoder] = partial(plain_ethernet, otherwise=ethernet)
_IPV4: Final[Decoder] = partial(plain_ip, family=4, otherwise=ipv4)
_IPV6: Final[Decoder] = partial(plain_ip, family=6, otherwise=ipv6)
_BEFORE_ETHERNET_4: Final[Decoder] = partial(before_ethernet, size=4)
_BROADCOM_TAG: Final[Decoder] = partial(at_the_host, at=12, bits=3, then=partial(tag, size=18))
_BROADCOM_PREPENDED: Final[Decoder] = partial(at_the_host, at=0, bits=3, then=_BEFORE_ETHERNET_4)
_MARVELL_TAG: Final[Decoder] = partial(at_the_host, at=12, bits=2, then=partial(tag, size=18))
_MARVELL_LONG_TAG: Final[Decoder] = partial(at_the_host, at=16, bits=2, then=partial(tag, size=22))
_TAG_OF_6: Final[Decoder] = partial(tag, size=6)

LINKS: Final = (
    LinkRow(0, "NULL", loopback, "BSD loopback, in either byte order, by address family or EtherType"),
    LinkRow(layers.ETHERNET, "ETHERNET", _ETHERNET, "Ethernet II, IEEE 802.3 with LLC and SNAP, ISL"),
    LinkRow(8, "SLIP", slip, "SLIP with its direction"),
    LinkRow(layers.FRAMED_PPP, "PPP", framed_ppp, "PPP, with or without framing and compression, or Cisco HDLC"),
    LinkRow(12, "", raw_ip, "raw IP, under the number of some old writers"),
    LinkRow(14, "", raw_ip, "raw IP, under the number of some old writers"),
    LinkRow(50, "PPP_HDLC", framed_ppp, "PPP in HDLC-like framing, or Cisco HDLC"),
    LinkRow(51, "PPP_ETHER", pppoe, "PPPoE sessions"),
    LinkRow(100, "ATM_RFC1483", llc, "LLC and SNAP, without a MAC header"),
    LinkRow(layers.EITHER_IP, "RAW", raw_ip, "raw IP, either version"),
    LinkRow(layers.CISCO_HDLC, "C_HDLC", cisco_hdlc, "Cisco HDLC, or PPP"),
    LinkRow(layers.WIFI, "IEEE802_11", wifi, "802.11 data frames, unencrypted, also of a mesh"),
    LinkRow(
        layers.FRAME_RELAY,
        "FRELAY",
        frame_relay,
        "frame relay: RFC 2427, with SNAP, bridged frames or PPP, and Cisco's own",
    ),
    LinkRow(108, "LOOP", loopback, "OpenBSD loopback"),
    LinkRow(113, "LINUX_SLL", cooked_v1, "Linux cooked v1, which `-i any` wrote"),
    LinkRow(layers.RADIOTAP, "IEEE802_11_RADIOTAP", radiotap, "802.11 after a radiotap header"),
    LinkRow(166, "PPP_PPPD", framed_ppp, "PPP as pppd logs it, with the direction"),
    LinkRow(192, "PPI", ppi, "any of these after a PPI header"),
    LinkRow(204, "PPP_WITH_DIR", partial(directed, layer=layers.FRAMED_PPP), "PPP after a direction byte"),
    LinkRow(205, "C_HDLC_WITH_DIR", partial(directed, layer=layers.CISCO_HDLC), "Cisco HDLC after a direction byte"),
    LinkRow(206, "FRELAY_WITH_DIR", partial(directed, layer=layers.FRAME_RELAY), "frame relay after a direction byte"),
    LinkRow(228, "IPV4", _IPV4, "IPv4"),
    LinkRow(229, "IPV6", _IPV6, "IPv6"),
    LinkRow(239, "NFLOG", nflog, "packets logged by netfilter, in either byte order"),
    LinkRow(276, "LINUX_SLL2", cooked_v2, "Linux cooked v2, which `-i any` writes"),
    LinkRow(
        281,
        "DSA_TAG_BRCM",
        _BROADCOM_TAG,
        "Ethernet with a Broadcom switch tag",
    ),
    LinkRow(
        282,
        "DSA_TAG_BRCM_PREPEND",
        _BROADCOM_PREPENDED,
        "Ethernet after a Broadcom switch tag",
    ),
    LinkRow(
        284,
        "DSA_TAG_DSA",
        _MARVELL_TAG,
        "Ethernet with a Marvell switch tag",
    ),
    LinkRow(
        285,
        "DSA_TAG_EDSA",
        _MARVELL_LONG_TAG,
        "Ethernet with a Marvell switch tag and its EtherType",
    ),
)
"""By LINKTYPE_ number (tcpdump.org).

12 and 14 are the DLT_ numbers of raw IP, 14 on OpenBSD: old programs wrote them into files, and a PPI header names the
link type of its frame by DLT_ number.
"""

ETHERTYPES: Final = (
    NumberRow(layers.IPV4 - ETHERTYPE, _IPV4, "IPv4"),
    NumberRow(layers.IPV6 - ETHERTYPE, _IPV6, "IPv6"),
    NumberRow(0x8100, vlan, "IEEE 802.1Q tag"),
    NumberRow(0x88A8, vlan, "IEEE 802.1ad tag"),
    NumberRow(0x9100, vlan, "tag of older switches"),
    NumberRow(0x9200, vlan, "tag of older switches"),
    NumberRow(layers.MPLS - ETHERTYPE, mpls, "MPLS"),
    NumberRow(0x8848, mpls, "MPLS multicast"),
    NumberRow(0x8864, pppoe, "PPPoE session"),
    NumberRow(0x6558, transparent_ethernet, "Ethernet frame in a tunnel"),
    NumberRow(0x6559, frame_relay, "frame relay in a tunnel"),
    NumberRow(0x880B, framed_ppp, "PPP in a tunnel"),
    NumberRow(0x883E, wccp, "WCCP: a packet that GRE redirects, version 1 or 2"),
    NumberRow(0x8870, llc, "LLC in a jumbo frame"),
    NumberRow(0x8874, _TAG_OF_6, "Broadcom switch tag"),
    NumberRow(layers.REALTEK - ETHERTYPE, realtek, "Realtek switch tag"),
    NumberRow(0x88E5, macsec, "MACsec without encryption"),
    NumberRow(0x88E7, _BEFORE_ETHERNET_4, "provider backbone bridge (802.1ah): an Ethernet frame"),
    NumberRow(0x8903, partial(before_ethernet, size=2), "Cisco FabricPath: an Ethernet frame"),
    NumberRow(0x8909, cisco_metadata, "Cisco metadata, such as a security group tag"),
    NumberRow(0x8926, _TAG_OF_6, "VN-Tag"),
    NumberRow(0x892F, _TAG_OF_6, "HSR tag (IEC 62439-3)"),
    NumberRow(0x893F, partial(tag, size=8), "E-TAG (IEEE 802.1BR)"),
    NumberRow(0x894F, nsh, "network service header"),
    NumberRow(0x9300, vlan, "tag of older switches"),
    NumberRow(0x22F3, trill, "TRILL: an Ethernet frame"),
    NumberRow(0xDADA, partial(tag, size=8), "Marvell switch tag (EDSA)"),
    NumberRow(0xF1C1, _TAG_OF_6, "redundancy tag (IEEE 802.1CB)"),
)
"""By EtherType (IANA "IEEE 802 Numbers")."""

NSH_PROTOCOLS: Final = (
    NumberRow(1, _IPV4, "IPv4"),
    NumberRow(2, _IPV6, "IPv6"),
    NumberRow(3, transparent_ethernet, "Ethernet"),
    NumberRow(4, nsh, "another network service header"),
    NumberRow(5, mpls, "MPLS"),
)
"""By next protocol of a network service header (IANA "NSH Next Protocol"), and of VXLAN-GPE."""

PPP_PROTOCOLS: Final = (
    NumberRow(0x0021, _IPV4, "IPv4"),
    NumberRow(0x0057, _IPV6, "IPv6"),
    NumberRow(0x0281, mpls, "MPLS"),
    NumberRow(0x0283, mpls, "MPLS multicast"),
    NumberRow(0x0031, bridging, "bridged Ethernet frame (RFC 3518)"),
    NumberRow(0x003D, multilink, "multilink fragment; only first fragments are decoded"),
)
"""By PPP protocol number (IANA "PPP DLL Protocol Numbers")."""

_MPLS: Final[Decoder] = partial(carried, layer=layers.MPLS, name="mpls")
_CARRIED_ETHERNET: Final[Decoder] = partial(carried, layer=layers.ETHERNET, name="ethernet")
_AUTHENTICATION_V4: Final[Decoder] = partial(authentication, base=layers.IPV4_PAYLOAD)
_AUTHENTICATION_V6: Final[Decoder] = partial(authentication, base=layers.IPV6_PAYLOAD)

EXTENSIONS: Final = (
    IpProtocolRow(0, "hop-by-hop options, skipped", ipv6=extension),
    IpProtocolRow(43, "routing header, skipped", ipv6=extension),
    IpProtocolRow(44, "fragment header; only first fragments are decoded", ipv6=fragment),
    IpProtocolRow(51, "authentication header, skipped", _AUTHENTICATION_V4, _AUTHENTICATION_V6),
    IpProtocolRow(60, "destination options, skipped", ipv6=extension),
    IpProtocolRow(135, "mobility header, skipped", ipv6=extension),
    IpProtocolRow(139, "host identity header, skipped", ipv6=extension),
    IpProtocolRow(140, "Shim6 header, skipped", ipv6=extension),
)
"""Headers between IP and its payload (IANA "IPv6 Extension Header Types"); quoted packets may have them too."""


def _payloads(rows: Iterable[IpProtocolRow]) -> dict[int, Decoder]:
    """Return the decoders of IP protocols by layer."""
    rows = tuple(rows)
    return {
        **{layers.IPV4_PAYLOAD + row.number: row.ipv4 for row in rows if row.ipv4},
        **{layers.IPV6_PAYLOAD + row.number: row.ipv6 for row in rows if row.ipv6},
    }


def _numbered(base: int, rows: Iterable[NumberRow | LinkRow]) -> dict[int, Decoder]:
    """Return the decoders of `rows` by layer."""
    return {base + row.number: row.decoder for row in rows}


_PORTS: Final = tuple(IpProtocolRow(number, "ports", quoted_ports, quoted_ports) for number in (TCP, UDP))

QUOTED: Final = DecoderTable({layers.IPV4: quoted_ipv4, layers.IPV6: quoted_ipv6, **_payloads((*_PORTS, *EXTENSIONS))})
"""What is decoded of a packet that an ICMP unreachable quotes: IP, extension headers, and ports."""

IP_PROTOCOLS: Final = (
    IpProtocolRow(TCP, "TCP", partial(tcp, family=4), partial(tcp, family=6)),
    IpProtocolRow(UDP, "UDP", partial(udp, family=4), partial(udp, family=6)),
    IpProtocolRow(
        ICMP,
        "ICMP, with the quote of an unreachable",
        ipv4=partial(icmp, family=4, quoted=QUOTED),
    ),
    IpProtocolRow(
        ICMPV6,
        "ICMPv6, with the quote of an unreachable",
        ipv6=partial(icmp, family=6, quoted=QUOTED),
    ),
    *EXTENSIONS,
    IpProtocolRow(
        4,
        "IPv4 (tunnel)",
        partial(carried, layer=layers.IPV4, name="ipip"),
        partial(carried, layer=layers.IPV4, name="4in6"),
    ),
    IpProtocolRow(
        41,
        "IPv6 (tunnel: 6in4, 6in6)",
        partial(carried, layer=layers.IPV6, name="6in4"),
        partial(carried, layer=layers.IPV6, name="6in6"),
    ),
    IpProtocolRow(47, "GRE (tunnel): anything with an EtherType, ERSPAN I, II and III, PPTP, EoIP", gre, gre),
    IpProtocolRow(50, "ESP: refused as encrypted", encrypted, encrypted),
    IpProtocolRow(97, "EtherIP (tunnel)", ether_ip, ether_ip),
    IpProtocolRow(115, "L2TP version 3 (tunnel): Ethernet frames", l2tp, l2tp),
    IpProtocolRow(137, "MPLS (tunnel)", _MPLS, _MPLS),
    IpProtocolRow(143, "Ethernet (tunnel), as in SRv6", _CARRIED_ETHERNET, _CARRIED_ETHERNET),
)
"""By IP protocol number (IANA "Protocol Numbers")."""

_UNNUMBERED: Final[dict[int, Decoder]] = {
    SENT: marked_sent,
    FAILED_CHECK: marked_failed,
    layers.LLC: llc,
    layers.SNAP: snap,
    layers.PADDED_WIFI: partial(wifi, alignment=4),
    layers.PPP: ppp,
    layers.ERSPAN_II: erspan_ii,
    layers.ERSPAN_III: erspan_iii,
    layers.ENHANCED_GRE: enhanced_gre,
    layers.PSEUDOWIRE: pseudowire,
    layers.MESH: mesh,
    layers.NFLOG_LITTLE: partial(nflog_attribute, little=True),
    layers.NFLOG_BIG: partial(nflog_attribute, little=False),
    layers.VXLAN: vxlan,
    layers.GENEVE: geneve,
    layers.GTP_U: gtp_u,
    layers.GTP_U_EXTENSION: gtp_u_extension,
    layers.L2TP_OVER_UDP: l2tp_over_udp,
    layers.TEREDO: teredo,
    layers.TEREDO_ORIGIN: teredo_origin,
}
"""Layers without a number of any registry: only another decoder leads to them, or a mark of the file."""

TABLE: Final = DecoderTable(
    {
        **_numbered(ETHERTYPE, ETHERTYPES),
        **_numbered(layers.LINK, LINKS),
        **_numbered(layers.PPP_PAYLOAD, PPP_PROTOCOLS),
        **_numbered(layers.NSH_PAYLOAD, NSH_PROTOCOLS),
        **_payloads(IP_PROTOCOLS),
        **_UNNUMBERED,
    }
)
"""Every header that is decoded, by layer (see `layers`)."""
