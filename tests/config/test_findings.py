"""Findings: their codes, levels and reports."""

from __future__ import annotations

import re
from ipaddress import IPv4Address

import pytest

from shodohflo.config.findings import Code, Finding, Level, Report
from shodohflo.rules.packet import Packet

DEAD = Finding(Code.DEAD_RULE, "FLOW_MAPPING[2]", "why")
PAIR = Finding(Code.UNCOVERED_PAIR, "a > b", "why")
ERROR = Finding(Code.UNUSABLE, "configuration", "why")


@pytest.mark.parametrize("code", Code)
def test_every_code_explains_itself(code: Code) -> None:
    """Each code has an explanation and a remedy in whole sentences, and a level."""
    assert re.fullmatch(r"[A-Z]+(-[A-Z]+)*", code)
    assert code.explanation.endswith(".")
    assert code.remedy.endswith(".")
    assert code.level in Level


def test_a_report_puts_first_what_matters_most() -> None:
    """A report sorts findings by level and keeps their order within a level."""
    report = Report.sort_out([PAIR, DEAD, ERROR, Finding(Code.SHADOWED_PREFIX, "x", "y")], {})

    assert [finding.code for finding in report.findings] == [
        "UNUSABLE",
        "DEAD-RULE",
        "SHADOWED-PREFIX",
        "UNCOVERED-PAIR",
    ]
    assert report.worst == "error"
    assert report.accepted == ()


def test_what_is_accepted_counts_no_more() -> None:
    """An accepted finding does not count, but the report keeps it with its reason."""
    report = Report.sort_out([PAIR, DEAD], {"DEAD-RULE FLOW_MAPPING[2]": "kept for the move"})

    assert report.findings == (PAIR,)
    assert report.accepted == ((DEAD, "kept for the move"),)
    assert report.worst == "note"


def test_accepting_takes_code_and_place() -> None:
    """An acceptance with another place or another code accepts nothing, and is reported as stale."""
    report = Report.sort_out([DEAD], {"DEAD-RULE FLOW_MAPPING[1]": "x", "ONE-WAY-DROP FLOW_MAPPING[2]": "x"})

    assert [finding.code for finding in report.findings] == ["DEAD-RULE", "STALE-ACCEPTANCE", "STALE-ACCEPTANCE"]


def test_an_empty_report_has_no_worst() -> None:
    """The worst level of an empty report is None."""
    assert Report.sort_out([], {}).worst is None


def test_a_finding_is_plain_json() -> None:
    """A finding as JSON has the witness as text, and null for what is unknown."""
    packet = Packet(IPv4Address("192.0.2.1"), 1, IPv4Address("192.0.2.2"), 2)
    shown = Finding(Code.DEAD_RULE, "FLOW_MAPPING[2]", "why", packet, "dropped", "c.py:1:2")

    assert DEAD.as_dict() == {
        "level": "warning",
        "code": "DEAD-RULE",
        "place": "FLOW_MAPPING[2]",
        "where": None,
        "sentence": "why",
        "witness": None,
        "outcome": None,
    }
    assert shown.as_dict() | {"witness": "192.0.2.1:1 > 192.0.2.2:2 udp", "where": "c.py:1:2"} == shown.as_dict()
