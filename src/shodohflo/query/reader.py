"""Asks the stores, sums up what they have under the same key, and sorts it: the loudest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from shodohflo.model import ClientKey, FlowKey, Key, PeerKey, ResetKey, UnreachableKey
from shodohflo.query.details import Remembered
from shodohflo.query.filters import Filter, pattern
from shodohflo.query.rows import AgentRow, ClientRow, FlowRow, PeerRow, ReconRow, Row, order
from shodohflo.store.connection import store_errors
from shodohflo.store.reading import read_heartbeats, read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shodohflo.store.connection import Store
    from shodohflo.store.reading import Record

AnyRow = TypeVar("AnyRow", bound=Row)


@dataclass(frozen=True, slots=True)
class Found(Generic[AnyRow]):
    """The answer to a question."""

    rows: tuple[AnyRow, ...]
    foreign: int
    """Keys that looked as if they belonged here and did not: other people's, or damaged."""


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A key as one store has it."""

    record: Record
    store: str
    lifetime: int | None
    """Of that store's keys, in seconds, where an agent says so."""

    @property
    def age(self) -> float | None:
        """Return how long ago the key was refreshed, which was when it had its whole lifetime before it."""
        if self.lifetime is None or self.record.expires_in is None:
            return None
        return max(self.lifetime - self.record.expires_in, 0.0)


_Seen = dict[Key, list[_Sighting]]


class Reader:
    """Asks one store or several; each question connects anew, and ends in a `StoreError` of one line if one fails."""

    def __init__(self, stores: Sequence[Store]) -> None:
        """Say which stores to ask."""
        self._stores = stores

    def flows(self, wanted: Filter, now: float) -> Found[FlowRow]:
        """Return the flows; `now` in seconds since 1970, for their age."""
        seen, foreign = self._gather(FlowKey, wanted)
        rows = [_flow_row(key, sightings, now) for key, sightings in seen.items() if _takes(wanted, key)]
        return _found(rows, foreign, lambda row: (order(row.client), order(row.service), row.port))

    def peers(self, wanted: Filter) -> Found[PeerRow]:
        """Return each pair once: the way round that is wanted, or the lower address first where both are."""
        seen, foreign = self._gather(PeerKey, wanted)
        rows = [
            PeerRow(address=key.address, peer=key.peer, **_common(sightings))
            for key, sightings in seen.items()
            if isinstance(key, PeerKey) and _takes_pair(wanted, key)
        ]
        return _found(rows, foreign, lambda row: (order(row.address), order(row.peer)))

    def clients(self, wanted: Filter) -> Found[ClientRow]:
        """Return the clients; the other parts of the filter say nothing of them."""
        seen, foreign = self._gather(ClientKey, wanted)
        rows = [
            ClientRow(client=key.client, **_common(sightings))
            for key, sightings in seen.items()
            if isinstance(key, ClientKey) and wanted.takes_client(key.client)
        ]
        return _found(rows, foreign, lambda row: order(row.client))

    def recon(self, wanted: Filter) -> Found[ReconRow]:
        """Return the resets and the unreachables; a wanted port may be at either end."""
        resets, foreign = self._gather(ResetKey, wanted)
        unreachables, more_foreign = self._gather(UnreachableKey, wanted)
        rows = [_recon_row(key, sightings) for key, sightings in (resets | unreachables).items() if _takes(wanted, key)]
        return _found(
            rows,
            foreign + more_foreign,
            lambda row: (
                order(row.client),
                order(row.remote),
                row.kind,
                row.client_port,
                row.remote_port,
                row.code or 0,
            ),
        )

    def agents(self) -> tuple[AgentRow, ...]:
        """Return what each agent said last, and how long ago."""
        rows = []
        for store in self._stores:
            with store_errors(store.name), store.connect() as client:
                rows += [AgentRow(beat.agent, store.name, beat.age, beat.fields) for beat in read_heartbeats(client)]
        return tuple(rows)

    def _gather(self, kind: type[Key], wanted: Filter) -> tuple[_Seen, int]:
        """Return what all stores have of a kind, by key; and how many keys were foreign."""
        seen: _Seen = {}
        foreign = 0
        for store in self._stores:
            with store_errors(store.name), store.connect() as client:
                lifetimes = [beat.lifetime for beat in read_heartbeats(client) if beat.lifetime is not None]
                found = read_records(client, pattern(kind, wanted), kind)
            foreign += found.foreign
            for record in found.records:
                seen.setdefault(record.key, []).append(_Sighting(record, store.name, max(lifetimes, default=None)))
        return seen, foreign


def _takes(wanted: Filter, key: Key) -> bool:
    match key:
        case FlowKey(client, service, port):
            return wanted.takes(client, service, port)
        case ResetKey(client, remote, client_port, remote_port):
            return wanted.takes(client, remote, client_port, remote_port)
        case UnreachableKey(client, remote, client_port, remote_port, _):
            return wanted.takes(client, remote, client_port, remote_port)
        case _:
            return False


def _takes_pair(wanted: Filter, key: PeerKey) -> bool:
    ends = Filter(clients=wanted.clients, services=wanted.services)
    if not ends.takes(key.address, key.peer):
        return False
    return order(key.address) <= order(key.peer) or not ends.takes(key.peer, key.address)


def _common(sightings: list[_Sighting]) -> dict[str, Any]:
    """Return the part that all rows have."""
    expiries = [sighting.record.expires_in for sighting in sightings]
    return {
        "packets": sum(sighting.record.packets for sighting in sightings),
        "age": min((sighting.age for sighting in sightings if sighting.age is not None), default=None),
        "expires_in": None if None in expiries else max(expiry for expiry in expiries if expiry is not None),
        "stores": tuple(sighting.store for sighting in sightings),
    }


def _flow_row(key: Key, sightings: list[_Sighting], now: float) -> FlowRow:
    if not isinstance(key, FlowKey):
        raise TypeError(f"{key} is no flow")
    remembered = Remembered.joined([Remembered.of(sighting.record.detail) for sighting in sightings])
    common = _common(sightings)
    if remembered.last is not None:
        common["age"] = max(now - remembered.last, 0.0)
    return FlowRow(
        client=key.client,
        service=key.service,
        port=key.port,
        octets=remembered.octets,
        first=remembered.first,
        last=remembered.last,
        protocols=remembered.protocols,
        rule=remembered.rule,
        sentence=remembered.sentence,
        agents=remembered.agents,
        **common,
    )


def _recon_row(key: Key, sightings: list[_Sighting]) -> ReconRow:
    if not isinstance(key, ResetKey | UnreachableKey):
        raise TypeError(f"{key} is no reset and no unreachable")
    return ReconRow(
        kind="rst" if isinstance(key, ResetKey) else "icmp",
        client=key.client,
        remote=key.remote,
        client_port=key.client_port,
        remote_port=key.remote_port,
        code=None if isinstance(key, ResetKey) else key.code,
        **_common(sightings),
    )


def _found(rows: list[AnyRow], foreign: int, place: Callable[[AnyRow], tuple[Any, ...]]) -> Found[AnyRow]:
    return Found(tuple(sorted(rows, key=lambda row: (-row.packets, place(row)))), foreign)
