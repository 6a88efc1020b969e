"""The listings: for each kind of row, the columns and cells of its table, and the orders it can be sorted by."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from shodohflo.model import address_text
from shodohflo.query.rows import ClientRow, FlowRow, KeyRow, PeerRow, ReconRow, order
from shodohflo.report import table
from shodohflo.report.numbers import age_text, port_name, size_text, unreachable_name
from shodohflo.report.table import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

AnyRow = TypeVar("AnyRow", bound=KeyRow)

SortKey = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Listing(Generic[AnyRow]):
    """A kind of row as a table."""

    columns: tuple[Column, ...]
    cells: Callable[[AnyRow], table.Row]
    orders: dict[str, Callable[[AnyRow], SortKey]]
    """The sort keys besides packets and age, by the name that `--sort` takes."""

    def sorted(self, rows: Sequence[AnyRow], by: str) -> list[AnyRow]:
        """Sort by packets (most first), age (lowest first) or ascending; keep the order if the rows lack the column."""
        common: dict[str, Callable[[AnyRow], SortKey]] = {
            "packets": lambda row: (-row.packets,),
            "age": lambda row: (row.age is None, row.age or 0.0),
        }
        return sorted(rows, key=(common | self.orders).get(by, lambda _: ()))

    def print(self, rows: Sequence[AnyRow], *, as_json: bool) -> None:
        """Print `rows` on standard output, as a table or as one JSON object per line."""
        if as_json:
            sys.stdout.writelines(f"{json.dumps(row.as_dict())}\n" for row in rows)
        else:
            table.show(self.columns, [self.cells(row) for row in rows])


_PACKETS: Final = Column("PACKETS", right=True)
_AGE: Final = Column("AGE", right=True)
_PORT: Final = (Column("PORT", right=True), Column("", from_width=70, style="dim"))


def _flow_cells(row: FlowRow) -> table.Row:
    names = [protocol.protocol for protocol in row.protocols]
    return (
        address_text(row.client),
        address_text(row.service),
        str(row.port),
        port_name(row.port, names[0] if names else "tcp"),
        f"{row.packets:,}",
        "" if row.octets is None else size_text(row.octets),
        _age(row),
        ",".join(names),
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
        _age(row),
        str(row.client_port),
    )


def _age(row: KeyRow) -> str:
    return "" if row.age is None else age_text(row.age)


FLOWS: Final[Listing[FlowRow]] = Listing(
    (
        Column("CLIENT"),
        Column("SERVICE"),
        *_PORT,
        _PACKETS,
        Column("BYTES", right=True, from_width=80),
        _AGE,
        Column("PROTOCOL", from_width=100),
        Column("RULE", from_width=120),
    ),
    _flow_cells,
    {
        "client": lambda row: (order(row.client), order(row.service), row.port),
        "service": lambda row: (order(row.service), row.port, order(row.client)),
        "port": lambda row: (row.port, order(row.service), order(row.client)),
    },
)

PEERS: Final[Listing[PeerRow]] = Listing(
    (Column("ADDRESS"), Column("PEER"), _PACKETS, _AGE),
    lambda row: (address_text(row.address), address_text(row.peer), f"{row.packets:,}", _age(row)),
    {
        "client": lambda row: (order(row.address), order(row.peer)),
        "service": lambda row: (order(row.peer), order(row.address)),
    },
)

CLIENTS: Final[Listing[ClientRow]] = Listing(
    (Column("CLIENT"), _PACKETS, _AGE),
    lambda row: (address_text(row.client), f"{row.packets:,}", _age(row)),
    {"client": lambda row: order(row.client)},
)

RECON: Final[Listing[ReconRow]] = Listing(
    (
        Column("CLIENT"),
        Column("REMOTE"),
        Column("PORT", right=True),
        Column("", from_width=100, style="dim"),
        Column("WHAT"),
        _PACKETS,
        _AGE,
        Column("CLIENT PORT", right=True, from_width=100),
    ),
    _recon_cells,
    {
        "client": lambda row: (order(row.client), order(row.remote), row.remote_port),
        "service": lambda row: (order(row.remote), row.remote_port, order(row.client)),
        "port": lambda row: (row.remote_port, order(row.remote), order(row.client)),
    },
)
