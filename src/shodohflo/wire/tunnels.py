"""Tunnels over UDP: the names that the setting `TUNNELS` takes, and their well-known ports.

Their decoders are in `headers/udp_tunnels.py`. Any program may use these ports, so a packet inside a tunnel is counted
in addition to the packet that carries it, never instead of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shodohflo.wire.layers import GENEVE, GRE, GTP_U, L2TP_OVER_UDP, MPLS, TEREDO, VXLAN


@dataclass(frozen=True, slots=True)
class UdpTunnel:
    """A kind of tunnel: the layer of its header, and its well-known UDP ports."""

    layer: int
    ports: tuple[int, ...]
    answers: bool
    """Whether packets *from* the ports belong to the tunnel too; if not, only packets *to* them do."""
    words: str
    """A description of its payload, for the reference page."""


UDP_TUNNELS: Final = {
    "vxlan": UdpTunnel(
        VXLAN, (4789, 8472, 4790), answers=False, words="Ethernet frames (RFC 7348), with GPE also IP, NSH and MPLS"
    ),
    "geneve": UdpTunnel(
        GENEVE, (6081,), answers=False, words="anything with an EtherType, after any options (RFC 8926)"
    ),
    "gtpu": UdpTunnel(
        GTP_U,
        (2152,),
        answers=True,
        words="IP of mobile networks, after any extension headers (3GPP TS 29.281)",
    ),
    "teredo": UdpTunnel(TEREDO, (3544,), answers=True, words="IPv6, after authentication and origin (RFC 4380)"),
    "l2tp": UdpTunnel(L2TP_OVER_UDP, (1701,), answers=True, words="PPP (RFC 2661), or Ethernet (RFC 3931)"),
    "greudp": UdpTunnel(GRE, (4754,), answers=False, words="GRE (RFC 8086)"),
    "mplsudp": UdpTunnel(MPLS, (6635,), answers=False, words="MPLS (RFC 7510)"),
}
"""By name; ports as in the IANA "Service Name and Transport Protocol Port Number Registry".

Linux sends VXLAN to 8472 unless it is configured otherwise (drivers/net/vxlan, `dstport`).
"""
