"""An action of one's own: a pool of servers shown as the one service that it is.

    shodohflo run eth0 --our-nets 10.1.0.0/16 --config own_action.py

Behind the load balancer the visitors' packets carry the address of whichever server took the connection. For the map
of who uses what, the pool is one service, under the address that people know.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address

from shodohflo.pcap_config import DST, OUR_4NETS, SRC, FlowMapping, LowerPort, MappingAction, NetworkEnumeration

Address = IPv4Address | IPv6Address


class Pool(MappingAction):
    """Names `service`, on `port`, in place of a server of the pool that listens on `member_port`."""

    def __init__(self, service: str, port: int, member_port: int) -> None:
        """Say what the pool is known as, and how its members are recognised."""
        self.service = ip_address(service)
        self.port = port
        self.member_port = member_port

    def match(
        self, src_addr: Address, src_port: int, dst_addr: Address, dst_port: int
    ) -> tuple[Address, Address, int] | None:
        """Answer (client, service, port); no opinion on what isn't the pool's own port."""
        if dst_port == self.member_port:
            return src_addr, self.service, self.port
        if src_port == self.member_port:
            return dst_addr, self.service, self.port
        return None


NETWORK_ENUMERATION = NetworkEnumeration(
    ("pool", "10.1.7.0/28"),
    ("our_nets", OUR_4NETS),
    ("internet", "0.0.0.0/0"),
)

shop = Pool("10.1.0.80", 443, member_port=8443)

FLOW_MAPPING = FlowMapping(
    (None, "pool", shop),
    ("pool", None, shop),
    # What else the members do, and everybody else.
    (None, "pool", LowerPort(SRC)),
    ("pool", None, LowerPort(DST)),
    (None, "our_nets", LowerPort(SRC)),
    ("our_nets", None, LowerPort(DST)),
)
