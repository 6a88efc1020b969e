"""The reference configuration `any`: one network with all addresses, one rule, nothing suppressed."""

from shodohflo.pcap_config import FlowMapping, LowerPort, NetworkEnumeration

NETWORK_ENUMERATION = NetworkEnumeration(("all", "0.0.0.0/0", "::/0"))
FLOW_MAPPING = FlowMapping((None, None, LowerPort()))
SUPPRESS_OWN_NETWORK = False
