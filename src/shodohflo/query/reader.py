"""The reader: reads keys from all stores, sums up rows with the same key, and sorts them by packets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from shodohflo.model import ClientKey, FlowKey, PeerKey, ResetKey, UnreachableKey
from shodohflo.query.databases import Databases
from shodohflo.query.filters import Filter, pattern
from shodohflo.query.knocks import KIND, KNOCK_PATTERN, join_knocks, knock_place, knock_row, takes_knock
from shodohflo.query.rows import (
    AgentRow,
    ClientRow,
    FlowRow,
    KeyRow,
    KnockRow,
    ListedRow,
    PeerRow,
    ReconRow,
    ServiceRow,
    order,
)
from shodohflo.query.services import join_services, place, service_pattern, service_row, takes_service
from shodohflo.query.sums import clients_of, common_fields, join_flows, peers_of
from shodohflo.store.contents import Contents, read_contents
from shodohflo.store.reading import AnyKey, KeyRecord, read_hashes, read_heartbeats, read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from shodohflo.query.services import Lately
    from shodohflo.store.connection import Store
    from shodohflo.store.dialogue import Dialogue
    from shodohflo.store.reading import HashRecord

AnyRow = TypeVar("AnyRow", bound=KeyRow)
AnyListed = TypeVar("AnyListed", bound=ListedRow)


@dataclass(frozen=True, slots=True)
class Found(Generic[AnyListed]):
    """The result of a query."""

    rows: tuple[AnyListed, ...]
    foreign: int
    """The number of keys that matched the pattern but are damaged or of other programs."""
    damaged: int = 0
    """The number of flows of whose `detail` hash something was left out, because it was malformed or too large."""


class _Source:
    """A store while it is read."""

    def __init__(self, name: str, dialogue: Dialogue) -> None:
        self.stores = (name,)
        """The field `stores` of its rows."""
        self._dialogue = dialogue

    @cached_property
    def lifetime(self) -> int | None:
        """The longest lifetime of keys, in seconds, among the agents of the store; None if no heartbeat has one."""
        # Asked for only if it is needed: finding the agents takes a scan of the whole store.
        lifetimes = [each.lifetime for each in read_heartbeats(self._dialogue) if each.lifetime is not None]
        return max(lifetimes, default=None)

    def age(self, expires_in: float | None) -> float | None:
        """Return the seconds since a key was refreshed: its lifetime minus the time until it expires."""
        if expires_in is None or self.lifetime is None:
            return None
        return max(self.lifetime - expires_in, 0.0)

    def common(self, record: KeyRecord[AnyKey]) -> dict[str, Any]:
        """Return the fields of `KeyRow`."""
        age, expires_in = self.age(record.expires_in), record.expires_in
        return {"packets": record.packets, "age": age, "expires_in": expires_in, "stores": self.stores}


@dataclass(frozen=True, slots=True)
class _Query(Generic[AnyKey, AnyRow]):
    """The keys that a query is about, and how they become rows."""

    kind: type[AnyKey]
    takes: Callable[[AnyKey], bool] | None
    """Whether a key is wanted, among those that match the pattern; None takes all."""
    row: Callable[[KeyRecord[AnyKey], _Source], AnyRow]
    join: Callable[[Sequence[AnyRow]], AnyRow]
    """Returns the sum of the rows of one key in several stores."""


@dataclass(slots=True)
class _Gathered(Generic[AnyRow]):
    """Rows of one store with the names of their keys, and what was left out."""

    names: list[str]
    rows: list[AnyRow]
    foreign: int = 0
    damaged: int = 0


class Reader:
    """Reads one store or several, all at the same time.

    Each query opens new connections. A database that is named twice, in whatever way, or together with its replica, is
    read once. A store that fails is noted in `failures`, and the others are read; if all fail, a query raises the
    one-line `StoreError` of the first.
    """

    def __init__(self, stores: Sequence[Store], *, by_store: bool = False) -> None:
        """Read from `stores`; nothing is connected yet. With `by_store`, rows of several stores are not summed up."""
        self._databases = Databases(stores)
        self._sums_up = len(stores) > 1 and not by_store

    @property
    def failures(self) -> dict[str, str]:
        """Return one line for each store that failed in any query, by the name of the store."""
        return self._databases.failures

    @property
    def unidentified(self) -> tuple[str, ...]:
        """Return the names of stores that may have the same data as others, which then count twice."""
        return self._databases.unidentified

    def flows(self, wanted: Filter, now: float) -> Found[FlowRow]:
        """Return the flows that `wanted` matches; `now`, in seconds since 1970, gives their age."""
        query = _Query(
            FlowKey,
            None if wanted.is_empty else lambda key: wanted.takes(key.client, key.service, key.port),
            lambda record, source: _flow_row(record, source, now),
            lambda rows: _join_flows(rows, now),
        )
        every, foreign, damaged = self._gather(query, wanted)
        rows = every if wanted.is_empty else [row for row in every if wanted.takes_flow(row)]
        return _found(rows, foreign, lambda row: (order(row.client), order(row.service), row.port), damaged)

    def peers(self, wanted: Filter) -> Found[PeerRow]:
        """Return each pair once: in the direction that `wanted` matches, or with the lower address first if both do.

        Pairs have no ports and no protocols, so `wanted` must not ask for any; see `peers_by_flow`.
        """
        query = _Query(PeerKey, lambda key: _takes_pair(wanted, key), _peer_row, _join)
        rows, foreign, _ = self._gather(query, wanted)
        return _found(_young(wanted, rows), foreign, lambda row: (order(row.address), order(row.peer)))

    def clients(self, wanted: Filter) -> Found[ClientRow]:
        """Return the clients; the services and ports of the filter are ignored."""
        query = _Query(ClientKey, lambda key: wanted.takes_client(key.client), _client_row, _join)
        rows, foreign, _ = self._gather(query, wanted)
        return _found(_young(wanted, rows), foreign, lambda row: order(row.client))

    def peers_by_flow(self, wanted: Filter, now: float) -> Found[PeerRow]:
        """Return the pairs of ends of the flows that `wanted` matches, with their packets."""
        flows = self.flows(wanted, now)
        return Found(self._summed(peers_of, flows.rows), flows.foreign, flows.damaged)

    def clients_by_flow(self, wanted: Filter, now: float) -> Found[ClientRow]:
        """Return the clients of the flows that `wanted` matches, with the packets of these flows."""
        flows = self.flows(wanted, now)
        return Found(self._summed(clients_of, flows.rows), flows.foreign, flows.damaged)

    def recon(self, wanted: Filter) -> Found[ReconRow]:
        """Return the resets and unreachables; a wanted port may be that of either end."""
        found: list[tuple[list[ReconRow], int, int]] = []
        if wanted.takes_kind("rst"):
            resets = _Query(ResetKey, lambda key: _takes_ports(wanted, key), _reset_row, _join)
            found.append(self._gather(resets, wanted))
        if wanted.takes_kind("icmp"):
            unreachables = _Query(UnreachableKey, lambda key: _takes_ports(wanted, key), _unreachable_row, _join)
            found.append(self._gather(unreachables, wanted))
        return _found(
            _young(wanted, [row for rows, _, _ in found for row in rows]),
            sum(foreign for _, foreign, _ in found),
            lambda row: (order(row.client), order(row.remote), row.client_port, row.remote_port, row.code or 0),
        )

    def services(self, wanted: Filter, lately: Lately, now: float) -> Found[ServiceRow]:
        """Return the services that answered, by address and port; its clients are ignored."""
        found = self._gather_hashes(
            service_pattern(wanted),
            lambda record, store: service_row(record, store, lately, now),
            lambda rows: join_services(rows, lately, now),
        )
        return _chosen(found, lambda row: takes_service(wanted, row), place)

    def knocks(self, wanted: Filter, now: float, pattern: str = KNOCK_PATTERN) -> Found[KnockRow]:
        """Return the origins of attempts that led to nothing, by address; none if the filter wants other kinds.

        `pattern` may be the name of one hash, which is then looked up.
        """
        if not wanted.takes_kind(KIND):
            return Found((), 0)
        found = self._gather_hashes(
            pattern, lambda record, store: knock_row(record, store, now), lambda rows: join_knocks(rows, now)
        )
        return _chosen(found, lambda row: takes_knock(wanted, row), knock_place)

    def agents(self) -> tuple[AgentRow, ...]:
        """Return the last heartbeat of each agent."""

        def read(dialogue: Dialogue, name: str) -> list[AgentRow]:
            return [AgentRow(each.agent, name, each.age, each.fields) for each in read_heartbeats(dialogue)]

        return tuple(row for rows in self._databases.read(read) for row in rows)

    def contents(self, kinds: Sequence[type], prefixes: Sequence[str] = ()) -> tuple[Contents, ...]:
        """Return how many keys of `kinds`, or with one of `prefixes`, each store has; to say why nothing was found."""
        patterns = (*(pattern(kind, Filter()) for kind in kinds), *(f"{prefix}*" for prefix in prefixes))
        return tuple(self._databases.read(lambda dialogue, name: read_contents(dialogue, name, patterns)))

    def _gather(self, query: _Query[AnyKey, AnyRow], wanted: Filter) -> tuple[list[AnyRow], int, int]:
        """Return the rows of a query, and the numbers of foreign keys and of damaged rows."""

        def read(dialogue: Dialogue, name: str) -> _Gathered[AnyRow]:
            gathered = _Gathered[AnyRow]([], [])
            source = _Source(name, dialogue)
            for step in read_records(dialogue, pattern(query.kind, wanted), query.kind, query.takes):
                gathered.foreign += step.foreign
                gathered.rows += [query.row(record, source) for record in step.records]
                gathered.damaged += sum(record.detail.malformed > 0 for record in step.records)
                if self._sums_up:
                    gathered.names += [record.name for record in step.records]
            return gathered

        every = self._databases.read(read)
        foreign, damaged = sum(each.foreign for each in every), sum(each.damaged for each in every)
        if len(every) == 1:
            return every[0].rows, foreign, damaged
        if not self._sums_up:
            return [row for each in every for row in each.rows], foreign, damaged
        by_name: dict[str, list[AnyRow]] = {}
        for each in every:
            for name, row in zip(each.names, each.rows, strict=True):
                by_name.setdefault(name, []).append(row)
        return [rows[0] if len(rows) == 1 else query.join(rows) for rows in by_name.values()], foreign, damaged

    def _gather_hashes(
        self,
        pattern: str,
        make: Callable[[HashRecord, str], AnyListed | None],
        join: Callable[[Sequence[AnyListed]], AnyListed],
    ) -> Found[AnyListed]:
        """Return the rows that `make` makes of the hashes in each store, joined by the names of their keys."""

        def read(dialogue: Dialogue, store: str) -> tuple[dict[str, AnyListed], int]:
            rows: dict[str, AnyListed] = {}
            foreign = 0
            for step in read_hashes(dialogue, pattern):
                made = {record.name: row for record in step.records if (row := make(record, store)) is not None}
                rows |= made
                foreign += step.foreign + len(step.records) - len(made)
            return rows, foreign

        every = self._databases.read(read)
        foreign = sum(foreign for _, foreign in every)
        if not self._sums_up:
            return Found(tuple(row for rows, _ in every for row in rows.values()), foreign)
        by_name: dict[str, list[AnyListed]] = {}
        for rows, _ in every:
            for name, row in rows.items():
                by_name.setdefault(name, []).append(row)
        joined = (rows[0] if len(rows) == 1 else join(rows) for rows in by_name.values())
        return Found(tuple(joined), foreign)

    def _summed(
        self, sum_up: Callable[[Sequence[FlowRow]], tuple[AnyRow, ...]], flows: Sequence[FlowRow]
    ) -> tuple[AnyRow, ...]:
        """Return the sums over `flows`, or those over the flows of each store."""
        if self._sums_up:
            return sum_up(flows)
        by_store: dict[tuple[str, ...], list[FlowRow]] = {}
        for row in flows:
            by_store.setdefault(row.stores, []).append(row)
        return tuple(row for rows in by_store.values() for row in sum_up(rows))


def _takes_ports(wanted: Filter, key: ResetKey | UnreachableKey) -> bool:
    return wanted.takes(key.client, key.remote, key.client_port, key.remote_port)


def _takes_pair(wanted: Filter, key: PeerKey) -> bool:
    if not wanted.takes_pair(key.address, key.peer):
        return False
    return order(key.address) <= order(key.peer) or not wanted.takes_pair(key.peer, key.address)


def _chosen(
    found: Found[AnyListed], takes: Callable[[AnyListed], bool], place: Callable[[AnyListed], Any]
) -> Found[AnyListed]:
    """Return the rows that `takes` accepts, sorted by `place`."""
    return Found(tuple(sorted(filter(takes, found.rows), key=place)), found.foreign)


def _young(wanted: Filter, rows: Iterable[AnyRow]) -> list[AnyRow]:
    """Return the rows that are not older than `wanted` allows."""
    return [row for row in rows if wanted.takes_age(row.age)]


def _flow_row(record: KeyRecord[FlowKey], source: _Source, now: float) -> FlowRow:
    key, detail, last = record.key, record.detail, record.detail.last
    # As `flow_row` makes it, without a dictionary for each of a million rows.
    return FlowRow(
        client=key.client,
        service=key.service,
        port=key.port,
        octets=detail.octets,
        first=detail.first,
        last=last,
        protocols=detail.protocols,
        rule=detail.rule,
        sentence=detail.sentence,
        evidence=detail.evidence,
        corrected=detail.corrected,
        agents=detail.agents,
        packets=record.packets,
        age=source.age(record.expires_in) if last is None else max(now - last, 0.0),
        expires_in=record.expires_in,
        stores=source.stores,
    )


def _join_flows(rows: Sequence[FlowRow], now: float) -> FlowRow:
    joined = join_flows(rows)
    return joined if joined.last is None else replace(joined, age=max(now - joined.last, 0.0))


def _join(rows: Sequence[AnyRow]) -> AnyRow:
    return replace(rows[0], **common_fields(rows))


def _peer_row(record: KeyRecord[PeerKey], source: _Source) -> PeerRow:
    return PeerRow(address=record.key.address, peer=record.key.peer, **source.common(record))


def _client_row(record: KeyRecord[ClientKey], source: _Source) -> ClientRow:
    return ClientRow(client=record.key.client, **source.common(record))


def _reset_row(record: KeyRecord[ResetKey], source: _Source) -> ReconRow:
    return _recon_row("rst", record.key, None, source.common(record))


def _unreachable_row(record: KeyRecord[UnreachableKey], source: _Source) -> ReconRow:
    return _recon_row("icmp", record.key, record.key.code, source.common(record))


def _recon_row(kind: str, key: ResetKey | UnreachableKey, code: int | None, common: dict[str, Any]) -> ReconRow:
    return ReconRow(
        kind=kind,
        client=key.client,
        remote=key.remote,
        client_port=key.client_port,
        remote_port=key.remote_port,
        code=code,
        **common,
    )


def _found(rows: list[AnyRow], foreign: int, place: Callable[[AnyRow], Any], damaged: int = 0) -> Found[AnyRow]:
    """Return `rows` sorted by packets, most first, then by `place`."""
    rows.sort(key=place)
    rows.sort(key=attrgetter("packets"), reverse=True)  # rows of as many packets stay in their order
    return Found(tuple(rows), foreign, damaged)
