"""How each kind of row is listed: its columns, its cells, and the orders it can be sorted in. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from shodohflo.model import address_text
from shodohflo.query import ClientRow, FlowRow, Found, KeyRow, PeerRow, ReconRow
from shodohflo.query.rows import order
from shodohflo.report.numbers import age_text, port_name, size_text, unreachable_name
from shodohflo.report.table import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from shodohflo.report import table

AnyRow = TypeVar("AnyRow", bound=KeyRow)
OtherRow = TypeVar("OtherRow", bound=KeyRow)

Place = tuple[Any, ...]
"""What rows are sorted by."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[AnyRow]):
    """A kind of row as a table."""

    columns: tuple[Column, ...]
    cells: Callable[[AnyRow], table.Row]
    orders: dict[str, Callable[[AnyRow], Place]]
    """By which a reader may sort beside packets and age."""

    def sorted(self, rows: Sequence[AnyRow], by: str) -> list[AnyRow]:
        """Sort: most packets first, the youngest first, or ascending; a column the rows don't have changes nothing."""
        common: dict[str, Callable[[AnyRow], Place]] = {
            "packets": lambda row: (-row.packets,),
            "age": lambda row: (row.age is None, row.age or 0.0),
        }
        return sorted(rows, key=(common | self.orders).get(by, lambda _: ()))


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


def clients_of(found: Found[FlowRow]) -> Found[ClientRow]:
    """Return the clients of these flows only, with the packets of these flows."""
    return _gathered(found, lambda row: row.client, lambda key, common: ClientRow(client=key, **common))


def peers_of(found: Found[FlowRow]) -> Found[PeerRow]:
    """Return the ends of these flows only, the client as the first of each pair."""
    return _gathered(
        found, lambda row: (row.client, row.service), lambda key, common: PeerRow(address=key[0], peer=key[1], **common)
    )


def _gathered(
    found: Found[FlowRow], key_of: Callable[[FlowRow], Any], make: Callable[[Any, dict[str, Any]], OtherRow]
) -> Found[OtherRow]:
    by_key: dict[Any, list[FlowRow]] = {}
    for row in found.rows:
        by_key.setdefault(key_of(row), []).append(row)
    return Found(tuple(make(key, _common(rows)) for key, rows in by_key.items()), found.foreign)


def _common(rows: Iterable[FlowRow]) -> dict[str, Any]:
    """Sum up what all kinds of row have."""
    several = list(rows)
    expiries = [row.expires_in for row in several]
    return {
        "packets": sum(row.packets for row in several),
        "age": min((row.age for row in several if row.age is not None), default=None),
        "expires_in": None if None in expiries else max(expiry for expiry in expiries if expiry is not None),
        "stores": tuple(dict.fromkeys(store for row in several for store in row.stores)),
    }
