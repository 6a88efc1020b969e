"""What a configuration of the agent can say about networks and rules.

A configuration is a Python file. It defines NETWORK_ENUMERATION, the networks by name, and FLOW_MAPPING, the rules
that say of each packet which end is the client and which the service:

    from shodohflo.pcap_config import NetworkEnumeration, FlowMapping, OUR_4NETS, SRC, DST, Assign, LowerPort

    NETWORK_ENUMERATION = NetworkEnumeration(
        ("our_nets", OUR_4NETS),
        ("bert", "10.0.0.1/32"),
        ("ernie", "10.0.0.2/32"),
        ("external", "0.0.0.0/0"),
    )
    FLOW_MAPPING = FlowMapping(
        (None, "our_nets", LowerPort(SRC)),  # FLOW_MAPPING[0]
        ("our_nets", None, LowerPort(DST)),  # FLOW_MAPPING[1]
        ("external", "bert", Assign(DST, SRC, {53}, drop=True)),  # FLOW_MAPPING[2]
        ("external", "bert", Assign(SRC, DST, {80, 443}, drop=True)),  # FLOW_MAPPING[3]
        (None, "bert", LowerPort()),  # FLOW_MAPPING[4]
        (None, "ernie", LowerPort()),  # FLOW_MAPPING[5]
    )

With the agent started for our networks = 192.168.0.0/16, this is what becomes of packets. A flow is written
client;service;port, as in the store:

    received                                            recorded
    --------------------------------------------------  -------------------------------------------------
    198.51.100.9:53 > 10.0.0.1:40000                    dropped by FLOW_MAPPING[2]
    198.51.100.9:40000 > 10.0.0.1:443                   dropped by FLOW_MAPPING[3]
    198.51.100.9:40000 > 10.0.0.1:22                    198.51.100.9;10.0.0.1;22 by FLOW_MAPPING[4]
    192.168.1.5:40000 > 198.51.100.9:443                192.168.1.5;198.51.100.9;443 by FLOW_MAPPING[1]
    198.51.100.9:443 > 192.168.1.5:40000                192.168.1.5;198.51.100.9;443 by FLOW_MAPPING[0]
    192.168.1.5:40000 > 192.168.1.6:22                  192.168.1.5;192.168.1.6;22 by FLOW_MAPPING[0]
    10.0.0.2:53 > 10.0.0.1:40000                        10.0.0.1;10.0.0.2;53 by FLOW_MAPPING[4]
    198.51.100.9:40000 > 203.0.113.7:80                 nothing: no rule
    [2001:db8::1]:40000 > [2001:db8::2]:80              nothing: no network

The last but two is not dropped although its source port is 53: ernie stands before external, so it is not external.
The last is in no network because this configuration names no IPv6 prefix; '::/0' beside '0.0.0.0/0' would do.

ORDER MATTERS, TWICE. An address belongs to the first entry that holds it, so a host goes before the network around
it. If the agent above were started for 10.0.0.0/8, our_nets would come first and swallow bert and ernie: the last
four rules could never match, and both kinds of noise would be recorded. And the first rule that has an opinion
decides, so an exception goes before the general case. Rules are numbered from 0, in logs and everywhere.

THE ACTIONS

    LowerPort(precedence=SRC)
        The end with the lower port is the service; with equal ports, the preferred end is.
    PortMatch(set_of_ports, precedence=SRC, drop=False)
        The end whose port is in the set is the service; if both are, the preferred end is.
    Assign(client_from, port_from, set_of_ports=None, drop=False)
        The named end is the client, the other the service; the port of interest is that of port_from. With a set,
        only if that port is in it.
    MappingAction()
        Never has an opinion; the base class for your own.

SRC and DST (or SOURCE and DESTINATION) are the ends of a packet. Ports are 1 to 65535. A packet for which an action
has no opinion goes on to the next rule; with drop=True, one for which it has is dropped. Port 0 does occur, and only
LowerPort, or Assign without a set, has an opinion on it.

Resets to our networks, and ICMP that tells them that something is unreachable, are recorded whatever the rules say.

YOUR OWN ACTIONS

A rule takes anything with a method `match`. This one calls our side of the resolver's traffic the client, whatever
the ports, and has no opinion on the rest:

    from shodohflo.pcap_config import MappingAction

    class Resolver(MappingAction):
        def match(self, src_addr, src_port, dst_addr, dst_port):
            if dst_port == 53:
                return src_addr, dst_addr, 53
            if src_port == 53:
                return dst_addr, src_addr, 53
            return None

The answer is (client, service, port), where any addresses may stand; or (None, None, None) to drop the packet; or
None for no opinion. It is asked once for each distinct (addresses, ports) of a batch of packets. An exception or any
other answer counts as no opinion; they are counted by rule, and logged once a minute.

WITHOUT ANY

A file that defines neither has all flows to or from our networks, by lower port (one without the other is an error):

    from shodohflo.pcap_config import NetworkEnumeration, FlowMapping, OUR_4NETS, OUR_6NETS, SRC, DST, LowerPort

    NETWORK_ENUMERATION = NetworkEnumeration(("our_nets", OUR_4NETS, OUR_6NETS), ("all", "0.0.0.0/0", "::/0"))
    FLOW_MAPPING = FlowMapping((None, "our_nets", LowerPort(SRC)), ("our_nets", None, LowerPort(DST)))

OUR_4NETS and OUR_6NETS stand for the prefixes that the agent is started with, by --our-nets or from the addresses of
its interfaces. To try rules by hand:

    update_our_nets("192.168.0.0/16")
    FLOW_MAPPING.number_networks(NETWORK_ENUMERATION)
    FLOW_MAPPING.match(ip_address("192.168.1.5"), 40000, ip_address("198.51.100.9"), 443)
"""

from __future__ import annotations

from shodohflo.model import DST, SRC
from shodohflo.rules.actions import DESTINATION, SOURCE, Assign, LowerPort, MappingAction, PortMatch
from shodohflo.rules.mapping import FlowMapping
from shodohflo.rules.networks import OUR_4NETS, OUR_6NETS, NetworkEnumeration, update_our_nets

__all__ = [
    "DESTINATION",
    "DST",
    "OUR_4NETS",
    "OUR_6NETS",
    "SOURCE",
    "SRC",
    "Assign",
    "FlowMapping",
    "LowerPort",
    "MappingAction",
    "NetworkEnumeration",
    "PortMatch",
    "update_our_nets",
]
