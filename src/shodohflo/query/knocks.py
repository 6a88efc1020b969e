"""The origins of attempts that led to nothing, as the stores have them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from shodohflo.keys import KNOCK, StoredKnock
from shodohflo.keys.knocks import MOST_TARGETS
from shodohflo.model import PROTOCOL_NAMES
from shodohflo.query.rows import KnockRow, KnockTarget, order
from shodohflo.query.sums import lasting_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shodohflo.query.filters import Filter
    from shodohflo.store.reading import HashRecord

KNOCK_PATTERN: Final = f"{KNOCK}*"
"""The pattern of the hashes; that of a network may be wanted for one of its addresses."""

KIND: Final = "knock"
"""What a filter calls them, beside `rst` and `icmp`."""


def knock_row(record: HashRecord, store: str, now: float) -> KnockRow | None:
    """Return the row of one hash in `store`, or None if it is none of ours; `now` in seconds since 1970."""
    stored = StoredKnock.from_fields(record.name, record.fields)
    if stored is None:
        return None
    return KnockRow(
        origin=stored.origin,
        refused=stored.refused,
        silent=stored.silent,
        hosts=stored.hosts,
        ports=stored.ports,
        first=stored.seen.first,
        last=stored.seen.last,
        targets=tuple(
            KnockTarget(end.address, PROTOCOL_NAMES[end.protocol], end.port, last)
            for end, last in stored.targets.items()
        ),
        agents=tuple(stored.seen.agents),
        age=max(now - stored.seen.last, 0.0),
        expires_in=record.expires_in,
        stores=(store,),
    )


def join_knocks(rows: Sequence[KnockRow], now: float) -> KnockRow:
    """Return what several stores say of one origin: the sums of its attempts, and the most ends that any counted."""
    last = max(row.last for row in rows)
    return replace(
        rows[0],
        refused=sum(row.refused for row in rows),
        silent=sum(row.silent for row in rows),
        hosts=max(row.hosts for row in rows),
        ports=max(row.ports for row in rows),
        first=min(row.first for row in rows),
        last=last,
        targets=_joined(target for row in rows for target in row.targets),
        agents=tuple(sorted({agent for row in rows for agent in row.agents})),
        **{**lasting_fields(rows), "age": max(now - last, 0.0)},
    )


def takes_knock(wanted: Filter, row: KnockRow) -> bool:
    """Return whether an origin matches as a client, and one of the ends that it tried as a service."""
    addresses, ports = [target.address for target in row.targets], [target.port for target in row.targets]
    protocols = {target.protocol for target in row.targets}
    return (
        wanted.takes_origin(row.origin)
        and wanted.takes_service(*addresses)
        and wanted.takes_port(*ports)
        and wanted.takes_words(protocols)
        and wanted.takes_age(row.age)
    )


def knock_place(row: KnockRow) -> tuple[int, int]:
    """Return what origins are sorted by unless by something else."""
    return (order(row.origin.network_address), row.origin.prefixlen)


def _joined(targets: Iterable[KnockTarget]) -> tuple[KnockTarget, ...]:
    """Return each end once, with the earliest time, the first ends first."""
    ends: dict[tuple[object, ...], KnockTarget] = {}
    for target in sorted(targets, key=lambda target: target.last):
        ends.setdefault((target.address, target.protocol, target.port), target)
    return tuple(ends.values())[:MOST_TARGETS]
