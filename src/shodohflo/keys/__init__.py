"""The vocabulary shared by whoever writes the store and whoever reads it: key names, counts and `detail` fields.

`grammar` writes and parses key names, `counting` sums observations by key, and `detail` defines the hash with the
times, rule and agents of a flow, in both directions. Everything here is pure: this package must not know of a store
client, a socket, a clock or a configuration. Other programs depend on these names, so changing one breaks them.
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
