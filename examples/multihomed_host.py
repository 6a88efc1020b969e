"""A host with a leg in each world: an internal interface, and one with a public address.

    shodohflo run --our-nets 192.168.0.0/16 --config multihomed_host.py

The notes' `bert`, with the afterthoughts written down. It runs a resolver and a public web site, both of which keep
logs of their own. What we want to see is what else reaches for the public address, and all that our hosts do.
Our networks are only the internal ones: the public address must stay outside them, or the first entry swallows it.
"""

from shodohflo.pcap_config import DST, OUR_4NETS, SRC, Assign, FlowMapping, LowerPort, NetworkEnumeration

NETWORK_ENUMERATION = NetworkEnumeration(
    ("our_nets", OUR_4NETS),
    ("public", "203.0.113.10/32"),
    # The resolver asks these and nobody else. That makes its answers recognisable by where they come from: a rule that
    # dropped everything *from port 53* would hide whoever sends from that port on purpose.
    ("forwarders", "198.51.100.53/32", "198.51.100.54/32"),
    ("internet", "0.0.0.0/0"),
)

FLOW_MAPPING = FlowMapping(
    (None, "our_nets", LowerPort(SRC)),
    ("our_nets", None, LowerPort(DST)),
    # Only received packets are seen: answers to the resolver come in, its questions do not.
    ("forwarders", "public", Assign(DST, SRC, {53}, drop=True)),
    # Visitors of the web site; anything else sent to the public address is recorded by the rule after it.
    ("internet", "public", Assign(SRC, DST, {80, 443}, drop=True)),
    (None, "public", LowerPort()),
)

# Traffic between two of our own hosts is switched elsewhere; what passes here is broadcast, mostly.
SUPPRESS_OWN_NETWORK = True
