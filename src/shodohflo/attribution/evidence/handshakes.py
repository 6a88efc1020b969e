"""Handshakes: what the opening segments of a TCP flow say about its ends, event by event.

Openings are a SYN without ACK and a SYN-ACK; segments with FIN or RST open nothing. They are kept apart from flows, so
that a flood of them pushes out no flow, and only until payload confirms what they say. An example, with the client X
and the service Y:

    X  SYN 100          X has a SYN, with number 100
    Y  SYN-ACK 100      the number is that of X's SYN: Y's SYN-ACK is matched
    X  payload          Y is the service, verified; the openings are forgotten, the answer stays with the flow

A SYN-ACK with another number is ignored. One whose peer's SYN was not seen is unmatched: anybody could have sent it, so
it answers for its own flow, and for others only as a claim. One of the side that sent the first SYN, to a SYN of the
other side, is that of a simultaneous open (RFC 9293 section 3.5), in which both sides answer. The SYN-ACK of the other
side counts as if it had come, for an ill-meaning service may leave it out; so the flow contradicts itself.

The events of a batch are walked in rounds: the first of every flow, then the second, and so on. Payload between two
openings is one event, so a flow has few. `Talk` has the state of all flows walked, as columns by side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flows = NDArray[np.intp]

QUIET: Final = 60 * 10**9
"""In ns: a SYN after a shorter pause of payload is no opening of a conversation."""

MOST_OPENINGS: Final = 64
"""A flow with more openings in one batch contradicts itself. Repetitions count once."""


_BOTH_SENT: Final = 0b11
"""Both sides, as bits."""


class Own(IntEnum):
    """What a flow's own openings say."""

    NOTHING = 0
    SERVICE_0 = 1
    SERVICE_1 = 2
    CONTRADICTION = 3


class Accepted(IntEnum):
    """What became of the SYN-ACK of a side."""

    NONE = 0
    UNMATCHED = 1
    """The SYN that it acknowledges was not seen."""
    MATCHED = 2
    """It acknowledges the SYN of the other side."""


class Event(IntEnum):
    """What happens in a flow."""

    SYN = 0
    SYN_ACK = 1
    RESET = 2
    PAYLOAD = 3


class Showing(IntEnum):
    """What a flow shows about its ends for other flows, as bits; each is shifted by the side of the service."""

    CLAIM = 0b00_00_01
    """One direction of evidence: the side is claimed to be a service."""
    SERVICE = 0b00_01_00
    """The side is a service, verified."""
    BOTH = 0b01_00_00
    """In addition, both sides sent payload: the other side is a client."""


_CLAIMED: Final = np.array([0, Showing.CLAIM, Showing.CLAIM << 1, 0], np.uint8)
_PROVEN: Final = np.array([0, Showing.SERVICE, Showing.SERVICE << 1, 0], np.uint8)
_MUTUAL: Final = np.array([0, Showing.BOTH, Showing.BOTH << 1, 0], np.uint8)
"""What flows show, by their `Own`."""


def showing(own: NDArray[np.uint8], verified: NDArray[np.bool_], seen: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the bits of `Showing` for flows with this evidence of their own, at a payload."""
    proven = _PROVEN[own] | _MUTUAL[own] * (seen == _BOTH_SENT)
    return np.where(verified, proven, _CLAIMED[own])


@dataclass(slots=True)
class Talk:
    """The state of flows with openings; the first index of a column with two dimensions is the side."""

    own: NDArray[np.uint8]
    """An `Own`: what the openings said at a payload."""
    verified: NDArray[np.bool_]
    """Whether `own` rests on a matched SYN-ACK."""
    seen: NDArray[np.uint8]
    """Which sides have sent payload: bit 0 for side 0, bit 1 for side 1."""
    last: NDArray[np.int64]
    """When the last payload was received, in ns since 1970."""
    live: NDArray[np.bool_]
    """Whether there are openings; the columns below are about these."""
    has_syn: NDArray[np.bool_]
    number: NDArray[np.uint32]
    """The number of the side's last SYN."""
    quiet: NDArray[np.bool_]
    """Whether there was no payload in the `QUIET` time before that SYN."""
    answered: NDArray[np.uint8]
    """An `Accepted`: the side's SYN-ACK."""
    since: NDArray[np.bool_]
    """Whether there was payload after it."""
    led: NDArray[np.bool_]
    """Whether payload came after the openings began."""
    opener: NDArray[np.uint8]
    """The side that sent the first SYN since the last matched SYN-ACK, as a bit; 0 if none did."""
    anew: NDArray[np.bool_] = field(init=False)
    """Whether the ports were used anew: what was known of the flow is about another conversation."""
    shows: NDArray[np.uint8] = field(init=False)
    """What the flow showed at any payload of these events, for other flows: bits of `Showing`."""

    def __post_init__(self) -> None:
        """Begin with no flow used anew, and nothing shown."""
        self.anew = np.zeros(len(self.own), np.bool_)
        self.shows = np.zeros(len(self.own), np.uint8)

    def take(self, event: Event, side: int, flows: Flows, number: NDArray[np.uint32], time: NDArray[np.int64]) -> None:
        """Take in one opening or reset of `side` in each of `flows`."""
        if event is Event.RESET:
            self._end(flows[self.live[flows] & ~self.led[flows]])
            return
        if not (live := self.live[flows]).all():
            self._begin(flows[~live])
        if event is Event.SYN:
            self.has_syn[side, flows] = True
            self.opener[flows[self.opener[flows] == 0]] = 1 << side
            self.number[side, flows] = number
            self.quiet[side, flows] = self.last[flows] < time - QUIET
        else:
            self._answer(side, flows, number)

    def carry(self, flows: Flows, first: NDArray[np.uint8], every: NDArray[np.uint8], last: NDArray[np.int64]) -> None:
        """Take in payload: the side of the first segment and those of all, as bits, and the time of the last."""
        live = self.live[flows]
        # After the first segment a flow may not be two-way yet, which a lone SYN needs.
        both = first != every
        if both.any():
            self._show(flows[both], first[both])
        self._show(flows, every)
        self.last[flows] = np.maximum(self.last[flows], last)
        self.since[:, flows] = True
        self.led[flows] = True
        answered = self.answered[:, flows] == Accepted.MATCHED
        self._end(flows[live & (answered[0] != answered[1]) & self.verified[flows]])

    def _show(self, flows: Flows, sides: NDArray[np.uint8]) -> None:
        """Take in payload of these `sides`, as bits, and note what the flows show by then."""
        self.seen[flows] |= sides
        self._keep(flows[self.live[flows]])
        self.shows[flows] |= showing(self.own[flows], self.verified[flows], self.seen[flows])

    def latest(self) -> NDArray[np.uint8]:
        """Return what the openings of each flow say now, those after the last payload included: an `Own`."""
        own, verified = self.own.copy(), self.verified.copy()
        self._keep(np.flatnonzero(self.live))
        latest, self.own, self.verified = self.own, own, verified
        return latest

    def contradict(self, flows: Flows) -> None:
        """Note that these flows contradict themselves."""
        self.own[flows], self.verified[flows] = Own.CONTRADICTION, False

    def _begin(self, flows: Flows) -> None:
        """Begin openings; an answer of earlier ones stands in the place of the SYN-ACK of the side it names."""
        self.live[flows] = True
        self.has_syn[:, flows] = self.quiet[:, flows] = False
        self.led[flows] = False
        self.opener[flows] = 0
        self.since[:, flows] = True
        kept = np.where(self.verified[flows], np.uint8(Accepted.MATCHED), np.uint8(Accepted.UNMATCHED))
        for side, answer in ((0, Own.SERVICE_0), (1, Own.SERVICE_1)):
            self.answered[side, flows] = np.where(self.own[flows] == answer, kept, np.uint8(Accepted.NONE))

    def _end(self, flows: Flows) -> None:
        self.live[flows] = False

    def _answer(self, side: int, flows: Flows, number: NDArray[np.uint32]) -> None:
        """Take in a SYN-ACK of `side`."""
        other = 1 - side
        asked = self.has_syn[other, flows]
        matched = asked & (self.number[other, flows] == number)
        theirs = self.answered[other, flows]
        # Both sides have answered, with payload between: the later one counts, unless anybody could have sent it.
        again = self._accepted(other, flows) & self.since[other, flows]
        forged = again & ~matched & (theirs == Accepted.MATCHED)
        crossed = matched & (self.opener[flows] == 1 << side)
        taken = (matched | ~asked) & ~forged & ~(again & crossed)
        self._renew(other, flows[again & taken])
        mine = np.where(matched, np.uint8(Accepted.MATCHED), np.uint8(Accepted.UNMATCHED))[taken]
        both = flows[taken & crossed]
        self.answered[other, both], self.since[other, both] = Accepted.MATCHED, False
        self.opener[flows[taken & matched]] = 0
        flows = flows[taken]
        self.answered[side, flows] = np.maximum(self.answered[side, flows], mine)
        self.since[side, flows] = False

    def _renew(self, other: int, flows: Flows) -> None:
        """Forget the answer of the `other` side and what it led to: the ports are used anew."""
        self.answered[other, flows] = Accepted.NONE
        self.own[flows], self.verified[flows] = Own.NOTHING, False
        self.anew[flows] = True

    def _accepted(self, side: int, flows: Flows) -> NDArray[np.bool_]:
        """Return whether the SYN-ACK of `side` counts: matched, or no SYN of the same side stands against it."""
        answered = self.answered[side, flows]
        accepted: NDArray[np.bool_] = (answered == Accepted.MATCHED) | (
            (answered == Accepted.UNMATCHED) & ~self.has_syn[side, flows]
        )
        return accepted

    def _keep(self, flows: Flows) -> None:
        """Evaluate the openings, and keep what they say; if they say nothing, what was kept stays."""
        two_way = self.seen[flows] == _BOTH_SENT
        arguments = (*self.has_syn[:, flows], *self.quiet[:, flows], two_way, *self.answered[:, flows])
        state = np.zeros(len(flows), np.uint16)
        for argument, weight in zip(arguments, _WEIGHTS, strict=True):
            state += argument * weight
        says = _SAYS[state]
        kept = says != _NOTHING
        flows = flows[kept]
        self.own[flows], self.verified[flows] = says[kept], _IS_VERIFIED[state[kept]]


def evaluate(
    has_syn: tuple[bool, bool], quiet: tuple[bool, bool], *, two_way: bool, answered: tuple[Accepted, Accepted]
) -> tuple[Own, bool]:
    """Return what the openings of one flow say, by side, and whether it is verified.

    A SYN-ACK is accepted if it is matched, or if no SYN of the same side stands against it.
    """
    services = (Own.SERVICE_0, Own.SERVICE_1)
    accepted = [
        side
        for side in (0, 1)
        if answered[side] is Accepted.MATCHED or (answered[side] is Accepted.UNMATCHED and not has_syn[side])
    ]
    if len(accepted) == 1:
        return services[accepted[0]], answered[accepted[0]] is Accepted.MATCHED
    if accepted or any(answered) or all(has_syn):
        return Own.CONTRADICTION, False
    clients = [side for side in (0, 1) if has_syn[side] and quiet[side] and not two_way]
    return (services[1 - clients[0]] if clients else Own.NOTHING), False


_NOTHING: Final = np.uint8(Own.NOTHING)

_WEIGHTS: Final = np.array([1, 2, 4, 8, 16, 32, 96], np.uint16)
"""Of the seven arguments of `evaluate` in the number of their combination."""

_EVALUATED: Final = [
    evaluate((syn_0, syn_1), (quiet_0, quiet_1), two_way=two_way, answered=(one, other))
    for other in Accepted
    for one in Accepted
    for two_way, quiet_1, quiet_0, syn_1, syn_0 in product([False, True], repeat=5)
]
_SAYS: Final = np.array([own for own, _ in _EVALUATED], np.uint8)
_IS_VERIFIED: Final = np.array([is_verified for _, is_verified in _EVALUATED], np.bool_)
