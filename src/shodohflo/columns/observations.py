"""Observations: what was seen, grouped by what it will be recorded under; the seam to the store."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from shodohflo.columns.addresses import Addresses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Observations:
    """Rows of (kind, client, remote, ports, protocol or code, rule) with their counts, as columns.

    Both address families, and a row may even mix them: operators' own actions may name any address.
    """

    kind: NDArray[np.uint8]
    """A `model.Kind`."""
    client: Addresses
    remote: Addresses
    """The service of a flow; what answered, or could not be reached, for the others."""
    client_port: NDArray[np.uint16]
    """0 for flows: a client's port says nothing."""
    port: NDArray[np.uint16]
    """The service's port; the remote port for resets and unreachables."""
    protocol: NDArray[np.uint8]
    """6 or 17 for flows; for an unreachable, the protocol number of the ICMP that told of it."""
    code: NDArray[np.uint8]
    """The code of an unreachable, else 0."""
    rule: NDArray[np.uint16]
    """The rule that decided a flow, numbered from 0 as in `FLOW_MAPPING`; 0 for the other kinds."""
    packets: NDArray[np.int64]
    octets: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    """When the first and the last packet were received, in ns since 1970."""

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.kind)

    def __getitem__(self, rows: Any) -> Observations:  # noqa: ANN401 - whatever indexes an array
        """Take some rows: a slice, a mask or row numbers."""
        return Observations(*(getattr(self, field.name)[rows] for field in fields(self)))

    def keep(self, mask: NDArray[np.bool_]) -> Observations:
        """Return the rows where `mask` is true; all of them without copying."""
        return self if mask.all() else self[np.flatnonzero(mask)]

    @classmethod
    def none(cls) -> Observations:
        """Return no rows at all."""
        addresses = Addresses.from_objects(())
        ports, numbers = np.zeros(0, np.uint16), np.zeros(0, np.uint8)
        counts = np.zeros(0, np.int64)
        return cls(
            kind=numbers,
            client=addresses,
            remote=addresses,
            client_port=ports,
            port=ports,
            protocol=numbers,
            code=numbers,
            rule=ports,
            packets=counts,
            octets=counts,
            first=counts,
            last=counts,
        )

    @classmethod
    def concatenate(cls, several: Sequence[Observations]) -> Observations:
        """Put the rows of `several` one after the other."""
        several = [part for part in several if len(part)]
        if len(several) < 2:
            return several[0] if several else cls.none()
        return cls(*(_joined([getattr(part, field.name) for part in several]) for field in fields(cls)))


def _joined(columns: list[Any]) -> Any:  # noqa: ANN401 - a column of addresses or of numbers
    return Addresses.concatenate(columns) if isinstance(columns[0], Addresses) else np.concatenate(columns)
