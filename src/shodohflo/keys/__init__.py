"""The format of the store, shared by its writers and readers: key names, counts and `detail` fields.

`grammar` writes and parses key names, `counting` sums observations by key, `detail` writes and reads the hash with the
times, rule and agents of a flow, and `networks` the names of networks in the hash of an agent. Everything here is pure:
this package must not know store clients, sockets, clocks or configurations. Other programs depend on these names, so
changing one breaks them.
"""

from shodohflo.keys.counting import counts
from shodohflo.keys.detail import Detail, FlowDetail, ProtocolSum, details
from shodohflo.keys.grammar import AGENT, DETAIL, WRITER, detail_key, from_key, key_pattern, to_key

__all__ = [
    "AGENT",
    "DETAIL",
    "WRITER",
    "Detail",
    "FlowDetail",
    "ProtocolSum",
    "counts",
    "detail_key",
    "details",
    "from_key",
    "key_pattern",
    "to_key",
]
