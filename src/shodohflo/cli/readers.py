"""`shodohflo flows`, `peers`, `clients` and `recon`: what the stores hold, as tables, as JSON lines and as CSV.

Readers only read the stores. They load no configuration, so they never run its code.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import click

from shodohflo.attribution.ledger import Outcome
from shodohflo.cli import options
from shodohflo.cli.filters import ENDS, OF_FLOWS, OF_RECON, SINCE, filtered
from shodohflo.cli.layout import laid_out
from shodohflo.cli.stores import opened, report_failures
from shodohflo.model import ClientKey, FlowKey, PeerKey, ResetKey, UnreachableKey
from shodohflo.process.collector import paused_collector
from shodohflo.query.networks import NetworkDirectory
from shodohflo.query.reader import Reader
from shodohflo.query.rows import KeyRow
from shodohflo.report import listings
from shodohflo.report.absence import Looked, why_no_rows
from shodohflo.report.listings import Form
from shodohflo.report.numbers import counted

if TYPE_CHECKING:
    from shodohflo.cli.filters import AskedFor
    from shodohflo.cli.layout import Layout
    from shodohflo.query.reader import Found
    from shodohflo.report.listings import Listing

AnyRow = TypeVar("AnyRow", bound=KeyRow)

EXAMPLES: Final = {
    "flows": """\b
Examples:
  shodohflo flows                                    all flows, those with most packets first
  shodohflo flows --client 192.168.7.20 --sort age   what one desk does, the latest first
  shodohflo flows --client ernie --not-port ssh,53   by the name of a network in the agent's configuration
  shodohflo flows --since 10m --sort bytes -n 20     the largest of the last ten minutes
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
  shodohflo clients --port ssh,8000-8100             the clients of these ports
""",
    "recon": """\b
Examples:
  shodohflo recon                                    all of them, the latest first
  shodohflo recon --client 192.168.7.0/24 --port 23  which of our hosts tried telnet
""",
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a command lists: its keys, and the outcomes of packets that make them."""

    keys: tuple[type, ...]
    outcomes: tuple[Outcome, ...]


_FLOWS: Final = _Kind((FlowKey,), (Outcome.FLOW,))
_PEERS: Final = _Kind((PeerKey,), (Outcome.FLOW, Outcome.FLOW_IGNORED))
_RECON: Final = _Kind((ResetKey, UnreachableKey), (Outcome.RESET, Outcome.UNREACHABLE))
_CLIENTS: Final = _Kind((ClientKey,), (*_PEERS.outcomes, *_RECON.outcomes))


class Asking:
    """One command that asks the stores."""

    def __init__(self, stores: tuple[str, ...], asked: AskedFor) -> None:
        """Ask `stores` for what the filter options say."""
        self.now = time.time()
        self.reader = Reader(opened(stores))
        self.wanted = asked.to_filter(self._directory, self.now)

    def _directory(self) -> NetworkDirectory:
        return NetworkDirectory.of(self.reader.agents())

    def answer(self, found: Found[AnyRow], listing: Listing[AnyRow], layout: Layout, kind: _Kind) -> int:
        """Print what was found, and on standard error what is missing and why; return the exit status."""
        layout.print(listing, found.rows)
        if found.foreign:
            verb = (
                "looks like ours but is not; it was" if found.foreign == 1 else "look like ours but are not; they were"
            )
            click.echo(f"{counted(found.foreign, 'key')} {verb} left out", err=True)
        if found.damaged:
            verb = "has" if found.damaged == 1 else "have"
            flows = f"{counted(found.damaged, 'flow')} {verb} malformed or oversized details"
            click.echo(f"{flows} in the store; these were left out", err=True)
        if not found.rows and layout.form is Form.TABLE:
            looked = Looked(
                listing.nouns,
                kind.outcomes,
                filtered=not self.wanted.is_empty,
                needs_lifetime=self.wanted.within is not None and kind is not _FLOWS,
            )
            for reason in why_no_rows(looked, self.reader.contents(kind.keys), self.reader.agents()):
                click.echo(reason, err=True)
        return report_failures(self.reader)


@click.command("flows", epilog=EXAMPLES["flows"])
@filtered(ENDS, OF_FLOWS, SINCE)
@laid_out(listings.FLOWS, sort="packets")
@options.stores
@paused_collector()
def flows(*, stores: tuple[str, ...], asked: AskedFor, layout: Layout) -> int:
    """List flows: which client uses which service."""
    asking = Asking(stores, asked)
    return asking.answer(asking.reader.flows(asking.wanted, asking.now), listings.FLOWS, layout, _FLOWS)


@click.command("peers", epilog=EXAMPLES["peers"])
@filtered(ENDS, OF_FLOWS, SINCE)
@laid_out(listings.PEERS, sort="packets")
@options.stores
@paused_collector()
def peers(*, stores: tuple[str, ...], asked: AskedFor, layout: Layout) -> int:
    """List pairs of addresses that talk to each other.

    --client and --service name the two ends, in any order. With a port or a protocol, only such flows count, and AGE
    is the time since the last packet; otherwise WRITTEN is the time since the pair was last written to the store,
    which the agent does every few seconds.
    """
    asking = Asking(stores, asked)
    if asking.wanted.is_about_flows:
        by_flow = asking.reader.peers_by_flow(asking.wanted, asking.now)
        return asking.answer(by_flow, listings.PEERS_BY_FLOW, layout, _FLOWS)
    return asking.answer(asking.reader.peers(asking.wanted), listings.PEERS, layout, _PEERS)


@click.command("clients", epilog=EXAMPLES["clients"])
@filtered(ENDS, OF_FLOWS, SINCE)
@laid_out(listings.CLIENTS, sort="packets")
@options.stores
@paused_collector()
def clients(*, stores: tuple[str, ...], asked: AskedFor, layout: Layout) -> int:
    """List the clients of anything recorded.

    With a service, a port or a protocol, only such flows count, and AGE is the time since the last packet; otherwise
    WRITTEN is the time since the client was last written to the store, which the agent does every few seconds.
    """
    asking = Asking(stores, asked)
    if asking.wanted.is_about_flows or asking.wanted.names_services:
        by_flow = asking.reader.clients_by_flow(asking.wanted, asking.now)
        return asking.answer(by_flow, listings.CLIENTS_BY_FLOW, layout, _FLOWS)
    return asking.answer(asking.reader.clients(asking.wanted), listings.CLIENTS, layout, _CLIENTS)


@click.command("recon", epilog=EXAMPLES["recon"])
@filtered(ENDS, OF_RECON, SINCE)
@laid_out(listings.RECON, sort="written")
@options.stores
@paused_collector()
def recon(*, stores: tuple[str, ...], asked: AskedFor, layout: Layout) -> int:
    """List resets and unreachables: attempts that failed.

    The client is the address that received the message; --service is the one that sent the reset, or could not be
    reached. --port is the port of either end. WRITTEN is the time since the last one was written to the store.
    """
    asking = Asking(stores, asked)
    return asking.answer(asking.reader.recon(asking.wanted), listings.RECON, layout, _RECON)
