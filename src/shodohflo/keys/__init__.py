"""The format of the store, shared by its writers and readers: key names, counts and `detail` fields.

`grammar` writes and parses key names, `counting` sums observations by key, `key_columns` does it in columns, `detail`
writes and reads the hash with the times, rule and agents of a flow, and `shapes` reads many such hashes fast;
`services` and `knocks` write and read the hashes of services and of attempts that led to nothing; `networks` and
`outcomes` write and read the fields of an agent's hash that readers need. `values` bounds what a reader takes, and
`naming` what a person may choose. Everything here is pure: this package must not know store clients, sockets, clocks or
configurations. Other programs depend on these names, so changing one breaks them.
"""

from shodohflo.keys.counting import counts
from shodohflo.keys.detail import FlowDetail, ProtocolSum
from shodohflo.keys.grammar import (
    AGENT,
    DETAIL,
    KNOCK,
    SERVICE,
    WRITER,
    detail_key,
    detail_name,
    from_key,
    key_pattern,
    to_key,
)
from shodohflo.keys.knocks import StoredKnock, knock_fields, knock_key, knock_origin
from shodohflo.keys.naming import agent_name
from shodohflo.keys.services import StoredService, service_end, service_fields, service_key
from shodohflo.keys.sightings import Sightings

__all__ = [
    "AGENT",
    "DETAIL",
    "KNOCK",
    "SERVICE",
    "WRITER",
    "FlowDetail",
    "ProtocolSum",
    "Sightings",
    "StoredKnock",
    "StoredService",
    "agent_name",
    "counts",
    "detail_key",
    "detail_name",
    "from_key",
    "key_pattern",
    "knock_fields",
    "knock_key",
    "knock_origin",
    "service_end",
    "service_fields",
    "service_key",
    "to_key",
]
