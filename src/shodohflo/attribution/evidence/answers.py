"""Answers: what the first bytes of the datagrams of a UDP flow say about its ends.

A request of one side, or a response of the other, says who the client is. A flow in which both are clients contradicts
itself. It is verified by a request and its response; a response alone is a claim; a request alone answers for its own
flow and is remembered nowhere, since who asks in vain is no proof of a service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.attribution.evidence.handshakes import Own, Showing
from shodohflo.columns.batch import Says

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.conversations import Conversations
    from shodohflo.attribution.evidence.flows import Shown

_ASKED: Final = (0b0001, 0b0010)
_ANSWERED: Final = (0b0100, 0b1000)
"""The bits of `Shown.said`, by side."""


def _own(said: int) -> tuple[Own, bool]:
    """Return what a flow says of itself in which all of `said` was said, and whether that is verified."""
    services = [side for side in (0, 1) if said & (_ASKED[1 - side] | _ANSWERED[side])]
    if len(services) != 1:
        return (Own.CONTRADICTION if services else Own.NOTHING), False
    (side,) = services
    both = _ASKED[1 - side] | _ANSWERED[side]
    return (Own.SERVICE_0, Own.SERVICE_1)[side], said & both == both


def _showing(said: int) -> int:
    """Return the bits of `Showing` for it."""
    own, verified = _own(said)
    if own not in (Own.SERVICE_0, Own.SERVICE_1):
        return 0
    side = int(own == Own.SERVICE_1)
    if verified:
        return (Showing.SERVICE | Showing.BOTH) << side
    return Showing.CLAIM << side if said & _ANSWERED[side] else 0


_OWN: Final = np.array([_own(said)[0] for said in range(16)], np.uint8)
_VERIFIED: Final = np.array([_own(said)[1] for said in range(16)], np.bool_)
_SHOWING: Final = np.array([_showing(said) for said in range(16)], np.uint8)


def hear(talks: Conversations, shown: Shown) -> None:
    """Take in what the datagrams of a batch say; what a flow said once stays said as long as it is remembered."""
    rows = talks.rows
    saying = np.flatnonzero(rows.says)
    if len(saying):
        bit = talks.side[saying] + np.uint8(2) * (rows.says[saying] == Says.RESPONSE)
        _add(shown, talks.flow[saying], bit.astype(np.uint8), rows.first[saying])
    udp = (talks.spoke != 0) & ~talks.is_tcp
    said = shown.said[udp]
    shown.own[udp], shown.verified[udp] = _OWN[said], _VERIFIED[said]
    shown.latest[udp] = _OWN[said]
    shown.shows[udp] |= _SHOWING[said]


def _add(shown: Shown, flow: NDArray[np.int32], bit: NDArray[np.uint8], time: NDArray[np.int64]) -> None:
    """Add what was said for the first time at `time`, in this order: what it shows depends on what was said before."""
    order = first_said(flow, bit, time)
    flow, bits = flow[order], np.uint8(1) << bit[order]
    while len(flow):  # a round for each of the four bits at most
        flows, at = np.unique(flow, return_index=True)
        shown.said[flows] |= bits[at]
        shown.shows[flows] |= _SHOWING[shown.said[flows]]
        left = np.ones(len(flow), np.bool_)
        left[at] = False
        flow, bits = flow[left], bits[left]


def first_said(flow: NDArray[np.int32], bit: NDArray[np.uint8], time: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the number of the first row of each flow and bit, in order of time; unmerged rows repeat themselves."""
    order = np.argsort(time, kind="stable")
    _, firsts = np.unique(flow[order] * np.int64(4) + bit[order], return_index=True)
    said: NDArray[np.intp] = order[np.sort(firsts)]
    return said
