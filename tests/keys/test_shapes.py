"""Shapes: hashes with the same names are parsed by their places, exactly as one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys import FlowDetail
from shodohflo.keys.detail import ProtocolSum
from shodohflo.keys.shapes import Shape, parse_detail

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

OURS = {
    "packets.udp": "3",
    "octets.udp": "200",
    "first": "1.000001",
    "last": "9.5",
    "rule": "FLOW_MAPPING[1]",
    "sentence": "in words",
    "evidence": "handshake",
    "agent.ernie": "9.5",
    "agent.bert": "4.0",
}
"""A hash as an agent writes it."""

BAD = st.sampled_from(["", "many", "-1", "1e400", "nan", "9" * 30, "\u0663", "x" * 5_000, "\x1b[2J"])
NAMES = st.sampled_from(
    [
        *OURS,
        "corrected",
        "packets.tcp",
        "octets.tcp",
        "octets.TCP",
        "packets.",
        "agent.",
        "agent." + "x" * 5_000,
        "other",
    ]
)


@st.composite
def hashes(draw: DrawFn) -> list[tuple[str, str]]:
    """Draw the fields of a hash: ours, in any order, with some that are missing, added, malformed or repeated."""
    fields = OURS | draw(st.dictionaries(NAMES, BAD | st.sampled_from(list(OURS.values())), max_size=2))
    missing = draw(st.sets(st.sampled_from(list(fields)), max_size=2))
    kept = [field for field in fields.items() if field[0] not in missing]
    return draw(st.permutations(kept + draw(st.lists(st.sampled_from(kept or [("first", "1")]), max_size=1))))


@given(hashes())
def test_a_detail_is_that_of_its_fields_one_by_one(fields: list[tuple[str, str]]) -> None:
    """Whatever a hash holds, the fast way gives what `FlowDetail.from_fields` gives."""
    names, values = [name for name, _ in fields], [value for _, value in fields]

    assert parse_detail(names, values) == FlowDetail.from_fields(dict(fields))


def test_what_an_agent_writes_has_a_shape() -> None:
    """The values of a flow of two protocols are found at their places, the protocols in alphabetical order."""
    fields = OURS | {"packets.tcp": "2", "octets.tcp": "150"}

    shape = Shape.of(tuple(fields))

    assert shape is not None
    detail = shape.parse(list(fields.values()))
    assert detail is not None
    assert detail.protocols == (ProtocolSum("tcp", 2, 150), ProtocolSum("udp", 3, 200))
    assert (detail.agents, detail.rule, detail.last) == (("bert", "ernie"), "FLOW_MAPPING[1]", 9.5)


def test_evidence_and_correction_are_optional() -> None:
    """A hash of an earlier version, without evidence, has a shape, and so has one that was corrected."""
    earlier = {name: value for name, value in OURS.items() if name != "evidence"}
    for fields, told in ((earlier, ("", None)), (OURS | {"corrected": "7.5"}, ("handshake", 7.5))):
        shape = Shape.of(tuple(fields))
        detail = shape.parse(list(fields.values())) if shape else None
        assert detail is not None
        assert (detail.evidence, detail.corrected, detail.malformed) == (*told, 0)


@pytest.mark.parametrize(
    "names",
    [
        (),
        tuple(OURS)[1:],
        (*OURS, "theirs"),
        (*OURS, "first"),
        (*OURS, "octets.tcp"),
        (*OURS, "packets.TCP", "octets.TCP"),
    ],
)
def test_other_hashes_have_none(names: tuple[str, ...]) -> None:
    """A field that is missing, unknown, repeated or without its pair is for the careful way."""
    assert Shape.of(names) is None
