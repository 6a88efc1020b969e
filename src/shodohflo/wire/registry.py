"""The table of every header we read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from shodohflo.columns.frames import ETHERTYPE
from shodohflo.model import ICMP, ICMPV6, TCP, UDP
from shodohflo.wire import layers
from shodohflo.wire.decoding import DecoderTable
from shodohflo.wire.headers.cooked import cooked_v1, cooked_v2
from shodohflo.wire.headers.directed import directed
from shodohflo.wire.headers.ethernet import ethernet, llc, snap, vlan
from shodohflo.wire.headers.frame_relay import frame_relay
from shodohflo.wire.headers.gre import TRANSPARENT_ETHERNET, erspan_ii, erspan_iii, gre, transparent_ethernet
from shodohflo.wire.headers.hdlc import cisco_hdlc
from shodohflo.wire.headers.icmp import icmp
from shodohflo.wire.headers.ip_in_ip import carried, ether_ip
from shodohflo.wire.headers.ipv4 import ipv4
from shodohflo.wire.headers.ipv6 import EXTENSIONS, authentication, encrypted, extension, fragment, ipv6
from shodohflo.wire.headers.loopback import loopback
from shodohflo.wire.headers.mpls import mpls
from shodohflo.wire.headers.nflog import nflog, nflog_attribute
from shodohflo.wire.headers.plain import plain_ethernet, plain_ip
from shodohflo.wire.headers.ppi import ppi
from shodohflo.wire.headers.ppp import framed_ppp, hdlc_ppp, ppp, pppoe
from shodohflo.wire.headers.radiotap import radiotap
from shodohflo.wire.headers.raw_ip import raw_ip
from shodohflo.wire.headers.slip import slip
from shodohflo.wire.headers.tcp import tcp
from shodohflo.wire.headers.udp import udp
from shodohflo.wire.headers.udp_tunnels import geneve, gtp_u, gtp_u_extension, teredo, teredo_origin, vxlan
from shodohflo.wire.headers.wifi import wifi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shodohflo.wire.decoding import Decoder

_ETHERNET: Final[Decoder] = partial(plain_ethernet, otherwise=ethernet)
_IPV4: Final[Decoder] = partial(plain_ip, family=4, otherwise=ipv4)
_IPV6: Final[Decoder] = partial(plain_ip, family=6, otherwise=ipv6)

LINKS: Final[Mapping[int, Decoder]] = {
    0: loopback,
    layers.ETHERNET: _ETHERNET,
    8: slip,
    layers.FRAMED_PPP: framed_ppp,
    12: raw_ip,
    14: raw_ip,
    50: hdlc_ppp,
    51: pppoe,
    100: llc,
    layers.EITHER_IP: raw_ip,
    layers.CISCO_HDLC: cisco_hdlc,
    layers.WIFI: wifi,
    layers.FRAME_RELAY: frame_relay,
    108: loopback,
    113: cooked_v1,
    layers.RADIOTAP: radiotap,
    166: framed_ppp,
    192: ppi,
    204: partial(directed, layer=layers.FRAMED_PPP),
    205: partial(directed, layer=layers.CISCO_HDLC),
    206: partial(directed, layer=layers.FRAME_RELAY),
    228: _IPV4,
    229: _IPV6,
    239: nflog,
    276: cooked_v2,
}
"""By LINKTYPE_ number; raw IP is 12 and 14 in files whose writer confused it with a platform's DLT_."""

ETHERTYPES: Final[Mapping[int, Decoder]] = {
    0x0800: _IPV4,
    0x86DD: _IPV6,
    0x8100: vlan,
    0x88A8: vlan,
    0x9100: vlan,
    0x9200: vlan,
    0x8847: mpls,
    0x8848: mpls,
    0x8864: pppoe,
    TRANSPARENT_ETHERNET: transparent_ethernet,
    layers.LLC - ETHERTYPE: llc,
}

PPP_PROTOCOLS: Final[Mapping[int, Decoder]] = {
    0x0021: _IPV4,
    0x0057: _IPV6,
    0x0281: mpls,
    0x0283: mpls,
}

IPV4_PAYLOADS: Final[Mapping[int, Decoder]] = {
    TCP: partial(tcp, family=4),
    UDP: partial(udp, family=4),
    ICMP: partial(icmp, family=4),
    4: partial(carried, layer=layers.IPV4, name="ipip"),
    41: partial(carried, layer=layers.IPV6, name="6in4"),
    47: gre,
    50: encrypted,
    51: partial(authentication, base=layers.IPV4_PAYLOAD),
    97: ether_ip,
    137: partial(carried, layer=layers.MPLS, name="mpls"),
}

IPV6_PAYLOADS: Final[Mapping[int, Decoder]] = {
    TCP: partial(tcp, family=6),
    UDP: partial(udp, family=6),
    ICMPV6: partial(icmp, family=6),
    **dict.fromkeys(EXTENSIONS, extension),
    4: partial(carried, layer=layers.IPV4, name="4in6"),
    41: partial(carried, layer=layers.IPV6, name="6in6"),
    44: fragment,
    47: gre,
    50: encrypted,
    51: partial(authentication, base=layers.IPV6_PAYLOAD),
    97: ether_ip,
    137: partial(carried, layer=layers.MPLS, name="mpls"),
}

_UNNUMBERED: Final[Mapping[int, Decoder]] = {
    layers.SNAP: snap,
    layers.PADDED_WIFI: partial(wifi, alignment=4),
    layers.PPP: ppp,
    layers.ERSPAN_II: erspan_ii,
    layers.ERSPAN_III: erspan_iii,
    layers.NFLOG_LITTLE: partial(nflog_attribute, little=True),
    layers.NFLOG_BIG: partial(nflog_attribute, little=False),
    layers.VXLAN: vxlan,
    layers.GENEVE: geneve,
    layers.GTP_U: gtp_u,
    layers.GTP_U_EXTENSION: gtp_u_extension,
    layers.TEREDO: teredo,
    layers.TEREDO_ORIGIN: teredo_origin,
}


def _based(base: int, decoders: Mapping[int, Decoder]) -> dict[int, Decoder]:
    return {base + number: decoder for number, decoder in decoders.items()}


TABLE: Final = DecoderTable(
    {
        **_based(ETHERTYPE, ETHERTYPES),
        **LINKS,
        **_based(layers.PPP_PAYLOAD, PPP_PROTOCOLS),
        **_based(layers.IPV4_PAYLOAD, IPV4_PAYLOADS),
        **_based(layers.IPV6_PAYLOAD, IPV6_PAYLOADS),
        **_UNNUMBERED,
    }
)
"""Every header we read, by layer (see `layers`)."""
