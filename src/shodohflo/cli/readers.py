"""`shodohflo flows`, `peers`, `clients` and `recon`: what the stores hold, as tables and as JSON lines.

Readers only read the stores. They load no configuration, so they never run its code.
"""

from __future__ import annotations

import time
from typing import Any, Final

from shodohflo.cli.filters import listing, print_found, wanted
from shodohflo.cli.stores import opened
from shodohflo.query.reader import Reader
from shodohflo.report import listings

EXAMPLES: Final = {
    "flows": """\b
Examples:
  shodohflo flows                                    all flows, those with most packets first
  shodohflo flows --client 192.168.7.20 --sort age   what one desk does, the latest first
  shodohflo flows --port 22 --json                   for scripts: one JSON object a line
  shodohflo flows --store valkey://bert --store valkey://ernie
""",
    "peers": """\b
Examples:
  shodohflo peers --client 192.168.7.2               the peers of ernie, in either role
  shodohflo peers --service 203.0.113.0/24           everybody who talks to that network
""",
    "clients": """\b
Examples:
  shodohflo clients                                  all clients
  shodohflo clients --port 22                        the clients of ssh
""",
    "recon": """\b
Examples:
  shodohflo recon                                    all of them, the latest first
  shodohflo recon --client 192.168.7.0/24 --port 23  which of our hosts tried telnet
""",
}


@listing("flows", sort="packets", examples=EXAMPLES["flows"])
def flows(*, stores: tuple[str, ...], sort: str, as_json: bool, **filters: Any) -> int:  # noqa: ANN401 - for `filters.wanted`
    """List flows: which client uses which service."""
    reader = Reader(opened(stores))
    found = reader.flows(wanted(**filters), time.time())
    return print_found(reader, found, listings.FLOWS, sort, as_json=as_json)


@listing("peers", sort="packets", examples=EXAMPLES["peers"])
def peers(*, stores: tuple[str, ...], sort: str, as_json: bool, **filters: Any) -> int:  # noqa: ANN401 - for `filters.wanted`
    """List pairs of addresses that talk to each other.

    --client and --service name the two ends, in any order; with --port, only flows on that port count.
    """
    reader, chosen = Reader(opened(stores)), wanted(**filters)
    found = reader.peers_by_port(chosen, time.time()) if chosen.ports else reader.peers(chosen)
    return print_found(reader, found, listings.PEERS, sort, as_json=as_json)


@listing("clients", sort="packets", examples=EXAMPLES["clients"])
def clients(*, stores: tuple[str, ...], sort: str, as_json: bool, **filters: Any) -> int:  # noqa: ANN401 - for `filters.wanted`
    """List the clients of anything recorded.

    With --service or --port, only flows to that service or port count.
    """
    reader, chosen = Reader(opened(stores)), wanted(**filters)
    by_flows = chosen.ports or chosen.services
    found = reader.clients_by_flow(chosen, time.time()) if by_flows else reader.clients(chosen)
    return print_found(reader, found, listings.CLIENTS, sort, as_json=as_json)


@listing("recon", sort="age", examples=EXAMPLES["recon"])
def recon(*, stores: tuple[str, ...], sort: str, as_json: bool, **filters: Any) -> int:  # noqa: ANN401 - for `filters.wanted`
    """List resets and unreachables: attempts that failed.

    The client is the address that received the message; --service is the one that sent the reset, or could not be
    reached.
    """
    reader = Reader(opened(stores))
    found = reader.recon(wanted(**filters))
    return print_found(reader, found, listings.RECON, sort, as_json=as_json)
