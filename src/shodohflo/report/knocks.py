"""Who knocks: the attempts of each origin in one sentence, as a table with its orders.

    203.0.113.9: 1,024 ports of 3 hosts in 12 s, 1,000 refused, 24 silent

Where only few ends were tried, they are named: `203.0.113.9: port 22 (ssh) of 10.0.0.5, 3 times in 12 s, all silent`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shodohflo.model import address_text
from shodohflo.query.knocks import knock_place
from shodohflo.query.rows import KnockRow, network_text
from shodohflo.report.listings import AGE, Listing, Order, age_cell
from shodohflo.report.numbers import counted, duration_text, port_name
from shodohflo.report.table import Column

if TYPE_CHECKING:
    from shodohflo.query.rows import KnockTarget

MOST_COUNTED: Final = 1_024
"""Hosts and ports of an origin that agents tell apart; more are this many."""

NAMED: Final = 3
"""The most targets in a cell; JSON has all that are known."""


def knock_sentence(row: KnockRow) -> str:
    """Return what an origin tried, in how much time, and what came of it."""
    origin = f"{network_text(row.origin)}{' (many addresses)' if row.is_many else ''}"
    tried = f"{_ports(row)} of {_hosts(row)}"
    if row.attempts > max(row.ports, 1):
        tried += f", {counted(row.attempts, 'time')}"
    took = f" in {duration_text(row.last - row.first)}" if row.attempts > 1 else ""
    return f"{origin}: {tried}{took}, {_ends(row)}"


def _ports(row: KnockRow) -> str:
    """Return how many ends were tried, or which port, if it is a single one and all ends are known."""
    known = {(target.protocol, target.port) for target in row.targets}
    if len(known) == 1 and len(row.targets) == row.ports:
        ((protocol, port),) = known
        name = port_name(port, protocol)
        return f"port {port}/{protocol}{f' ({name})' if name else ''}"
    return _counted(row.ports, "port", row)


def _hosts(row: KnockRow) -> str:
    """Return how many addresses were tried, or which one."""
    known = {target.address for target in row.targets}
    return address_text(min(known, key=int)) if len(known) == row.hosts == 1 else _counted(row.hosts, "host", row)


def _counted(number: int, noun: str, row: KnockRow) -> str:
    """Return how many were tried; `at least` so many, if there may be more, which takes more attempts than that."""
    more = "at least " if number >= MOST_COUNTED and row.attempts > number else ""
    return f"{more}{counted(number, noun)}"


def _ends(row: KnockRow) -> str:
    parts = [(row.refused, "refused"), (row.silent, "silent")]
    return ", ".join(f"{count:,} {word}" for count, word in parts if count) or "nothing came of it"


def _targets(row: KnockRow) -> str:
    named = ", ".join(map(end_words, row.targets[:NAMED]))
    left = max(row.ports, len(row.targets)) - min(len(row.targets), NAMED)
    return f"{named} and {left:,} more" if named and left else named


def end_words(target: KnockTarget) -> str:
    """Return an end as address, port and protocol: `10.0.0.5 22/tcp`."""
    return f"{address_text(target.address)} {target.port}/{target.protocol}"


KNOCKS: Final[Listing[KnockRow]] = Listing(
    KnockRow,
    "origin of knocks",
    "origins of knocks",
    (
        Column("WHO KNOCKS"),
        AGE,
        Column("TARGETS", from_width=140),
        Column("AGENTS", from_width=180),
    ),
    lambda row: (knock_sentence(row), age_cell(row), _targets(row), ",".join(row.agents)),
    {
        "packets": Order(lambda row: row.attempts, descending=True),
        "client": Order(knock_place),
        "service": Order(lambda row: row.hosts, descending=True),
        "port": Order(lambda row: row.ports, descending=True),
        "what": Order(lambda row: row.refused, descending=True),
    },
    {"written": "age", "remote": "service"},
)
"""Its orders are those of resets and unreachables, as far as they have a meaning here; see `order_of`."""


def order_of(sort: str) -> str:
    """Return the order for the word that resets and unreachables are sorted by: the latest first where it has none."""
    return sort if sort in KNOCKS.by_store().orders else "age"
