"""The tunnels over UDP: the names that `TUNNELS` takes, and the ports they are known by; their decoders are elsewhere.

Any program may use these ports. Packets inside a tunnel are therefore counted beside the packet that carries them,
never instead of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shodohflo.wire.layers import GENEVE, GTP_U, TEREDO, VXLAN


@dataclass(frozen=True, slots=True)
class UdpTunnel:
    """A tunnel, the layer of its header, and the UDP ports it is known by."""

    layer: int
    ports: tuple[int, ...]
    answers: bool
    """Whether packets *from* the ports belong to the tunnel as well; otherwise only those *to* them."""
    words: str
    """What it carries, for the reference page."""


UDP_TUNNELS: Final = {
    "vxlan": UdpTunnel(VXLAN, (4789, 8472), answers=False, words="Ethernet frames (RFC 7348)"),
    "geneve": UdpTunnel(
        GENEVE, (6081,), answers=False, words="anything with an EtherType, behind any options (RFC 8926)"
    ),
    "gtpu": UdpTunnel(
        GTP_U,
        (2152,),
        answers=True,
        words="IP of mobile networks, behind any extension headers (3GPP TS 29.281)",
    ),
    "teredo": UdpTunnel(TEREDO, (3544,), answers=True, words="IPv6, behind authentication and origin (RFC 4380)"),
}
"""By name; ports as in the IANA "Service Name and Transport Protocol Port Number Registry".

Linux sends VXLAN to 8472 unless it is configured otherwise (drivers/net/vxlan, `dstport`).
"""
