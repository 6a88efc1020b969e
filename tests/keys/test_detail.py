"""The `detail` hash, as a reader parses it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys.detail import FlowDetail, ProtocolSum, seconds_text
from shodohflo.model import RUNGS

NAMES = st.sampled_from(
    ["first", "last", "rule", "sentence", "evidence", "corrected", "packets.tcp", "octets.tcp", "agent.bert", "other"]
)
UNKNOWN = FlowDetail(first=None, last=None, protocols=(), rule="", sentence="", agents=())


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0.000000"), (1, "0.000000"), (1999, "0.000001"), (1_700_000_000_123_456_789, "1700000000.123456")],
)
def test_times_are_seconds_with_six_decimals(nanoseconds: int, text: str) -> None:
    """The format is that of `tcpdump -tt`; fractions of a microsecond are cut off."""
    assert seconds_text(nanoseconds) == text


def test_fields_are_read_by_protocol_with_times_rule_and_agents() -> None:
    """Protocols and agents are in alphabetical order."""
    detail = FlowDetail.from_fields(
        {
            "packets.udp": "3",
            "octets.udp": "200",
            "packets.tcp": "2",
            "octets.tcp": "150",
            "first": "1.000001",
            "last": "9.5",
            "rule": "FLOW_MAPPING[1]",
            "sentence": "in words",
            "evidence": "one-way churn",
            "corrected": "8.25",
            "agent.ernie": "9.5",
            "agent.bert": "4.0",
        }
    )

    assert detail == FlowDetail(
        first=1.000001,
        last=9.5,
        protocols=(ProtocolSum("tcp", 2, 150), ProtocolSum("udp", 3, 200)),
        rule="FLOW_MAPPING[1]",
        sentence="in words",
        agents=("bert", "ernie"),
        evidence="one-way churn",
        corrected=8.25,
    )
    assert detail.octets == 350


def test_a_missing_hash_is_all_unknown() -> None:
    """Without a hash all fields are unknown, and the number of bytes is None, not 0."""
    assert FlowDetail.from_fields({}) == UNKNOWN
    assert UNKNOWN.octets is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("first", "1e308"), ("last", "nan"), ("last", "9" * 5_000), ("packets.tcp", "many"), ("octets.tcp", "-1")),
        *(("packets.tcp", "9" * 5_000), ("packets.tcp\x1b]0;", "1"), ("octets.TCP", "1"), ("sentence", "x" * 10_000)),
        *(("evidence", "hearsay"), ("evidence", "\x1b[2J"), ("corrected", "soon"), ("corrected", "9" * 13)),
    ],
)
def test_a_malformed_field_is_left_out_and_counted(field: str, value: str) -> None:
    """All other fields are read as ever."""
    fields = {"first": "1.5", "last": "9.5", "packets.udp": "3", "octets.udp": "200", "rule": "FLOW_MAPPING[1]"}

    detail = FlowDetail.from_fields(fields | {field: value})

    assert detail.malformed == 1
    assert ProtocolSum("udp", 3, 200) in detail.protocols
    assert detail.rule == "FLOW_MAPPING[1]"
    assert {detail.first, detail.last} <= {1.5, 9.5, None}
    assert FlowDetail.from_fields(fields | {"theirs": value}).malformed == 0


@given(st.dictionaries(NAMES | st.text(), st.text() | st.sampled_from(["nan", "inf", "1e400", "-1", "\u0663"])))
def test_bad_values_are_read_as_unknown(fields: dict[str, str]) -> None:
    """Parsing a hash with any content raises nothing; times are finite and counts are not negative."""
    detail = FlowDetail.from_fields(fields)

    assert detail.evidence in {"", *RUNGS}
    for seconds in (detail.first, detail.last, detail.corrected):
        assert seconds is None or -1e309 < seconds < 1e309
    assert all(protocol.packets >= 0 <= protocol.octets for protocol in detail.protocols)
