"""Segments and datagrams between two ends, HERE and THERE, for tests of evidence; HERE is side 0."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

import numpy as np

from reference.ladder import SECOND, Packet, Saying
from shodohflo.attribution.evidence.conversations import Conversations, Keyed
from shodohflo.attribution.evidence.events import Arrivals, kinds
from shodohflo.columns.merging import group_packets
from shodohflo.model import TCP, UDP
from support.judging import batch_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

HERE, THERE = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
SYN, SYN_ACK, ACK, RST, FIN = 0x02, 0x12, 0x10, 0x04, 0x11
BEGIN: Final = 1_700_000_000 * SECOND
"""The time of second 0, in ns since 1970: 13 min 20 s into an hour, 20 s into a minute."""

HERE_PORT, THERE_PORT = 40000, 51000
"""Neither is listed."""


def segment(flags: int, number: int = 0, *, back: bool = False, at: float = 0.0, port: int = HERE_PORT) -> Packet:
    """Return a segment from HERE, or one `back` from THERE, `at` so many seconds; `port` is that of HERE."""
    here, there = (HERE, port), (THERE, THERE_PORT)
    ends = (*there, *here) if back else (*here, *there)
    return Packet(BEGIN + round(at * SECOND), *ends, TCP, flags, number)


def datagram(
    says: int = Saying.NOTHING, *, back: bool = False, at: float = 0.0, port: int = HERE_PORT, to: int = THERE_PORT
) -> Packet:
    """Return a datagram from HERE, or one `back` from THERE."""
    here, there = (HERE, port), (THERE, to)
    ends = (*there, *here) if back else (*here, *there)
    return Packet(BEGIN + round(at * SECOND), *ends, UDP, says=says)


def conversations(packets: Sequence[Packet]) -> tuple[Conversations, NDArray[np.uint8], Arrivals]:
    """Return the flows of packets of one family, the events of their rows, and their arrivals."""
    merged = group_packets(batch_of(packets[0].src.version, packets))
    rows = merged.rows
    arrivals = Arrivals.of(merged.packets, merged.row_of, len(rows), np.arange(len(rows)))
    return Conversations.of(Keyed.of(rows)), kinds(rows), arrivals
