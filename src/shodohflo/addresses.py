"""Columns of addresses of both families, for what stays once packets have been merged into flows."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.model import Address, address_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from shodohflo.batch import Family

_HALF = 2**64


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses as version (4 or 6) and the two 64-bit halves of their number; `high` is 0 for IPv4."""

    version: NDArray[np.uint8]
    high: NDArray[np.uint64]
    low: NDArray[np.uint64]

    @classmethod
    def from_column(cls, family: Family, column: NDArray[Any]) -> Addresses:
        """Take a column of a `Batch`: `uint32` for IPv4, `S16` for IPv6."""
        version = np.full(len(column), family, np.uint8)
        if family == 4:
            return cls(version, np.zeros(len(column), np.uint64), column.astype(np.uint64))
        halves = np.ascontiguousarray(column).view(">u8").reshape(-1, 2).astype(np.uint64)
        return cls(version, halves[:, 0], halves[:, 1])

    @classmethod
    def from_objects(cls, addresses: Iterable[Address]) -> Addresses:
        """Take `ipaddress` objects of either family."""
        rows = [(address.version, *divmod(int(address), _HALF)) for address in addresses]
        version, high, low = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(np.array(version, np.uint8), np.array(high, np.uint64), np.array(low, np.uint64))

    def __len__(self) -> int:
        """Count the addresses."""
        return len(self.version)

    def __getitem__(self, rows: Any) -> Addresses:  # noqa: ANN401 - whatever indexes an array
        """Take some rows: a slice, a mask or row numbers."""
        return Addresses(self.version[rows], self.high[rows], self.low[rows])

    def objects(self) -> list[Address]:
        """Return each row as an `ipaddress` object."""
        rows = zip(self.version.tolist(), self.high.tolist(), self.low.tolist(), strict=True)
        return [IPv4Address(low) if version == 4 else IPv6Address(high * _HALF + low) for version, high, low in rows]

    def texts(self) -> list[str]:
        """Return each row as RFC 5952 text."""
        return [address_text(address) for address in self.objects()]
