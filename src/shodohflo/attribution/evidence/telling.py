"""Telling: what flows have shown is told to the tables of what is known, where it is news to them.

A flow tells each thing once, and again with its first payload of another minute (services, since people are shown when
they last answered) or of another hour (the rest). So a flow that carries payload all the time costs little, and the
last use of an entry may be noted late by up to a minute, or an hour; entries live for a day.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.attribution.evidence.handshakes import Showing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.conversations import Conversations
    from shodohflo.attribution.evidence.flows import Shown

_MINUTE: Final = 60 * 10**9
_HOUR: Final = 60 * _MINUTE


class Telling(IntEnum):
    """What a flow tells, as bits, beside those of `Showing`."""

    ONE_WAY = 0b01_000000
    """Payload of a TCP flow of which one direction was seen until then: for one-way churn."""
    TWO_WAY = 0b10_000000
    """Payload of a TCP flow of which both directions were seen: for churn."""


_OF_SERVICES: Final = np.uint8((Showing.CLAIM | Showing.SERVICE) * 0b11)
"""What is told by the minute: claims and services of both sides."""


def due(talks: Conversations, shown: Shown) -> NDArray[np.uint8]:
    """Return what each flow tells now: bits of `Showing` and `Telling`; 0 for flows without payload."""
    tcp = (talks.spoke != 0) & talks.is_tcp
    # The first payload of a flow is always of one direction, however the packets are divided into batches.
    one_way = (tcp & ~shown.was_two_way) * np.uint8(Telling.ONE_WAY)
    two_way = (tcp & shown.is_two_way) * np.uint8(Telling.TWO_WAY)
    shows = shown.shows | one_way | two_way
    repeated = np.zeros(len(talks), np.uint8)
    repeated[talks.last_payload // _MINUTE != shown.last // _MINUTE] = _OF_SERVICES
    repeated[talks.last_payload // _HOUR != shown.last // _HOUR] = 0xFF
    return np.where(talks.spoke != 0, shows & (~shown.told | repeated), np.uint8(0))
