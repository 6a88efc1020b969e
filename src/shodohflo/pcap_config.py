"""The language of networks and rules: the names that a configuration file of the agent imports.

A configuration is a Python file. It defines NETWORK_ENUMERATION, the networks by name, and FLOW_MAPPING, the rules
that decide for each packet which end is the client and which is the service:

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

If the agent is started with our networks = 192.168.0.0/16, packets are recorded as follows. A flow is written
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

The third from the end is not dropped although its source port is 53: ernie comes before external, so its address is
not in external. The last is in no network because this configuration has no IPv6 prefix; add '::/0' beside '0.0.0.0/0'.

ORDER MATTERS, TWICE. An address belongs to the first entry that contains it, so a host goes before the network around
it. If the agent above were started for 10.0.0.0/8, our_nets would come first and contain bert and ernie: the last
four rules could never match, and the packets that they drop would be recorded. And the first rule that has an opinion
decides, so an exception goes before the general case. Rules are numbered from 0, in logs and everywhere else.

THE ACTIONS

    LowerPort(precedence=SRC)
        The end with the lower port is the service; with equal ports, the preferred end is.
    PortMatch(set_of_ports, precedence=SRC, drop=False)
        The end whose port is in the set is the service; if both are, the preferred end is.
    Assign(client_from, port_from, set_of_ports=None, drop=False)
        The end client_from is the client, the other is the service, and the port of interest is that of port_from.
        With a set, it has an opinion only if that port is in the set.
    Observed(otherwise=LowerPort(SRC))
        The end that evidence names is the service; where there is none, the action `otherwise` decides. See below.
    MappingAction()
        Never has an opinion; the base class for your own.

SRC and DST (or SOURCE and DESTINATION) are the ends of a packet. A set contains ports from 1 to 65535. If an action has
no opinion on a packet, the next rule is tried. With drop=True, a packet on which the action has an opinion is dropped.
Port 0 does occur; only LowerPort, Assign without a set, and Observed with either have an opinion on it.

Resets to our networks, and ICMP unreachables to them, are recorded regardless of the rules.

EVIDENCE BEFORE PORTS

The lower port is a guess. Where a service has a higher port than its clients, LowerPort turns each connection round,
and makes a service of every client's port. Observed decides by what was seen of the two ends, and guesses only where
nothing was:

    from shodohflo.pcap_config import NetworkEnumeration, FlowMapping, OUR_4NETS, SRC, DST
    from shodohflo.pcap_config import LowerPort, Observed, PortMatch

    NETWORK_ENUMERATION = NetworkEnumeration(("our_nets", OUR_4NETS), ("all", "0.0.0.0/0"))
    FLOW_MAPPING = FlowMapping(
        (None, "our_nets", PortMatch({20, 21}, SRC)),  # FLOW_MAPPING[0]
        ("our_nets", None, PortMatch({20, 21}, DST)),  # FLOW_MAPPING[1]
        (None, "our_nets", Observed(otherwise=LowerPort(SRC))),  # FLOW_MAPPING[2]
        ("our_nets", None, Observed(otherwise=LowerPort(DST))),  # FLOW_MAPPING[3]
    )

What counts as evidence, the strongest first, in the words of `flows` and `explain --key`. Own socket: the kernel of the
agent's host says that the socket of the local end listens, or is a client's. Group: the other end is a multicast group
or a broadcast address (UDP). Handshake: the SYN-ACK or the SYN of this connection (TCP). Bits: the datagrams between
these ends say request or response (UDP). Known: one end was a service, or a client, in other flows that showed it.
Churn: one address used several of its ports with this end, in conversations seen both ways (TCP). Listed: one port, and
only one, is in the list of ports of services. Claimed: as known, by flows of which one direction was seen. Roles: one
address was only ever a client, or only ever a service. One-way churn: as churn, where one direction was seen (TCP).
Without any of these, `otherwise` decides, and the flow is marked `guessed`, or `rule` if `otherwise` is an Assign
without a set of ports or an action of your own. Evidence down to known that comes later corrects what weaker evidence,
or a guess, has recorded.

With the rules above, a service on port 54321 of 192.168.1.5 is recorded as follows. LowerPort would have recorded what
is in the last column:

    received                                            recorded                        by LowerPort
    --------------------------------------------------  ------------------------------  ------------------------------
    198.51.100.9:40000 > 192.168.1.5:54321 tcp syn      nothing, but it is evidence     nothing
    192.168.1.5:54321 > 198.51.100.9:40000 tcp syn ack  nothing, but it is evidence     nothing
    198.51.100.9:40000 > 192.168.1.5:54321 tcp ack      198.51.100.9;192.168.1.5;54321  192.168.1.5;198.51.100.9;40000
    198.51.100.9:40007 > 192.168.1.5:54321 tcp ack      198.51.100.9;192.168.1.5;54321  192.168.1.5;198.51.100.9;40007

The third is decided by its handshake. The opening of the fourth was not received, but its service is known by then.

YOUR RULES STAND ABOVE EVIDENCE IF THEY COME FIRST. A rule before Observed that has an opinion decides, whatever was
seen. So a rule that drops goes before Observed; behind it, it drops only what there is no evidence for. The action
`otherwise` must not drop. In the same way, the first two rules above keep active FTP on its ports. Its server opens a
connection for each transfer, from port 20 to a new port of the client, so by its handshake the client's end is the
service: without these rules, each transfer has a key of its own, server;client;new port.

Where there is no evidence and `otherwise` has no opinion, the next rule is tried, as with any other action.

YOUR OWN ACTIONS

A rule takes any object with a method `match`. This one makes the end that talks to port 53 the client, and has no
opinion on other packets:

    from shodohflo.pcap_config import MappingAction

    class Resolver(MappingAction):
        def match(self, src_addr, src_port, dst_addr, dst_port):
            if dst_port == 53:
                return src_addr, dst_addr, 53
            if src_port == 53:
                return dst_addr, src_addr, 53
            return None

It returns (client, service, port), with any addresses; or (None, None, None) to drop the packet; or None for no
opinion. It is called once for each distinct (addresses, ports) of a batch of packets. An exception or a malformed
answer is treated as no opinion, counted by rule, and logged once a minute.

THE DEFAULTS

A file that defines neither records all flows to or from our networks, by lower port. One without the other is an error.
The defaults are:

    from shodohflo.pcap_config import NetworkEnumeration, FlowMapping, OUR_4NETS, OUR_6NETS, SRC, DST, LowerPort

    NETWORK_ENUMERATION = NetworkEnumeration(("our_nets", OUR_4NETS, OUR_6NETS), ("all", "0.0.0.0/0", "::/0"))
    FLOW_MAPPING = FlowMapping((None, "our_nets", LowerPort(SRC)), ("our_nets", None, LowerPort(DST)))

OUR_4NETS and OUR_6NETS stand for the prefixes that the agent is started with: those of --our-nets, or those derived
from the addresses of its interfaces. To try rules by hand:

    update_our_nets("192.168.0.0/16")
    FLOW_MAPPING.number_networks(NETWORK_ENUMERATION)
    FLOW_MAPPING.match(ip_address("192.168.1.5"), 40000, ip_address("198.51.100.9"), 443)
"""

from __future__ import annotations

from shodohflo.model import DST, SRC
from shodohflo.rules.actions import DESTINATION, SOURCE, Assign, LowerPort, MappingAction, Observed, PortMatch
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
    "Observed",
    "PortMatch",
    "update_our_nets",
]
