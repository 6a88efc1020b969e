"""Both families side by side: a network with servers, daily changing clients, and a translator.

    shodohflo run eth0 --our-nets 192.0.2.0/24 --our-nets 2001:db8:40::/44 --config ipv6.py

An IPv4 and an IPv6 prefix may stand in the same entry, so a rule is written once. An address of a family that no entry
names is in no network, and its packets are unmatched: the usual way to lose sight of IPv6.
"""

from shodohflo.pcap_config import (
    DST,
    OUR_4NETS,
    OUR_6NETS,
    SRC,
    Assign,
    FlowMapping,
    LowerPort,
    NetworkEnumeration,
)

NETWORK_ENUMERATION = NetworkEnumeration(
    # Machines that serve; their addresses are fixed, those of the clients change every day (RFC 8981).
    ("servers", "192.0.2.16/28", "2001:db8:40:1::/64"),
    ("ours", OUR_4NETS, OUR_6NETS),
    # Hosts without IPv4 reach the old world through the translator: the last 32 bits are the IPv4 address (RFC 6052).
    ("translated", "64:ff9b::/96"),
    # Neighbours on the link, and groups: no business of a map of services, but named, so that they are matched.
    ("link", "169.254.0.0/16", "fe80::/10"),
    ("groups", "224.0.0.0/4", "ff00::/8"),
    ("internet", "0.0.0.0/0", "::/0"),
)

FLOW_MAPPING = FlowMapping(
    # Time from the link's router, and mDNS.
    ("link", "groups", Assign(SRC, DST, {123, 5353}, drop=True)),
    ("ours", "groups", Assign(SRC, DST, {5353}, drop=True)),
    # Who uses our servers: the web is counted by its own logs.
    ("internet", "servers", Assign(SRC, DST, {80, 443}, drop=True)),
    (None, "servers", LowerPort(DST)),
    ("servers", None, LowerPort(SRC)),
    # Through the translator the service is on the other side, whatever the ports.
    ("ours", "translated", Assign(SRC, DST)),
    ("translated", "ours", Assign(DST, SRC)),
    (None, "ours", LowerPort(SRC)),
    ("ours", None, LowerPort(DST)),
)
