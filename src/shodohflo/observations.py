"""Observations: what was seen, grouped by what it will be recorded under; the seam to the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shodohflo.addresses import Addresses


@dataclass(frozen=True, slots=True)
class Observations:
    """One row for each distinct (kind, client, remote, ports, protocol or code, rule), as columns.

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
