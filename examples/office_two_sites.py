"""Two offices joined by a tunnel, with servers in one of them.

    shodohflo run eth1 eth2 --our-nets 10.20.0.0/16 --our-nets 10.30.0.0/16 --config office_two_sites.py

The question here is who uses which server, from which office. Some servers listen on high ports, where the lower port
is often the client's: those are named. Backups run all night between the same two hosts and are dropped.
"""

from shodohflo.pcap_config import (
    DST,
    OUR_4NETS,
    SRC,
    Assign,
    FlowMapping,
    LowerPort,
    NetworkEnumeration,
    PortMatch,
)

# The servers are part of Hamburg's network: they go first. `our_nets` comes last of ours and takes what is in neither
# office, which should be nothing; if `shodohflo flows` shows some of it, an address plan is out of date.
NETWORK_ENUMERATION = NetworkEnumeration(
    ("backup", "10.20.1.40/32", "10.30.1.40/32"),
    ("servers", "10.20.1.0/24"),
    ("hamburg", "10.20.0.0/16"),
    ("lisbon", "10.30.0.0/16"),
    ("our_nets", OUR_4NETS),
    ("internet", "0.0.0.0/0"),
)

# PostgreSQL poolers, a licence daemon and the tunnel itself.
high_ports = {34567, 50051, 51820}

FLOW_MAPPING = FlowMapping(
    # rsync and its SSH, between the backup hosts and nobody else.
    ("backup", "backup", Assign(SRC, DST, {22, 873}, drop=True)),
    ("backup", "backup", Assign(DST, SRC, {22, 873}, drop=True)),
    # Whoever talks to a server on one of its own ports is the client, whatever the other port is.
    (None, "servers", PortMatch(high_ports, DST)),
    ("servers", None, PortMatch(high_ports, SRC)),
    (None, "servers", LowerPort(DST)),
    ("servers", None, LowerPort(SRC)),
    # The offices: with each other, and with the world.
    (None, "hamburg", LowerPort(SRC)),
    ("hamburg", None, LowerPort(DST)),
    (None, "lisbon", LowerPort(SRC)),
    ("lisbon", None, LowerPort(DST)),
    # The backup hosts' other business, and addresses of ours that are in no office's plan.
    (None, "backup", LowerPort()),
    ("backup", None, LowerPort()),
    (None, "our_nets", LowerPort(SRC)),
    ("our_nets", None, LowerPort(DST)),
)

REDIS_SERVER = "valkey://10.20.1.10"

# Each office's plan holds all of our networks, so `our_nets` and its two rules are there in vain: as they should be.
ACCEPTED_FINDINGS = {
    "SHADOWED-PREFIX NETWORK_ENUMERATION[4]": "the offices are all we have; it waits for addresses in no plan",
    "DEAD-RULE FLOW_MAPPING[12]": "as above",
    "DEAD-RULE FLOW_MAPPING[13]": "as above",
}
