"""The reader: reads keys from all stores, sums up rows with the same key, and sorts them by packets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from shodohflo.errors import StoreError
from shodohflo.keys import FlowDetail
from shodohflo.model import ClientKey, FlowKey, PeerKey, ResetKey, UnreachableKey
from shodohflo.query.details import join_details
from shodohflo.query.filters import Filter, pattern
from shodohflo.query.rows import AgentRow, ClientRow, FlowRow, KeyRow, PeerRow, ReconRow, order
from shodohflo.query.sums import clients_of, common_fields, flow_row, peers_of
from shodohflo.store.connection import store_errors
from shodohflo.store.contents import Contents, read_contents
from shodohflo.store.reading import AnyKey, KeyRecord, KeyRecords, database_of, read_heartbeats, read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from valkey import Valkey

    from shodohflo.store.connection import Store

AnyRow = TypeVar("AnyRow", bound=KeyRow)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Found(Generic[AnyRow]):
    """The result of a query."""

    rows: tuple[AnyRow, ...]
    foreign: int
    """The number of keys that matched the pattern but are damaged or of other programs."""


@dataclass(frozen=True, slots=True)
class _Sighting(Generic[AnyKey]):
    """A key in one store."""

    record: KeyRecord[AnyKey]
    store: str
    lifetime: int | None
    """The longest lifetime of keys, in seconds, among the agents of that store; None if no heartbeat has one."""

    @property
    def age(self) -> float | None:
        """Return the seconds since the key was refreshed: its lifetime minus the time until it expires."""
        if self.lifetime is None or self.record.expires_in is None:
            return None
        return max(self.lifetime - self.record.expires_in, 0.0)

    def row(self) -> KeyRow:
        """Return the fields that all kinds of rows have in common."""
        return KeyRow(
            packets=self.record.packets, age=self.age, expires_in=self.record.expires_in, stores=(self.store,)
        )


@dataclass(frozen=True, slots=True)
class _Seen(Generic[AnyKey]):
    """A key, with its sighting in each store that has it."""

    key: AnyKey
    sightings: list[_Sighting[AnyKey]]

    def common(self) -> dict[str, Any]:
        """Return the common fields of a row, summed up over the stores."""
        stores = tuple(sighting.store for sighting in self.sightings)
        return common_fields([sighting.row() for sighting in self.sightings]) | {"stores": stores}


class Reader:
    """Reads one store or several.

    Each query opens new connections. A database that is named twice, in whatever way, or together with its replica, is
    read once. A store that fails is noted in `failures`, and the others are read; if all fail, a query raises the
    one-line `StoreError` of the first.
    """

    def __init__(self, stores: Sequence[Store]) -> None:
        """Read from `stores`; nothing is connected yet."""
        self._stores = stores
        self.failures: dict[str, str] = {}
        """One line for each store that failed in any query, by the name of the store."""

    def flows(self, wanted: Filter, now: float) -> Found[FlowRow]:
        """Return the flows that `wanted` matches; `now`, in seconds since 1970, gives their age."""
        seen, foreign = self._gather(FlowKey, wanted)
        made = (_flow_row(one, now) for one in seen if wanted.takes(one.key.client, one.key.service, one.key.port))
        rows = [row for row in made if wanted.takes_flow(row)]
        return _found(rows, foreign, lambda row: (order(row.client), order(row.service), row.port))

    def peers(self, wanted: Filter) -> Found[PeerRow]:
        """Return each pair once: in the direction that `wanted` matches, or with the lower address first if both do.

        Pairs have no ports and no protocols, so `wanted` must not ask for any; see `peers_by_flow`.
        """
        seen, foreign = self._gather(PeerKey, wanted)
        rows = [
            PeerRow(address=one.key.address, peer=one.key.peer, **one.common())
            for one in seen
            if _takes_pair(wanted, one.key)
        ]
        return _found(_young(wanted, rows), foreign, lambda row: (order(row.address), order(row.peer)))

    def clients(self, wanted: Filter) -> Found[ClientRow]:
        """Return the clients; the services and ports of the filter are ignored."""
        seen, foreign = self._gather(ClientKey, wanted)
        rows = [ClientRow(client=one.key.client, **one.common()) for one in seen if wanted.takes_client(one.key.client)]
        return _found(_young(wanted, rows), foreign, lambda row: order(row.client))

    def peers_by_flow(self, wanted: Filter, now: float) -> Found[PeerRow]:
        """Return the pairs of ends of the flows that `wanted` matches, with their packets."""
        flows = self.flows(wanted, now)
        return Found(peers_of(flows.rows), flows.foreign)

    def clients_by_flow(self, wanted: Filter, now: float) -> Found[ClientRow]:
        """Return the clients of the flows that `wanted` matches, with the packets of these flows."""
        flows = self.flows(wanted, now)
        return Found(clients_of(flows.rows), flows.foreign)

    def recon(self, wanted: Filter) -> Found[ReconRow]:
        """Return the resets and unreachables; a wanted port may be that of either end."""
        resets, foreign_resets = self._gather(ResetKey, wanted) if wanted.takes_kind("rst") else ([], 0)
        unreachables, foreign_unreachables = (
            self._gather(UnreachableKey, wanted) if wanted.takes_kind("icmp") else ([], 0)
        )
        rows = [
            *(_recon_row(one, "rst", None) for one in resets if _takes_ports(wanted, one.key)),
            *(_recon_row(one, "icmp", one.key.code) for one in unreachables if _takes_ports(wanted, one.key)),
        ]
        return _found(
            _young(wanted, rows),
            foreign_resets + foreign_unreachables,
            lambda row: (order(row.client), order(row.remote), row.client_port, row.remote_port, row.code or 0),
        )

    def agents(self) -> tuple[AgentRow, ...]:
        """Return the last heartbeat of each agent."""

        def read(client: Valkey, name: str) -> list[AgentRow]:
            return [AgentRow(each.agent, name, each.age, each.fields) for each in read_heartbeats(client)]

        return tuple(row for rows in self._read_each(read) for row in rows)

    def contents(self, kinds: Sequence[type]) -> tuple[Contents, ...]:
        """Return how many keys of `kinds` each store has, whoever is asked for; to say why nothing was found."""
        patterns = tuple(pattern(kind, Filter()) for kind in kinds)
        return tuple(self._read_each(lambda client, name: read_contents(client, name, patterns)))

    def _gather(self, kind: type[AnyKey], wanted: Filter) -> tuple[list[_Seen[AnyKey]], int]:
        """Return the keys of a kind in all stores, and the number of foreign keys."""

        def read(client: Valkey, name: str) -> tuple[KeyRecords[AnyKey], str, int | None]:
            lifetimes = [each.lifetime for each in read_heartbeats(client) if each.lifetime is not None]
            return read_records(client, pattern(kind, wanted), kind), name, max(lifetimes, default=None)

        seen: dict[str, _Seen[AnyKey]] = {}
        foreign = 0
        for found, name, lifetime in self._read_each(read):
            foreign += found.foreign
            for record in found.records:
                sighting = _Sighting(record, name, lifetime)
                seen.setdefault(record.name, _Seen(record.key, [])).sightings.append(sighting)
        return list(seen.values()), foreign

    def _read_each(self, read: Callable[[Valkey, str], Result]) -> list[Result]:
        """Return what `read` returns for each database, given a client and the name of the store."""
        results: dict[Hashable, Result] = {}
        failures: dict[str, StoreError] = {}
        for store in self._stores:
            try:
                with store_errors(store.name), store.connect() as client:
                    database = database_of(client) or store.name
                    if database not in results:
                        results[database] = read(client, store.name)
            except StoreError as error:
                failures.setdefault(store.name, error)
        if failures and not results:
            raise next(iter(failures.values()))
        self.failures |= {name: str(error) for name, error in failures.items()}
        return list(results.values())


def _takes_ports(wanted: Filter, key: ResetKey | UnreachableKey) -> bool:
    return wanted.takes(key.client, key.remote, key.client_port, key.remote_port)


def _takes_pair(wanted: Filter, key: PeerKey) -> bool:
    if not wanted.takes_pair(key.address, key.peer):
        return False
    return order(key.address) <= order(key.peer) or not wanted.takes_pair(key.peer, key.address)


def _young(wanted: Filter, rows: Iterable[AnyRow]) -> list[AnyRow]:
    """Return the rows that are not older than `wanted` allows."""
    return [row for row in rows if wanted.takes_age(row.age)]


def _flow_row(seen: _Seen[FlowKey], now: float) -> FlowRow:
    detail = join_details([FlowDetail.from_fields(sighting.record.detail) for sighting in seen.sightings])
    common = seen.common()
    if detail.last is not None:
        common["age"] = max(now - detail.last, 0.0)
    return flow_row(seen.key, detail, common)


def _recon_row(seen: _Seen[ResetKey] | _Seen[UnreachableKey], kind: str, code: int | None) -> ReconRow:
    key = seen.key
    return ReconRow(
        kind=kind,
        client=key.client,
        remote=key.remote,
        client_port=key.client_port,
        remote_port=key.remote_port,
        code=code,
        **seen.common(),
    )


def _found(rows: list[AnyRow], foreign: int, place: Callable[[AnyRow], tuple[Any, ...]]) -> Found[AnyRow]:
    """Return `rows` sorted by packets, most first, then by `place`."""
    return Found(tuple(sorted(rows, key=lambda row: (-row.packets, place(row)))), foreign)
