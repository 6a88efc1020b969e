"""Observations: packets and bytes by the key they will be recorded under; the interface to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.table import Role, Table, column, table

if TYPE_CHECKING:
    from numpy.typing import NDArray


@table
class Observations(Table):
    """Rows of (kind, client, remote, ports, protocol, code, rule, rung) with their counts.

    Rows of both address families can stand in one table, and a row may even mix them: an operator's own
    actions may name any address.
    """

    kind: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    """A `model.Kind`."""
    client: Addresses = column(Addresses, Role.KEY)
    remote: Addresses = column(Addresses, Role.KEY)
    """The service of a flow; the sender of a reset; the destination that an unreachable quotes."""
    client_port: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    """0 for flows, whose client ports are not recorded."""
    port: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    """The service's port; the remote port for resets and unreachables."""
    protocol: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    """6 or 17 for flows, 6 for resets; for an unreachable 1 (ICMP) or 58 (ICMPv6)."""
    code: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    """The ICMP code of an unreachable, else 0."""
    rule: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    """The rule that decided a flow, numbered from 0 as in `FLOW_MAPPING`; 0 for the other kinds."""
    rung: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    """A `model.Rung`: what says which end of a flow is the service; 0 for the other kinds."""
    packets: NDArray[np.int64] = column(np.int64, Role.SUM)
    octets: NDArray[np.int64] = column(np.int64, Role.SUM)
    """Network-layer bytes: IP headers are counted, link headers are not."""
    first: NDArray[np.int64] = column(np.int64, Role.EARLIEST)
    last: NDArray[np.int64] = column(np.int64, Role.LATEST)
    """When the first and the last packet were received, in ns since 1970-01-01 UTC."""
