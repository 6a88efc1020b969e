"""Corrections: counts of flows that were written with client and service swapped, to be moved to the right keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.merging import merge_rows
from shodohflo.columns.table import Role, Table, column, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@table
class Corrections(Table):
    """Rows of flows: what was counted under `service;client;wrong_port` belongs under `client;service;port`.

    For example, 12 packets were written as `10.0.0.9;10.0.0.5;40000;flow`, by the lower port, before a SYN-ACK showed
    that 10.0.0.9 is the service, on port 54321: client 10.0.0.5, service 10.0.0.9, port 54321, wrong port 40000, 12
    packets.
    """

    kind: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    """A `model.Kind`: `FLOW`, or `FLOW_IGNORED`, of which only the client was counted."""
    client: Addresses = column(Addresses, Role.KEY)
    """The client in truth, which was written as the service."""
    service: Addresses = column(Addresses, Role.KEY)
    """The service in truth, which was written as the client."""
    port: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    """The port of the service."""
    wrong_port: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    """The port of the client, under which the flow was written."""
    protocol: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    """6 or 17."""
    rule: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    """The rule with `Observed`, numbered from 0."""
    rung: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    """A `model.Rung`: the evidence that decides now."""
    packets: NDArray[np.int64] = column(np.int64, Role.SUM)
    """The packets to be moved: those that this run counted under the wrong keys."""
    octets: NDArray[np.int64] = column(np.int64, Role.SUM)
    """Their network-layer bytes."""
    first: NDArray[np.int64] = column(np.int64, Role.EARLIEST)
    last: NDArray[np.int64] = column(np.int64, Role.LATEST)
    """When the first and the last of them were received, in ns since 1970."""


def merge_corrections(parts: Sequence[Corrections]) -> Corrections:
    """Merge the corrections between the same keys by the same evidence."""
    return merge_rows(Corrections.concatenate(parts))
