"""The table of every header we read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from shodohflo.frames import ETHERTYPE
from shodohflo.model import ICMP, ICMPV6, TCP, UDP
from shodohflo.wire import layers
from shodohflo.wire.cooked import cooked_v1, cooked_v2
from shodohflo.wire.ethernet import ethernet, llc, vlan
from shodohflo.wire.frame_relay import frame_relay
from shodohflo.wire.gre import TRANSPARENT_ETHERNET, gre, transparent_ethernet
from shodohflo.wire.hdlc import cisco_hdlc
from shodohflo.wire.icmp import icmp
from shodohflo.wire.ip_in_ip import carried, ether_ip
from shodohflo.wire.ipv4 import ipv4
from shodohflo.wire.ipv6 import EXTENSIONS, authentication, encrypted, extension, fragment, ipv6
from shodohflo.wire.loopback import loopback
from shodohflo.wire.mpls import mpls
from shodohflo.wire.nflog import nflog, nflog_attribute
from shodohflo.wire.ppp import directed_ppp, framed_ppp, ppp, pppoe
from shodohflo.wire.raw_ip import raw_ip
from shodohflo.wire.slip import slip
from shodohflo.wire.table import Table
from shodohflo.wire.tcp import tcp
from shodohflo.wire.udp import udp
from shodohflo.wire.udp_tunnels import geneve, gtp_u, gtp_u_extension, teredo, teredo_origin, vxlan
from shodohflo.wire.wifi import ppi, radiotap, wifi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shodohflo.wire.work import Decoder

LINKS: Final[Mapping[int, Decoder]] = {
    0: loopback,
    layers.ETHERNET: ethernet,
    8: slip,
    9: framed_ppp,
    12: raw_ip,
    14: raw_ip,
    50: framed_ppp,
    51: pppoe,
    layers.EITHER_IP: raw_ip,
    104: cisco_hdlc,
    layers.WIFI: wifi,
    107: frame_relay,
    108: loopback,
    113: cooked_v1,
    127: radiotap,
    166: directed_ppp,
    192: ppi,
    204: directed_ppp,
    228: ipv4,
    229: ipv6,
    239: nflog,
    276: cooked_v2,
}
"""By LINKTYPE_ number; raw IP is 12 and 14 in files whose writer confused it with a platform's DLT_."""

_ETHERTYPES: Final[Mapping[int, Decoder]] = {
    0x0004: llc,
    0x0800: ipv4,
    TRANSPARENT_ETHERNET: transparent_ethernet,
    0x8100: vlan,
    0x86DD: ipv6,
    0x8847: mpls,
    0x8848: mpls,
    0x8864: pppoe,
    0x88A8: vlan,
    0x9100: vlan,
}

_PPP_PROTOCOLS: Final[Mapping[int, Decoder]] = {
    0x0021: ipv4,
    0x0057: ipv6,
    0x0281: mpls,
    0x0283: mpls,
}

_IPV4_PAYLOADS: Final[Mapping[int, Decoder]] = {
    ICMP: partial(icmp, family=4),
    4: partial(carried, layer=layers.IPV4, name="ipip"),
    TCP: partial(tcp, family=4),
    UDP: partial(udp, family=4),
    41: partial(carried, layer=layers.IPV6, name="6in4"),
    47: gre,
    50: encrypted,
    51: partial(authentication, base=layers.IPV4_PAYLOAD),
    97: ether_ip,
    137: partial(carried, layer=layers.MPLS, name="mpls"),
}

_IPV6_PAYLOADS: Final[Mapping[int, Decoder]] = {
    **dict.fromkeys(EXTENSIONS, extension),
    4: partial(carried, layer=layers.IPV4, name="4in6"),
    TCP: partial(tcp, family=6),
    UDP: partial(udp, family=6),
    41: partial(carried, layer=layers.IPV6, name="6in6"),
    44: fragment,
    47: gre,
    50: encrypted,
    51: partial(authentication, base=layers.IPV6_PAYLOAD),
    ICMPV6: partial(icmp, family=6),
    97: ether_ip,
    137: partial(carried, layer=layers.MPLS, name="mpls"),
}

_UNNUMBERED: Final[Mapping[int, Decoder]] = {
    layers.PPP: ppp,
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


TABLE: Final = Table(
    {
        **_based(ETHERTYPE, _ETHERTYPES),
        **LINKS,
        **_based(layers.PPP_PAYLOAD, _PPP_PROTOCOLS),
        **_based(layers.IPV4_PAYLOAD, _IPV4_PAYLOADS),
        **_based(layers.IPV6_PAYLOAD, _IPV6_PAYLOADS),
        **_UNNUMBERED,
    }
)
"""Every header we read, by layer (see `layers`)."""
