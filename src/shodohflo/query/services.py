"""The services that answered, as the stores have them, with marks for those that are new and those that are gone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from shodohflo.keys import SERVICE, StoredService
from shodohflo.keys.services import EVIDENCE_RANKS, ONE_WAY
from shodohflo.model import PROTOCOL_NAMES
from shodohflo.query.filters import address_pattern
from shodohflo.query.rows import ServiceRow, order
from shodohflo.query.sums import lasting_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.query.filters import Filter
    from shodohflo.store.reading import HashRecord

LATELY: Final = 3_600.0
"""Seconds for which a service is new, and after which it is gone, unless others are given."""


@dataclass(frozen=True, slots=True)
class Lately:
    """What counts as lately, in seconds."""

    new: float = LATELY
    """A service that was first seen no longer ago is new."""
    gone: float = LATELY
    """A service that was last seen longer ago is gone."""


def service_pattern(wanted: Filter) -> str:
    """Return a pattern that matches the hash of every wanted service, and perhaps others."""
    protocol = next(iter(wanted.protocols)) if len(wanted.protocols) == 1 else "*"
    port = str(next(iter(wanted.ports))) if len(wanted.ports) == 1 else "*"
    return f"{SERVICE}{address_pattern(wanted.services)};{protocol};{port}"


def service_row(record: HashRecord, store: str, lately: Lately, now: float) -> ServiceRow | None:
    """Return the row of one hash in `store`, or None if it is none of ours; `now` in seconds since 1970."""
    stored = StoredService.from_fields(record.name, record.fields)
    if stored is None:
        return None
    row = ServiceRow(
        address=stored.end.address,
        port=stored.end.port,
        protocol=PROTOCOL_NAMES[stored.end.protocol],
        evidence=stored.evidence,
        clients=stored.clients,
        first=stored.seen.first,
        last=stored.seen.last,
        new=False,
        gone=False,
        agents=tuple(stored.seen.agents),
        age=None,
        expires_in=record.expires_in,
        stores=(store,),
    )
    return _marked(row, lately, now)


def join_services(rows: Sequence[ServiceRow], lately: Lately, now: float) -> ServiceRow:
    """Return what several stores say of one service: its strongest evidence, and the most clients that one has seen."""
    joined = replace(
        rows[0],
        evidence=min((row.evidence for row in rows), key=lambda word: EVIDENCE_RANKS.get(word, len(EVIDENCE_RANKS))),
        clients=max(row.clients for row in rows),
        first=min(row.first for row in rows),
        last=max(row.last for row in rows),
        agents=tuple(sorted({agent for row in rows for agent in row.agents})),
        **lasting_fields(rows),
    )
    return _marked(joined, lately, now)


def takes_service(wanted: Filter, row: ServiceRow) -> bool:
    """Return whether all that a service has matches; a word of evidence is that of one direction too."""
    return (
        wanted.takes_service(row.address)
        and wanted.takes_words((row.protocol,), row.evidence.removesuffix(ONE_WAY))
        and wanted.takes_port(row.port)
        and wanted.takes_age(row.age)
    )


def place(row: ServiceRow) -> tuple[int, int, str]:
    """Return what services are sorted by unless by something else."""
    return (order(row.address), row.port, row.protocol)


def _marked(row: ServiceRow, lately: Lately, now: float) -> ServiceRow:
    age = max(now - row.last, 0.0)
    return replace(row, age=age, new=now - row.first <= lately.new, gone=age > lately.gone)
