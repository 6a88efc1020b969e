"""A home, or a small office: one router, one network, and what is behind it.

    shodohflo run eth0 --our-nets 192.168.1.0/24 --our-nets fd5a:1f2e:9c44:1::/64 --config home.py

Recorded is what our devices talk to in the world and with each other. Left out is what would fill half of the
table and says nothing: devices that call into the room, and everybody asking the router for names.
"""

from shodohflo.pcap_config import DST, OUR_4NETS, OUR_6NETS, SRC, Assign, FlowMapping, LowerPort, NetworkEnumeration

# An address belongs to the first entry that holds it, so the router goes before the network that it is part of.
NETWORK_ENUMERATION = NetworkEnumeration(
    ("router", "192.168.1.1/32", "fd5a:1f2e:9c44:1::1/128"),
    ("ours", OUR_4NETS, OUR_6NETS),
    ("multicast", "224.0.0.0/4", "ff00::/8", "255.255.255.255/32"),
    ("internet", "0.0.0.0/0", "::/0"),
)

# SSDP, WS-Discovery, mDNS, LLMNR and NetBIOS names: devices looking for each other.
discovery = {1900, 3702, 5353, 5355, 137, 138}

# Rules are tried in order and the first opinion decides, so what is dropped goes before what is recorded.
FLOW_MAPPING = FlowMapping(
    ("ours", "multicast", Assign(SRC, DST, discovery, drop=True)),
    # Names: the router logs them. Only between it and our own devices, so nothing from outside can hide behind port 53.
    ("ours", "router", Assign(SRC, DST, {53}, drop=True)),
    ("router", "ours", Assign(DST, SRC, {53}, drop=True)),
    # Everything else of ours; with equal ports the other end is taken for the service.
    (None, "ours", LowerPort(SRC)),
    ("ours", None, LowerPort(DST)),
    # The router's own talk with the world: updates, time, and whoever knocks at it.
    (None, "router", LowerPort()),
    ("router", None, LowerPort()),
)

# A television reports home every few seconds. It still shows among the peers and the clients.
IGNORE_FLOW = {("203.0.113.80", 443)}

TTL_GRACE = 1800  # seconds; a phone in a pocket is quiet for a while
