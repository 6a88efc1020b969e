"""What openings say of a flow: SYN-ACKs before SYNs, both ends before none."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.ladder import Accepted as PlainAccepted
from reference.ladder import Answer, Contradiction, Openings, Strength
from shodohflo.attribution.evidence.handshakes import Accepted, Own, Showing, Talk, evaluate, showing

if TYPE_CHECKING:
    from numpy.typing import NDArray

BOTH = st.tuples(st.booleans(), st.booleans())
ANSWERED = st.tuples(st.sampled_from(Accepted), st.sampled_from(Accepted))
PAIRS = [(one, other) for one in (False, True) for other in (False, True)]
STATES = [
    (has_syn, quiet, two_way, (one, other))
    for has_syn, quiet, two_way, one, other in product(PAIRS, PAIRS, (False, True), Accepted, Accepted)
]


def talk_of(has_syn: tuple[bool, bool], quiet: tuple[bool, bool], *, seen: int, answered: tuple[int, int]) -> Talk:
    """Return the state of one flow with openings."""

    def by_side(values: tuple[int, int], dtype: type) -> NDArray[Any]:
        return np.array(values, dtype).reshape(2, 1)

    return Talk(
        own=np.zeros(1, np.uint8),
        verified=np.zeros(1, np.bool_),
        seen=np.array([seen], np.uint8),
        last=np.zeros(1, np.int64),
        live=np.ones(1, np.bool_),
        has_syn=by_side(has_syn, np.bool_),
        number=np.zeros((2, 1), np.uint32),
        quiet=by_side(quiet, np.bool_),
        answered=by_side(answered, np.uint8),
        since=np.zeros((2, 1), np.bool_),
        led=np.zeros(1, np.bool_),
        opener=np.zeros(1, np.uint8),
    )


def test_every_combination_says_what_the_plain_form_says() -> None:
    """The columns look it up, and all 288 combinations are there."""
    assert len(STATES) == 288
    for has_syn, quiet, two_way, answered in STATES:
        talk = talk_of(has_syn, quiet, seen=0b11 if two_way else 0b01, answered=answered)
        latest = talk.latest()

        assert latest.tolist() == [evaluate(has_syn, quiet, two_way=two_way, answered=answered)[0]]
        assert talk.own.tolist() == [Own.NOTHING]


@given(BOTH, BOTH, st.booleans(), ANSWERED)
def test_the_plain_form_says_what_the_reference_says(
    has_syn: tuple[bool, bool],
    quiet: tuple[bool, bool],
    two_way: bool,  # noqa: FBT001
    answered: tuple[Accepted, Accepted],
) -> None:
    """Where there is any opening at all."""
    if not any(has_syn) and not any(answered):
        assert evaluate(has_syn, quiet, two_way=two_way, answered=answered) == (Own.NOTHING, False)
        return
    openings = Openings(
        syn=[0 if syn else None for syn in has_syn],
        quiet=list(quiet),
        synack=[PlainAccepted(each) for each in answered],
    )
    said = openings.evaluate(two_way=two_way)

    expected: tuple[Own, bool] = (Own.NOTHING, False)
    if isinstance(said, Contradiction):
        expected = (Own.CONTRADICTION, False)
    elif isinstance(said, Answer):
        expected = ((Own.SERVICE_0, Own.SERVICE_1)[said.service], said.strength is Strength.VERIFIED)
    assert evaluate(has_syn, quiet, two_way=two_way, answered=answered) == expected


@pytest.mark.parametrize(
    ("own", "verified", "seen", "shows"),
    [
        (Own.NOTHING, False, 0b11, 0),
        (Own.CONTRADICTION, False, 0b11, 0),
        (Own.SERVICE_0, False, 0b11, Showing.CLAIM),
        (Own.SERVICE_1, False, 0b01, Showing.CLAIM << 1),
        (Own.SERVICE_0, True, 0b01, Showing.SERVICE),
        (Own.SERVICE_1, True, 0b11, (Showing.SERVICE | Showing.BOTH) << 1),
    ],
)
def test_a_flow_shows_a_client_if_it_is_verified_and_both_ends_spoke(
    own: Own,
    verified: bool,  # noqa: FBT001
    seen: int,
    shows: int,
) -> None:
    """Else at most a service; unverified, a claim."""
    columns = np.array([own], np.uint8), np.array([verified]), np.array([seen], np.uint8)

    assert showing(*columns).tolist() == [shows]


def test_payload_ends_openings_that_are_verified() -> None:
    """The answer stays with the flow, and other openings stay until they expire."""
    verified = talk_of((True, False), (True, False), seen=0, answered=(0, Accepted.MATCHED))
    claimed = talk_of((False, False), (False, False), seen=0, answered=(0, Accepted.UNMATCHED))
    for talk in (verified, claimed):
        talk.carry(np.array([0]), np.array([1], np.uint8), np.array([3], np.uint8), np.array([5]))

    assert [talk.own.tolist() for talk in (verified, claimed)] == [[Own.SERVICE_1]] * 2
    assert [talk.live.tolist() for talk in (verified, claimed)] == [[False], [True]]


def test_a_lone_syn_speaks_until_the_other_end_does() -> None:
    """Payload of both ends in one event is first that of one."""
    talk = talk_of((True, False), (True, False), seen=0, answered=(0, 0))

    talk.carry(np.array([0]), np.array([1], np.uint8), np.array([3], np.uint8), np.array([5]))

    assert talk.own.tolist() == [Own.SERVICE_1]
    assert talk.shows.tolist() == [Showing.CLAIM << 1]
