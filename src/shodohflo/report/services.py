"""The inventory of services as a table, and the orders that it can be sorted by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shodohflo.keys.services import EVIDENCE_RANKS
from shodohflo.model import MOST_CLIENTS, address_text
from shodohflo.query.rows import ServiceRow, order
from shodohflo.report.listings import AGE, PORT, Listing, Order, age_cell
from shodohflo.report.numbers import age_text, port_name
from shodohflo.report.table import Column

if TYPE_CHECKING:
    from shodohflo.report.table import Row


def _cells(row: ServiceRow) -> Row:
    return (
        address_text(row.address),
        str(row.port),
        port_name(row.port, row.protocol),
        row.protocol,
        row.evidence,
        f"{MOST_CLIENTS}+" if row.clients >= MOST_CLIENTS else str(row.clients),
        age_text((row.age or 0.0) + row.last - row.first),
        age_cell(row),
        _mark(row),
        ",".join(row.agents),
    )


def _mark(row: ServiceRow) -> str:
    return ", ".join([*(["new"] if row.new else []), *(["gone"] if row.gone else [])])


SERVICES: Final[Listing[ServiceRow]] = Listing(
    ServiceRow,
    "service",
    "services",
    (
        Column("ADDRESS"),
        *PORT,
        Column("PROTOCOL"),
        Column("EVIDENCE", from_width=90),
        Column("CLIENTS", right=True, from_width=60),
        Column("FIRST", right=True, from_width=80),
        AGE,
        Column("MARK"),
        Column("AGENTS", from_width=100),
    ),
    _cells,
    {
        "address": Order(lambda row: (order(row.address), row.port, row.protocol)),
        "port": Order(lambda row: (row.port, row.protocol, order(row.address))),
        "protocol": Order(lambda row: (row.protocol, row.port, order(row.address))),
        "evidence": Order(lambda row: EVIDENCE_RANKS.get(row.evidence)),
        "clients": Order(lambda row: row.clients, descending=True),
        "first": Order(lambda row: row.first, descending=True),
        "mark": Order(lambda row: _mark(row) or None),
        "agents": Order(lambda row: row.agents or None),
    },
)
