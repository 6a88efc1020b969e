"""The content of the stores for a key, as lines."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from shodohflo.attribution.evidence.ladder import LADDER, NO_EVIDENCE
from shodohflo.keys import from_key
from shodohflo.keys.detail import ProtocolSum
from shodohflo.model import RUNGS, Rung
from shodohflo.query.rows import FlowRow, ReconRow
from shodohflo.report.memory import memory_lines
from support.rows import FLOW

HANDSHAKE = next(f"handshake: {each.sentence}" for each in LADDER if each.rung is Rung.HANDSHAKE)

DNS = replace(
    FLOW,
    client=ip_address("10.0.0.1"),
    service=ip_address("8.8.8.8"),
    port=53,
    packets=1200,
    octets=240,
    first=1000.0,
    last=1060.0,
    protocols=(ProtocolSum("udp", 1200, 240),),
    rule="FLOW_MAPPING[3]",
    sentence="the rule in words",
    agents=("bert", "ernie"),
    expires_in=60.0,
    stores=("one", "two"),
)


def lines(text: str, row: FlowRow | ReconRow) -> list[str]:
    """Return the lines about a key at the time 1065, with runs of spaces collapsed."""
    key = from_key(text)
    assert key is not None
    return [" ".join(line.split()) for line in memory_lines(key, row, 1065.0)]


def test_a_flow_is_told_with_its_detail() -> None:
    """The lines of a flow have counts by protocol, times with their age, agents, and the rule as it was then."""
    assert lines("10.0.0.1;8.8.8.8;53;flow", DNS) == [
        "client 10.0.0.1",
        "service 8.8.8.8, port 53 (domain)",
        "packets 1,200",
        "udp 1,200 packets, 240 B",
        "first seen 1970-01-01 00:16:40 UTC, 1m ago",
        "last seen 1970-01-01 00:17:40 UTC, 5s ago",
        "agents bert, ernie",
        "decided by FLOW_MAPPING[3], as it was then: the rule in words",
        f"evidence {HANDSHAKE}",
        "expires in 1m",
        "stores one, two",
    ]


def test_a_flow_without_detail_has_what_its_counter_knows() -> None:
    """A flow without a `detail` hash has no lines for its unknown fields."""
    bare = replace(DNS, octets=None, first=None, last=None, protocols=(), rule="", sentence="", evidence="", agents=())

    assert lines("10.0.0.1;8.8.8.8;53;flow", bare)[2:] == ["packets 1,200", "expires in 1m", "stores one, two"]


@pytest.mark.parametrize("word", ["guessed", "rule"])
def test_what_is_no_rung_of_the_ladder_is_explained_too(word: str) -> None:
    """A guess and the operator's word take nothing as evidence, and say so."""
    (told,) = [each for each in lines("10.0.0.1;8.8.8.8;53;flow", replace(DNS, evidence=word)) if "evidence" in each]

    assert told == f"evidence {word}: {NO_EVIDENCE[RUNGS[word]]}"


def test_evidence_of_one_direction_says_what_that_means() -> None:
    """The word and its sentence are those of the evidence itself."""
    (told,) = [
        each for each in lines("10.0.0.1;8.8.8.8;53;flow", replace(DNS, evidence="bits, one way")) if "bits" in each
    ]

    assert told.startswith("evidence bits, one way: the first bytes")
    assert told.endswith("; one direction was seen, which can be forged")


def test_a_word_that_only_another_program_knows_stands_alone() -> None:
    """Whatever the store holds is printed as it is."""
    assert "evidence guts" in lines("10.0.0.1;8.8.8.8;53;flow", replace(DNS, evidence="guts"))


def test_a_flow_that_was_corrected_says_when() -> None:
    """The line about a correction has its moment, and what was wrong before it."""
    shown = lines("10.0.0.1;8.8.8.8;53;flow", replace(DNS, corrected=1005.0))

    assert (
        "corrected 1970-01-01 00:16:45 UTC, 1m ago: evidence showed that client and service had been written swapped"
        in shown
    )


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("10.0.0.1;8.8.8.8;40000:23;rst", None, "reset by 8.8.8.8, port 23"),
        ("10.0.0.1;8.8.8.8;40000:23;3;icmp", 3, "reason port unreachable"),
    ],
)
def test_refusals_name_both_ports_and_the_reason(text: str, code: int | None, told: str) -> None:
    """A reset has a line with its sender, an unreachable one with its reason."""
    row = ReconRow(
        kind=text.rpartition(";")[2],
        client=ip_address("10.0.0.1"),
        remote=ip_address("8.8.8.8"),
        client_port=40000,
        remote_port=23,
        code=code,
        packets=1,
        age=3.0,
        expires_in=None,
        stores=("one",),
    )

    shown = lines(text, row)

    assert shown[0] == "client 10.0.0.1, port 40000"
    assert told in shown
    assert "written 3s ago" in shown
