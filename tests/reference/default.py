"""The default rules, written out: traffic to or from our networks, with the service at the lower port."""

from shodohflo.pcap_config import DST, OUR_4NETS, OUR_6NETS, SRC, FlowMapping, LowerPort, NetworkEnumeration

NETWORK_ENUMERATION = NetworkEnumeration(("our_nets", OUR_4NETS, OUR_6NETS), ("all", "0.0.0.0/0", "::/0"))
FLOW_MAPPING = FlowMapping((None, "our_nets", LowerPort(SRC)), ("our_nets", None, LowerPort(DST)))
