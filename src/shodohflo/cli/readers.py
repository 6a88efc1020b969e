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
from shodohflo.query.disagreement import find_disagreements
from shodohflo.query.networks import NetworkDirectory
from shodohflo.query.reader import Found, Reader
from shodohflo.query.rows import KnockRow, ListedRow, ReconRow, field_names
from shodohflo.query.services import LATELY, Lately
from shodohflo.report import listings
from shodohflo.report.absence import Looked, why_no_disagreement, why_no_rows
from shodohflo.report.knocks import KNOCKS, order_of
from shodohflo.report.listings import Form
from shodohflo.report.numbers import counted
from shodohflo.report.services import SERVICES
from shodohflo.report.spreadsheet import write_csv

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
  shodohflo flows --store @stores.txt --by-store     one row for each of the stores in a file
  shodohflo flows --store dns:stores.example.net --disagreeing
                                                     what their agents see the other way round
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
    although_there: Callable[..., str] | None = None
    """Says why nothing is listed although there are keys, if not because of filters."""


_FLOWS: Final = _Kind((FlowKey,), (Outcome.FLOW,), has_times=True)
_DISAGREEING: Final = replace(_FLOWS, although_there=why_no_disagreement)
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

    def __init__(self, stores: tuple[str, ...], asked: AskedFor, layout: Layout, *, by_store: bool) -> None:
        """Ask `stores` for what the filter options say, for one row in each store or for their sums."""
        if layout.sort == "store" and not by_store:
            raise click.UsageError("--sort store needs --by-store: a sum may be of several stores")
        self.now = time.time()
        self.layout = layout
        self._by_store = by_store
        self.reader = Reader(opened(stores), by_store=by_store)
        self.wanted = asked.to_filter(self._directory, self.now)

    def _directory(self) -> NetworkDirectory:
        return NetworkDirectory.of(self.reader.agents())

    def answer(self, found: Found[AnyRow], listing: Listing[AnyRow], kind: _Kind) -> int:
        """Print what was found, and on standard error what is missing and why; return the exit status."""
        self.layout.print(self.listed(listing), found.rows)
        return self.tell(found, listing.nouns, kind, filtered=not self.wanted.is_empty)

    def listed(self, listing: Listing[AnyRow]) -> Listing[AnyRow]:
        """Return the listing with the column of stores, if rows are asked for by store."""
        return listing.by_store() if self._by_store else listing

    def tell(self, found: Found[AnyRow], nouns: str, kind: _Kind, *, filtered: bool) -> int:
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
        if not found.rows and self.layout.form is Form.TABLE:
            self._tell_why(nouns, kind, filtered=filtered)
        return report_failures(self.reader)

    def _tell_why(self, nouns: str, kind: _Kind, *, filtered: bool) -> None:
        """Print on standard error why there is nothing."""
        contents = self.reader.contents(kind.keys, kind.hashes)
        agents = self.reader.agents()
        there = any(store.matching for store in contents)
        if there and kind.although_there:
            click.echo(kind.although_there(agents, filtered=filtered), err=True)
            return
        needs_lifetime = self.wanted.within is not None and not kind.has_times
        looked = Looked(nouns, kind.outcomes, filtered=filtered, needs_lifetime=needs_lifetime)
        for reason in why_no_rows(looked, contents, agents):
            click.echo(reason, err=True)
        if kind.way_out and not there:
            click.echo(kind.way_out, err=True)


@click.command("flows", epilog=EXAMPLES["flows"])
@filtered(ENDS, OF_FLOWS, SINCE)
@click.option("--disagreeing", is_flag=True, help="Only what agents see the other way round, with both rows.")
@laid_out(listings.FLOWS.by_store(), sort="packets")
@options.by_store
@options.stores
@paused_collector()
def flows(*, stores: tuple[str, ...], asked: AskedFor, layout: Layout, by_store: bool, disagreeing: bool) -> int:
    """List flows: which client uses which service.

    With --disagreeing, only flows that one agent records with client and service exchanged against another, in the same
    store or in two. The rows of a pair of hosts stand together, one for each store, if the filters take one of them;
    MARK says `contradicted` if the other way round is proven, and this one is not. What two hosts really do to each
    other, each as a client of the other, is left out as far as the stores tell.
    """
    asking = StoreQuery(stores, asked, layout, by_store=by_store or disagreeing)
    if disagreeing:
        found = find_disagreements(asking.reader, asking.wanted, asking.now)
        return asking.answer(found, listings.DISAGREEING, _DISAGREEING)
    return asking.answer(asking.reader.flows(asking.wanted, asking.now), listings.FLOWS, _FLOWS)


@click.command("peers", epilog=EXAMPLES["peers"])
@filtered(ENDS, OF_FLOWS, SINCE)
@laid_out(listings.PEERS.by_store(), sort="packets")
@options.by_store
@options.stores
@paused_collector()
def peers(*, stores: tuple[str, ...], asked: AskedFor, layout: Layout, by_store: bool) -> int:
    """List pairs of addresses that talk to each other.

    --client and --service name the two ends, in any order. With a port or a protocol, only such flows count, and AGE
    is the time since the last packet; otherwise WRITTEN is the time since the pair was last written to the store,
    which the agent does every few seconds.
    """
    asking = StoreQuery(stores, asked, layout, by_store=by_store)
    if asking.wanted.is_about_flows:
        by_flow = asking.reader.peers_by_flow(asking.wanted, asking.now)
        return asking.answer(by_flow, listings.PEERS_BY_FLOW, _FLOWS)
    return asking.answer(asking.reader.peers(asking.wanted), listings.PEERS, _PEERS)


@click.command("clients", epilog=EXAMPLES["clients"])
@filtered(ENDS, OF_FLOWS, SINCE)
@laid_out(listings.CLIENTS.by_store(), sort="packets")
@options.by_store
@options.stores
@paused_collector()
def clients(*, stores: tuple[str, ...], asked: AskedFor, layout: Layout, by_store: bool) -> int:
    """List the clients of anything recorded.

    With a service, a port or a protocol, only such flows count, and AGE is the time since the last packet; otherwise
    WRITTEN is the time since the client was last written to the store, which the agent does every few seconds.
    """
    asking = StoreQuery(stores, asked, layout, by_store=by_store)
    if asking.wanted.is_about_flows or asking.wanted.names_services:
        by_flow = asking.reader.clients_by_flow(asking.wanted, asking.now)
        return asking.answer(by_flow, listings.CLIENTS_BY_FLOW, _FLOWS)
    return asking.answer(asking.reader.clients(asking.wanted), listings.CLIENTS, _CLIENTS)


@click.command("services", epilog=EXAMPLES["services"])
@filtered(OF_SERVICES, SINCE)
@click.option("--new", metavar="TIME", callback=moment, help="Only services that were first seen since then.")
@click.option("--gone", metavar="TIME", callback=moment, help="Only services that were not seen since then.")
@laid_out(SERVICES.by_store(), sort="address")
@options.by_store
@options.stores
@paused_collector()
def services(  # noqa: PLR0913 - one for each option
    *, stores: tuple[str, ...], asked: AskedFor, new: float | None, gone: float | None, layout: Layout, by_store: bool
) -> int:
    """List services that answered: an inventory.

    A service has answered if it took part in a handshake (TCP) or answered a request (UDP), and data followed. It is
    listed for 24 hours after that. EVIDENCE is the strongest evidence for it, `one way` if only one direction was seen,
    CLIENTS the number of distinct clients, up to 1000+, FIRST and AGE the time since it was first and last seen. MARK
    says `new` if it was first seen within the last hour, or since the time of --new, and `gone` if it was last seen
    more than an hour ago, or before the time of --gone. With both options, services that are either are listed.

    Ports that refuse are no services: `shodohflo recon` lists them, and who knocks on ours.
    """
    asking = StoreQuery(stores, asked, layout, by_store=by_store)
    lately = Lately(
        LATELY if new is None else max(asking.now - new, 0.0), LATELY if gone is None else max(asking.now - gone, 0.0)
    )
    found = asking.reader.services(asking.wanted, lately, asking.now)
    is_chosen = new is not None or gone is not None
    if is_chosen:
        rows = [row for row in found.rows if (new is not None and row.new) or (gone is not None and row.gone)]
        found = replace(found, rows=tuple(rows))
    layout.print(asking.listed(SERVICES), found.rows)
    filtered_out = is_chosen or not asking.wanted.is_empty
    return asking.tell(found, SERVICES.nouns, _SERVICES, filtered=filtered_out)


@click.command("recon", epilog=EXAMPLES["recon"])
@filtered(ENDS, OF_RECON, SINCE)
@laid_out(listings.RECON.by_store(), sort="written")
@options.by_store
@options.stores
@paused_collector()
def recon(*, stores: tuple[str, ...], asked: AskedFor, layout: Layout, by_store: bool) -> int:
    """List attempts that failed: those of our clients, and who knocks on ours.

    The first table has resets and unreachables. The client is the address that received the message; --service is the
    one that sent the reset, or could not be reached. --port is the port of either end. WRITTEN is the time since the
    last one was written to the store.

    The second table has the origins of attempts to reach our networks that were refused, or that nothing followed, with
    the scans of each origin summed up. --client is the origin; --service and --port are known of the first 32 ends that
    it tried. AGE is the time since the last attempt. --sort port sorts by the number of ports, packets by that of
    attempts, service by that of hosts. A router sees both; another host sees only knocks on itself.
    """
    asking = StoreQuery(stores, asked, layout, by_store=by_store)
    recon, knocks = asking.reader.recon(asking.wanted), asking.reader.knocks(asking.wanted, asking.now)
    both_listings = asking.listed(listings.RECON), asking.listed(KNOCKS)
    _print_both((recon.rows, knocks.rows), both_listings, layout, only_knocks=asking.wanted.kinds == {"knock"})
    both: Found[ReconRow | KnockRow] = Found((*recon.rows, *knocks.rows), recon.foreign + knocks.foreign)
    nouns = "resets, unreachables and knocks"
    return asking.tell(both, nouns, _RECON, filtered=not asking.wanted.is_empty)


def _print_both(
    rows: tuple[Sequence[ReconRow], Sequence[KnockRow]],
    of: tuple[Listing[ReconRow], Listing[KnockRow]],
    layout: Layout,
    *,
    only_knocks: bool,
) -> None:
    """Print failed attempts of both kinds: two tables, or the lines of the second kind below those of the first."""
    recon, knocks = rows
    of_recon, of_knocks = of
    if layout.form is Form.CSV:
        names = dict.fromkeys((*field_names(ReconRow), *field_names(KnockRow)))
        chosen = [*layout.chosen(of_recon, recon), *layout.by(order_of).chosen(of_knocks, knocks)]
        write_csv(list(names), (row.as_dict() for row in chosen), sys.stdout)
        return
    if recon or not (knocks or only_knocks) or layout.form is not Form.TABLE:
        layout.print(of_recon, recon)
    if knocks or (only_knocks and layout.form is Form.TABLE):
        if recon and layout.form is Form.TABLE:
            click.echo()
        layout.by(order_of).print(of_knocks, knocks)
