"""What holds when a configuration defines neither networks nor rules.

All flows to or from our networks are recorded, and the lower port names the service.
"""

from __future__ import annotations

from shodohflo.model import DST, SRC
from shodohflo.rules.actions import LowerPort
from shodohflo.rules.mapping import FlowMapping
from shodohflo.rules.networks import OUR_4NETS, OUR_6NETS, NetworkEnumeration


def default_enumeration() -> NetworkEnumeration:
    """Return our networks, and all else."""
    return NetworkEnumeration(("our_nets", OUR_4NETS, OUR_6NETS), ("all", "0.0.0.0/0", "::/0"))


def default_mapping() -> FlowMapping:
    """Return rules for what our networks receive and send, numbered by the default enumeration."""
    rules = FlowMapping((None, "our_nets", LowerPort(SRC)), ("our_nets", None, LowerPort(DST)))
    return rules.number_networks(default_enumeration())
