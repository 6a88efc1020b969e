"""The reasons to refuse a packet: it cannot be decoded, or is of a kind that is not recorded."""

from __future__ import annotations

from shodohflo.model import Explained


class Refusal(Explained):
    """The reasons, named as they appear after `refused.` in the ledger."""

    LINK_TYPE = "link_type", "a link type without a decoder; its name follows, as in `link_type[VSOCK]`"
    FRAME_CHECK = "frame_check", "the frame failed its check when it was received: some of its bits are wrong"
    LINK_CUT = "link_cut", "the frame ends inside its link header"
    NOT_IP = "not_ip", "the frame carries neither IPv4 nor IPv6: ARP, LLDP, spanning tree and the like"
    ENCRYPTED = "encrypted", "ESP, a protected Wi-Fi frame, or MACsec with encryption: the payload cannot be decoded"
    AGGREGATED = "aggregated", "a Wi-Fi frame that aggregates several packets (A-MSDU)"
    TUNNEL_CUT = "tunnel_cut", "the packet ends inside a tunnel's header"
    IP_CUT = "ip_cut", "the captured bytes end inside the IP header"
    IP_VERSION = "ip_version", "the version in the IP header contradicts the header before it"
    IP_HEADER_LENGTH = "ip_header_length", "the IPv4 header length is below the minimum of 20 bytes"
    IP_LENGTH = "ip_length", "the IPv4 total length is below the header length"
    LATER_FRAGMENT = "later_fragment", "a fragment other than the first: it has no ports"
    EXTENSION_CUT = "extension_cut", "the packet ends inside an IPv6 extension or authentication header"
    PROTOCOL = "protocol", "neither TCP, UDP, ICMP nor ICMPv6"
    TOO_DEEP = "too_deep", "more nested headers than are decoded"
    TCP_CUT = "tcp_cut", "fewer than the first 14 bytes of TCP were captured: no ports or no flags"
    TCP_DATA_OFFSET = "tcp_data_offset", "the TCP header length is below the minimum of 20 bytes"
    TCP_LENGTH = "tcp_length", "the TCP header is longer than the IP payload"
    UDP_CUT = "udp_cut", "fewer than the first 4 bytes of UDP were captured: no ports"
    UDP_LENGTH = "udp_length", "the UDP length contradicts the header or the IP length"
    ICMP_CUT = "icmp_cut", "the packet ends before the ICMP type and code"
    QUOTE_CUT = "quote_cut", "an unreachable quotes too little of our packet: its ports are missing"
    QUOTE_FRAGMENT = "quote_fragment", "an unreachable quotes a later fragment: it has no ports"
    QUOTE_MALFORMED = "quote_malformed", "an unreachable quotes something that is not an IP packet"
