"""`shodohflo flows`, `peers`, `clients`, `services` and `recon`: what the stores hold, as tables, JSON lines and CSV.

Readers only read the stores. They load no configuration, so they never run its code.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

import click

from shodohflo.attribution.ledger import Outcome
from shodohflo.cli import options
from shodohflo.cli.filters import ENDS, OF_FLOWS, OF_RECON, OF_SERVICES, SINCE, filtered, moment
from shodohflo.cli.layout import laid_out
from shodohflo.cli.stores import opened, report_failures
from shodohflo.keys import KNOCK, SERVICE
from shodohflo.model import ClientKey, FlowKey, PeerKey, ResetKey, UnreachableKey
from shodohflo.process.collector import paused_collector
from shodohflo.query.networks import NetworkDirectory
from shodohflo.query.reader import Found, Reader
from shodohflo.query.rows import KnockRow, ListedRow, ReconRow, field_names
from shodohflo.query.services import LATELY, Lately
from shodohflo.report import listings
from shodohflo.report.absence import Looked, why_no_rows
from shodohflo.report.knocks import KNOCKS, order_of
from shodohflo.report.listings import Form
from shodohflo.report.numbers import counted
from shodohflo.report.services import SERVICES
from shodohflo.report.spreadsheet import write_csv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.cli.filters import AskedFor
    from shodohflo.cli.layout import Layout
    from shodohflo.report.listings import Listing

AnyRow = TypeVar("AnyRow", bound=ListedRow)

EXAMPLES: Final = {
    "flows": """\b
Examples:
  shodohflo flows                                    all flows, those with most packets first
  shodohflo flows --client 192.168.7.20 --sort age   what one desk does, the latest first
  shodohflo flows --client ernie --not-port ssh,53   by the name of a network in the agent's configuration
  shodohflo flows --since 10m --sort bytes -n 20     the largest of the last ten minutes
  shodohflo flows --guessed                          those that may have client and service swapped
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
    "services": """\b
Examples:
  shodohflo services                                 all services that answered in the last 24 hours
  shodohflo services --new 1d --address 192.168.7.0/24
                                                     those of one network that were not there yesterday
  shodohflo services --gone 10m --sort age           those that have been silent for ten minutes
  shodohflo services --port ssh --json               for scripts: one JSON object a line
""",
    "recon": """\b
Examples:
  shodohflo recon                                    all of them, the latest first
  shodohflo recon --client 192.168.7.0/24 --port 23  which of our hosts tried telnet
  shodohflo recon --kind knock --sort port           who knocks on ours, with most ports first
""",
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a command lists: its keys, and the outcomes of packets that make them."""

    keys: tuple[type, ...]
    outcomes: tuple[Outcome, ...]
    hashes: tuple[str, ...] = ()
    """The prefixes of its keys that are no counts."""
    has_times: bool = False
    """Whether the store has the time of what was seen last."""
    way_out: str = ""
    """Where else to look, if there is nothing."""


_FLOWS: Final = _Kind((FlowKey,), (Outcome.FLOW,), has_times=True)
_PEERS: Final = _Kind((PeerKey,), (Outcome.FLOW, Outcome.FLOW_IGNORED))
_SERVICES: Final = _Kind(
    (),
    (),
    (SERVICE,),
    has_times=True,
    way_out="a service is remembered when it has answered: with a handshake and data, or (UDP) with an answer to a"
    " request; what refused is in `shodohflo recon`",
)
_RECON: Final = _Kind((ResetKey, UnreachableKey), (Outcome.RESET, Outcome.UNREACHABLE), (KNOCK,))
_CLIENTS: Final = _Kind((ClientKey,), (*_PEERS.outcomes, *_RECON.outcomes))


class StoreQuery:
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
        return self.tell(found, listing.nouns, layout, kind, filtered=not self.wanted.is_empty)

    def tell(self, found: Found[AnyRow], nouns: str, layout: Layout, kind: _Kind, *, filtered: bool) -> int:
        """Print on standard error what is missing and why; return the exit status."""
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
            needs_lifetime = self.wanted.within is not None and not kind.has_times
            looked = Looked(nouns, kind.outcomes, filtered=filtered, needs_lifetime=needs_lifetime)
            contents = self.reader.contents(kind.keys, kind.hashes)
            for reason in why_no_rows(looked, contents, self.reader.agents()):
                click.echo(reason, err=True)
            if kind.way_out and not any(store.matching for store in contents):
                click.echo(kind.way_out, err=True)
        return report_failures(self.reader)


@click.command("flows", epilog=EXAMPLES["flows"])
@filtered(ENDS, OF_FLOWS, SINCE)
@laid_out(listings.FLOWS, sort="packets")
@options.stores
@paused_collector()
def flows(*, stores: tuple[str, ...], asked: AskedFor, layout: Layout) -> int:
    """List flows: which client uses which service."""
    asking = StoreQuery(stores, asked)
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
    asking = StoreQuery(stores, asked)
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
    asking = StoreQuery(stores, asked)
    if asking.wanted.is_about_flows or asking.wanted.names_services:
        by_flow = asking.reader.clients_by_flow(asking.wanted, asking.now)
        return asking.answer(by_flow, listings.CLIENTS_BY_FLOW, layout, _FLOWS)
    return asking.answer(asking.reader.clients(asking.wanted), listings.CLIENTS, layout, _CLIENTS)


@click.command("services", epilog=EXAMPLES["services"])
@filtered(OF_SERVICES, SINCE)
@click.option("--new", metavar="TIME", callback=moment, help="Only services that were first seen since then.")
@click.option("--gone", metavar="TIME", callback=moment, help="Only services that were not seen since then.")
@laid_out(SERVICES, sort="address")
@options.stores
@paused_collector()
def services(*, stores: tuple[str, ...], asked: AskedFor, new: float | None, gone: float | None, layout: Layout) -> int:
    """List services that answered: an inventory.

    A service has answered if it took part in a handshake (TCP) or answered a request (UDP), and data followed. It is
    listed for 24 hours after that. EVIDENCE is the strongest evidence for it, `one way` if only one direction was seen,
    CLIENTS the number of distinct clients, up to 1000+, FIRST and AGE the time since it was first and last seen. MARK
    says `new` if it was first seen within the last hour, or since the time of --new, and `gone` if it was last seen
    more than an hour ago, or before the time of --gone. With both options, services that are either are listed.

    Ports that refuse are no services: `shodohflo recon` lists them, and who knocks on ours.
    """
    asking = StoreQuery(stores, asked)
    lately = Lately(
        LATELY if new is None else max(asking.now - new, 0.0), LATELY if gone is None else max(asking.now - gone, 0.0)
    )
    found = asking.reader.services(asking.wanted, lately, asking.now)
    is_chosen = new is not None or gone is not None
    if is_chosen:
        rows = [row for row in found.rows if (new is not None and row.new) or (gone is not None and row.gone)]
        found = replace(found, rows=tuple(rows))
    layout.print(SERVICES, found.rows)
    filtered_out = is_chosen or not asking.wanted.is_empty
    return asking.tell(found, SERVICES.nouns, layout, _SERVICES, filtered=filtered_out)


@click.command("recon", epilog=EXAMPLES["recon"])
@filtered(ENDS, OF_RECON, SINCE)
@laid_out(listings.RECON, sort="written")
@options.stores
@paused_collector()
def recon(*, stores: tuple[str, ...], asked: AskedFor, layout: Layout) -> int:
    """List attempts that failed: those of our clients, and who knocks on ours.

    The first table has resets and unreachables. The client is the address that received the message; --service is the
    one that sent the reset, or could not be reached. --port is the port of either end. WRITTEN is the time since the
    last one was written to the store.

    The second table has the origins of attempts to reach our networks that were refused, or that nothing followed, with
    the scans of each origin summed up. --client is the origin; --service and --port are known of the first 32 ends that
    it tried. AGE is the time since the last attempt. --sort port sorts by the number of ports, packets by that of
    attempts, service by that of hosts. A router sees both; another host sees only knocks on itself.
    """
    asking = StoreQuery(stores, asked)
    recon, knocks = asking.reader.recon(asking.wanted), asking.reader.knocks(asking.wanted, asking.now)
    _print_both(recon.rows, knocks.rows, layout, only_knocks=asking.wanted.kinds == {"knock"})
    both: Found[ReconRow | KnockRow] = Found((*recon.rows, *knocks.rows), recon.foreign + knocks.foreign)
    nouns = "resets, unreachables and knocks"
    return asking.tell(both, nouns, layout, _RECON, filtered=not asking.wanted.is_empty)


def _print_both(recon: Sequence[ReconRow], knocks: Sequence[KnockRow], layout: Layout, *, only_knocks: bool) -> None:
    """Print failed attempts of both kinds: two tables, or the lines of the second kind below those of the first."""
    if layout.form is Form.CSV:
        names = dict.fromkeys((*field_names(ReconRow), *field_names(KnockRow)))
        rows = [*layout.chosen(listings.RECON, recon), *layout.by(order_of).chosen(KNOCKS, knocks)]
        write_csv(list(names), (row.as_dict() for row in rows), sys.stdout)
        return
    if recon or not (knocks or only_knocks) or layout.form is not Form.TABLE:
        layout.print(listings.RECON, recon)
    if knocks or (only_knocks and layout.form is Form.TABLE):
        if recon and layout.form is Form.TABLE:
            click.echo()
        layout.by(order_of).print(KNOCKS, knocks)
