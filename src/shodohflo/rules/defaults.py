"""The networks and rules of a configuration that defines none.

All flows to or from our networks are recorded; the lower port names the service.
"""

from __future__ import annotations

from shodohflo.model import DST, SRC
from shodohflo.rules.actions import LowerPort
from shodohflo.rules.mapping import FlowMapping
from shodohflo.rules.networks import OUR_4NETS, OUR_6NETS, NetworkEnumeration


def default_enumeration() -> NetworkEnumeration:
    """Return two networks: ours, and everything else."""
    return NetworkEnumeration(("our_nets", OUR_4NETS, OUR_6NETS), ("all", "0.0.0.0/0", "::/0"))


def default_mapping() -> FlowMapping:
    """Return rules for traffic to and from our networks, numbered by the default enumeration."""
    rules = FlowMapping((None, "our_nets", LowerPort(SRC)), ("our_nets", None, LowerPort(DST)))
    return rules.number_networks(default_enumeration())
