"""Columns of addresses of both families, for observations, whose rows can be of either.

An address is stored as its version and the two 64-bit halves of its number. For example:

    10.0.0.1           version 4, high 0,                  low 0x0a000001
    2001:db8:0:1::1    version 6, high 0x20010db800000001, low 1
    ::ffff:10.0.0.1    version 6, high 0,                  low 0xffff0a000001
"""

from __future__ import annotations

from functools import cache
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from shodohflo.columns.table import Role, Table, column, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family
    from shodohflo.model import Address

_HALF = 2**64


@table
class Addresses(Table):
    """Addresses as version (4 or 6) and the two 64-bit halves of their number; `high` is 0 for IPv4."""

    version: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    high: NDArray[np.uint64] = column(np.uint64, Role.KEY)
    low: NDArray[np.uint64] = column(np.uint64, Role.KEY)

    @classmethod
    def from_column(cls, family: Family, values: NDArray[Any]) -> Addresses:
        """Convert a column of a `Batch`: `uint32` for IPv4, `S16` for IPv6."""
        version = np.full(len(values), family, np.uint8)
        if family == 4:
            return cls(version, np.zeros(len(values), np.uint64), values.astype(np.uint64))
        halves = np.ascontiguousarray(values).view(">u8").reshape(-1, 2).astype(np.uint64)
        return cls(version, halves[:, 0], halves[:, 1])

    @classmethod
    def from_objects(cls, addresses: Iterable[Address]) -> Addresses:
        """Convert `ipaddress` objects of either family."""
        rows = [(address.version, *divmod(int(address), _HALF)) for address in addresses]
        version, high, low = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(np.array(version, np.uint8), np.array(high, np.uint64), np.array(low, np.uint64))

    def column(self, family: Family) -> NDArray[Any]:
        """Return the addresses, all of one family, as a column of a `Batch`."""
        if family == 4:
            return self.low.astype(np.uint32)
        return np.stack([self.high, self.low], axis=1).astype(">u8").view("S16").ravel()

    def substitute(self, rows: NDArray[np.int64], others: Addresses) -> Addresses:
        """Return a copy in which `others`, one for each of `rows`, replace those rows."""
        version, high, low = self.version.copy(), self.high.copy(), self.low.copy()
        version[rows], high[rows], low[rows] = others.version, others.high, others.low
        return Addresses(version, high, low)

    def objects(self) -> list[Address]:
        """Return each row as an `ipaddress` object."""
        rows = zip(self.version.tolist(), self.high.tolist(), self.low.tolist(), strict=True)
        return [IPv4Address(low) if version == 4 else IPv6Address(high * _HALF + low) for version, high, low in rows]

    def texts(self) -> list[str]:
        """Return each row as text in the form of RFC 5952; the same as `model.address_text` for each address."""
        texts = np.empty(len(self), object)
        is_v4 = self.version == 4
        is_mapped = ~is_v4 & (self.high == 0) & (self.low >> np.uint64(32) == 0xFFFF)
        is_v6 = ~is_v4 & ~is_mapped
        texts[is_v4] = _dotted("", self.low[is_v4])
        texts[is_mapped] = _dotted("::ffff:", self.low[is_mapped])
        texts[is_v6] = _colonned(self[is_v6])
        return cast("list[str]", texts.tolist())


def _dotted(prefix: str, low: NDArray[np.uint64]) -> list[str]:
    """Return `prefix` and the lowest 32 bits of each number in dotted decimal."""
    halves = _halves()
    upper = (low >> np.uint64(16) & np.uint64(0xFFFF)).tolist()
    lower = (low & np.uint64(0xFFFF)).tolist()
    return [f"{prefix}{halves[a]}.{halves[b]}" for a, b in zip(upper, lower, strict=True)]


@cache
def _halves() -> list[str]:
    """Return the two dotted octets of every 16-bit number, 65,536 strings: 258 is `1.2`."""
    octets = [str(octet) for octet in range(256)]
    return [f"{upper}.{lower}" for upper in octets for lower in octets]


def _colonned(addresses: Addresses) -> NDArray[np.object_]:
    """Return the texts of IPv6 addresses; addresses with zeros in the same fields are formatted together.

    For example, 2001:db8:0:1::1 has the fields 2001 db8 0 1 0 0 0 1, so its zeros are the bits 00101110.
    `_template` makes of these `%x:%x:%x:%x::%x` and the fields 0, 1, 2, 3 and 7, and `template % (0x2001,
    0xdb8, 0, 1, 1)` is the text of this address; every other one with these zeros takes one `%` more.
    """
    texts = np.empty(len(addresses), object)
    fields = np.stack([addresses.high, addresses.low], axis=1).astype(">u8").view(">u2").reshape(-1, 8)
    zeros = np.packbits(fields == 0, axis=1)[:, 0]
    for pattern in np.unique(zeros).tolist():
        template, places = _template(pattern)
        rows = zeros == pattern
        shown = (field.tolist() for field in fields[rows].T[places])
        texts[rows] = [template % row for row in zip(*shown, strict=True)] if places else template
    return texts


def _template(zeros: int) -> tuple[str, list[int]]:
    """Return the format of addresses whose zero fields are the set bits of `zeros`, and the fields it shows.

    The highest bit stands for the first field. The first of the longest runs of at least two zero fields
    becomes `::` (RFC 5952 sections 4.2.2 and 4.2.3).
    """
    bits = f"{zeros:08b}"
    run = next((length for length in range(8, 1, -1) if "1" * length in bits), 0)
    if not run:
        return ":".join(["%x"] * 8), list(range(8))
    start = bits.index("1" * run)
    before, after = ["%x"] * start, ["%x"] * (8 - start - run)
    return f"{':'.join(before)}::{':'.join(after)}", [*range(start), *range(start + run, 8)]
