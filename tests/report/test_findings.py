"""Findings as single lines for a log, as text, and as JSON objects."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path

from shodohflo.config.findings import Code, Finding, Report
from shodohflo.report.findings import in_one_line, json_lines, text_lines, unusable
from shodohflo.rules.packet import Packet

DEAD = Finding(
    Code.DEAD_RULE,
    "FLOW_MAPPING[1]",
    "it never decides anything",
    Packet(ip_address("192.0.2.1"), 1, ip_address("192.0.2.2"), 2),
    where="c.py:4:3",
    outcome="dropped by FLOW_MAPPING[0]",
)


def test_a_finding_fits_one_line_of_a_log() -> None:
    """The line has position, code, place, sentence and witness, as far as they are known."""
    assert in_one_line(DEAD) == (
        "c.py:4:3: DEAD-RULE FLOW_MAPPING[1]: it never decides anything "
        "(192.0.2.1:1 > 192.0.2.2:2 udp: dropped by FLOW_MAPPING[0])"
    )
    assert in_one_line(Finding(Code.UNUSABLE, "x", "y")) == "UNUSABLE x: y"


def test_a_report_ends_with_the_number_of_findings() -> None:
    """The report lists each finding with its witness, then the counts by level; accepted ones are only counted."""
    lines = list(text_lines(Report((DEAD, DEAD), ((DEAD, "meant"),))))

    assert lines[:3] == [
        "c.py:4:3: warning: DEAD-RULE FLOW_MAPPING[1]",
        "    it never decides anything",
        "    192.0.2.1:1 > 192.0.2.2:2 udp: dropped by FLOW_MAPPING[0]",
    ]
    assert lines[-1] == "2 warnings, 1 accepted, with reasons"
    assert list(text_lines(Report(()))) == ["nothing found"]


def test_scripts_get_accepted_findings_with_their_reasons() -> None:
    """Each line is one object; `accepted` is null unless the finding is accepted."""
    objects = [json.loads(line) for line in json_lines(Report((DEAD,), ((DEAD, "meant"),)))]

    assert [each["accepted"] for each in objects] == [None, "meant"]
    assert objects[0]["code"] == "DEAD-RULE"
    assert objects[0]["witness"] == "192.0.2.1:1 > 192.0.2.2:2 udp"


def test_an_error_of_loading_is_a_finding_with_its_place() -> None:
    """The file, line and column at the beginning of the message become `where`."""
    finding = unusable("c.py:4:3: FLOW_MAPPING[1]: no", Path("c.py"))

    assert (finding.code, finding.where, finding.sentence) == (Code.UNUSABLE, "c.py:4:3", "FLOW_MAPPING[1]: no")
    assert unusable("no such file", Path("c.py")).where == ""
