"""What a reader may ask: flows, peers, clients, reconnaissance and agents, of one store or of several as if one.

Every reader of ours asks here, and none of them writes. Times are seconds since 1970; `now` is an argument.
"""

from shodohflo.keys import ProtocolSum
from shodohflo.query.filters import Filter, Network
from shodohflo.query.reader import Found, Reader
from shodohflo.query.rows import AgentRow, ClientRow, FlowRow, KeyRow, PeerRow, ReconRow

__all__ = [
    "AgentRow",
    "ClientRow",
    "Filter",
    "FlowRow",
    "Found",
    "KeyRow",
    "Network",
    "PeerRow",
    "ProtocolSum",
    "Reader",
    "ReconRow",
]
