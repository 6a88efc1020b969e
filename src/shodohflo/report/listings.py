"""The listings: for each kind of row, the columns and cells of its table, and the orders it can be sorted by."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum, auto
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from shodohflo.model import RUNGS, Rung, address_text, rule_number
from shodohflo.query.rows import ClientRow, DisagreeingRow, FlowRow, ListedRow, PeerRow, ReconRow, field_names, order
from shodohflo.report import table
from shodohflo.report.json_lines import json_line
from shodohflo.report.numbers import age_text, port_name, size_text, unreachable_name
from shodohflo.report.spreadsheet import write_csv
from shodohflo.report.table import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

AnyRow = TypeVar("AnyRow", bound=ListedRow)
Sorted = TypeVar("Sorted")


class Form(Enum):
    """A form of output."""

    TABLE = auto()
    JSON = auto()
    """One object a line."""
    CSV = auto()


@dataclass(frozen=True, slots=True)
class Order(Generic[Sorted]):
    """An order of rows."""

    key: Callable[[Sorted], Any]
    """The sort key of a row; None if its value is unknown."""
    descending: bool = False
    """Whether the greatest comes first, as for counts and times."""

    def sorted(self, rows: Iterable[Sorted], *, reverse: bool = False) -> list[Sorted]:
        """Sort in this order or against it; rows with an unknown value come last in any case."""
        keyed = [(self.key(row), row) for row in rows]
        known = [pair for pair in keyed if pair[0] is not None]
        known.sort(key=itemgetter(0), reverse=self.descending is not reverse)
        return [row for _, row in known] + [row for key, row in keyed if key is None]


@dataclass(frozen=True, slots=True)
class Listing(Generic[AnyRow]):
    """A kind of row as a table."""

    row: type[AnyRow]
    noun: str
    """What one row is, in words."""
    nouns: str
    """The same for several."""
    columns: tuple[Column, ...]
    cells: Callable[[AnyRow], table.Row]
    own_orders: Mapping[str, Order[AnyRow]]
    """The orders besides those of every kind of row, by the name that `--sort` takes."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Orders by the title of their column in lower case, where their name is another, such as `written` for `age`."""
    together: Callable[[AnyRow], Hashable] | None = None
    """What rows have in common that are kept together in every order; None if each stands by itself."""

    @property
    def orders(self) -> dict[str, Order[AnyRow]]:
        """All orders by name."""
        common: dict[str, Order[AnyRow]] = {"age": Order(lambda row: row.age)}
        if "packets" in field_names(self.row):
            common = {"packets": Order(attrgetter("packets"), descending=True)} | common
        named = {**common, **self.own_orders}
        return named | {title: named[name] for title, name in self.titles.items()}

    def sorted(self, rows: Sequence[AnyRow], by: str, *, reverse: bool = False) -> list[AnyRow]:
        """Sort in the order `by` or against it; rows with an unknown value come last in any case."""
        ordered = self.orders[by].sorted(rows, reverse=reverse)
        if self.together is None:
            return ordered
        groups: dict[Hashable, list[AnyRow]] = {}
        for row in ordered:
            groups.setdefault(self.together(row), []).append(row)
        return [row for group in groups.values() for row in group]

    def by_store(self) -> Listing[AnyRow]:
        """Return the same listing with the stores of each row in a last column."""
        return replace(
            self,
            columns=(*self.columns, Column("STORE")),
            cells=lambda row: (*self.cells(row), " ".join(row.stores)),
            own_orders={**self.own_orders, "store": Order(lambda row: row.stores or None)},
        )

    def print(self, rows: Sequence[AnyRow], form: Form) -> None:
        """Print `rows` on standard output."""
        match form:
            case Form.TABLE:
                table.show(self.columns, map(self.cells, rows))
            case Form.JSON:
                sys.stdout.writelines(f"{json_line(row)}\n" for row in rows)
            case Form.CSV:
                write_csv(field_names(self.row), (row.as_dict() for row in rows), sys.stdout)


_PACKETS: Final = Column("PACKETS", right=True)
AGE: Final = Column("AGE", right=True)
_WRITTEN: Final = Column("WRITTEN", right=True)
"""For keys of which the store has no time of the last packet, but only that of the last write."""
PORT: Final = (Column("PORT", right=True), Column("", from_width=70, style="dim"))
"""A port, and its name."""


def _flow_cells(row: FlowRow) -> table.Row:
    names = [protocol.protocol for protocol in row.protocols]
    return (
        address_text(row.client),
        address_text(row.service),
        str(row.port),
        port_name(row.port, names[0] if names else "tcp"),
        f"{row.packets:,}",
        "" if row.octets is None else size_text(row.octets),
        _first(row),
        age_cell(row),
        ",".join(names),
        row.evidence,
        row.rule,
    )


def _recon_cells(row: ReconRow) -> table.Row:
    what = "reset" if row.code is None else unreachable_name(row.code, row.client.version)
    return (
        address_text(row.client),
        address_text(row.remote),
        str(row.remote_port),
        port_name(row.remote_port),
        what,
        f"{row.packets:,}",
        age_cell(row),
        str(row.client_port),
    )


def age_cell(row: ListedRow) -> str:
    """Return the age of a row as text; empty if it is unknown."""
    return "" if row.age is None else age_text(row.age)


def _first(row: FlowRow) -> str:
    """Return how long ago the first packet was, as AGE does for the last one; in a replay, when it was."""
    if row.first is None or row.last is None:
        return ""
    if row.age is None:
        return f"{datetime.fromtimestamp(row.first, UTC):%Y-%m-%d %H:%M:%S}"
    return age_text(row.age + row.last - row.first)


def _since(row: FlowRow) -> float | None:
    """Return the age; in a replay, which has none, a number that sorts like it."""
    return -row.last if row.age is None and row.last is not None else row.age


def _rule(row: FlowRow) -> int | None:
    return rule_number(row.rule)


def _rung(row: FlowRow) -> Rung | None:
    return RUNGS.get(row.evidence)


FLOWS: Final[Listing[FlowRow]] = Listing(
    FlowRow,
    "flow",
    "flows",
    (
        Column("CLIENT"),
        Column("SERVICE"),
        *PORT,
        _PACKETS,
        Column("BYTES", right=True, from_width=80),
        Column("FIRST", right=True, from_width=100),
        AGE,
        Column("PROTOCOL", from_width=105),
        Column("EVIDENCE", from_width=90),
        Column("RULE", from_width=120),
    ),
    _flow_cells,
    {
        "age": Order(_since),
        "bytes": Order(lambda row: row.octets, descending=True),
        "first": Order(lambda row: row.first, descending=True),
        "client": Order(lambda row: (order(row.client), order(row.service), row.port)),
        "service": Order(lambda row: (order(row.service), row.port, order(row.client))),
        "port": Order(lambda row: (row.port, order(row.service), order(row.client))),
        "protocol": Order(lambda row: [each.protocol for each in row.protocols] or None),
        "evidence": Order(_rung),
        "rule": Order(_rule),
    },
)


def _disagreeing_cells(row: DisagreeingRow) -> table.Row:
    return (
        str(row.pair),
        address_text(row.client),
        address_text(row.service),
        str(row.port),
        f"{row.packets:,}",
        age_cell(row),
        ",".join(each.protocol for each in row.protocols),
        row.evidence,
        row.rule,
        ",".join(row.agents),
        "contradicted" if row.contradicted else "",
    )


DISAGREEING: Final[Listing[DisagreeingRow]] = Listing(
    DisagreeingRow,
    "row",
    "rows that contradict each other",
    (
        Column("PAIR", right=True),
        Column("CLIENT"),
        Column("SERVICE"),
        Column("PORT", right=True),
        Column("PACKETS", right=True, from_width=110),
        Column("AGE", right=True, from_width=120),
        Column("PROTOCOL", from_width=130),
        Column("EVIDENCE"),
        Column("RULE"),
        Column("AGENTS"),
        Column("MARK"),
    ),
    _disagreeing_cells,
    {name: Order(each.key, descending=each.descending) for name, each in FLOWS.own_orders.items()},
    together=lambda row: row.pair,
)
"""Flows that sensors disagree about, the rows of a pair of hosts together; its orders are those of flows."""


def _peers(last: Column) -> Listing[PeerRow]:
    return Listing(
        PeerRow,
        "pair",
        "pairs",
        (Column("ADDRESS"), Column("PEER"), _PACKETS, last),
        lambda row: (address_text(row.address), address_text(row.peer), f"{row.packets:,}", age_cell(row)),
        {
            "client": Order(lambda row: (order(row.address), order(row.peer))),
            "service": Order(lambda row: (order(row.peer), order(row.address))),
        },
        {"written": "age", "address": "client", "peer": "service"},
    )


def _clients(last: Column) -> Listing[ClientRow]:
    return Listing(
        ClientRow,
        "client",
        "clients",
        (Column("CLIENT"), _PACKETS, last),
        lambda row: (address_text(row.client), f"{row.packets:,}", age_cell(row)),
        {"client": Order(lambda row: order(row.client))},
        {"written": "age"},
    )


PEERS: Final = _peers(_WRITTEN)
PEERS_BY_FLOW: Final = _peers(AGE)
"""Peers summed up from flows, whose last packets have a time."""
CLIENTS: Final = _clients(_WRITTEN)
CLIENTS_BY_FLOW: Final = _clients(AGE)
"""Clients summed up from flows."""

RECON: Final[Listing[ReconRow]] = Listing(
    ReconRow,
    "reset or unreachable",
    "resets and unreachables",
    (
        Column("CLIENT"),
        Column("REMOTE"),
        Column("PORT", right=True),
        Column("", from_width=100, style="dim"),
        Column("WHAT"),
        _PACKETS,
        _WRITTEN,
        Column("CLIENT PORT", right=True, from_width=100),
    ),
    _recon_cells,
    {
        "client": Order(lambda row: (order(row.client), order(row.remote), row.remote_port)),
        "service": Order(lambda row: (order(row.remote), row.remote_port, order(row.client))),
        "port": Order(lambda row: (row.remote_port, order(row.remote), order(row.client))),
        "what": Order(lambda row: (row.client.version, -1 if row.code is None else row.code)),
        "client-port": Order(lambda row: (row.client_port, order(row.client))),
    },
    {"written": "age", "remote": "service"},
)
