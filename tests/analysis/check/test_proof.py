"""The whole check: the example configuration, large configurations, and accepted findings."""

from __future__ import annotations

import random
import time
from ipaddress import ip_network
from pathlib import Path

import pytest

from shodohflo.analysis.check.proof import check
from shodohflo.config import Configuration, load
from shodohflo.pcap_config import DST, SRC, Assign, FlowMapping, LowerPort, NetworkEnumeration, PortMatch
from shodohflo.rules.defaults import default_enumeration, default_mapping
from support.subjects import found, labels, subject

NOTES = load(Path(__file__).parents[3] / "examples" / "notes.py", {}, privileged=False)


def test_the_notes_example_as_it_is_meant_has_no_finding_about_order() -> None:
    """With our networks elsewhere, every entry and rule is in use, and one drop is spoofable."""
    assert labels(subject(NOTES.enumeration, NOTES.mapping, "192.168.0.0/16")) == [
        "SPOOFABLE-DROP FLOW_MAPPING[2]",
        "UNCOVERED-PAIR bert, ernie, external > external",
        "MISSING-FAMILY NETWORK_ENUMERATION IPv6",
    ]


def test_the_trap_of_the_notes_example_is_named() -> None:
    """If our networks contain bert and ernie and come first, four rules are dead."""
    findings = found(subject(NOTES.enumeration, NOTES.mapping, "10.0.0.0/8"))

    assert [finding.label for finding in findings] == [
        "SHADOWED-PREFIX NETWORK_ENUMERATION[1]",
        "SHADOWED-PREFIX NETWORK_ENUMERATION[2]",
        *(f"DEAD-RULE FLOW_MAPPING[{number}]" for number in (2, 3, 4, 5)),
        "UNCOVERED-PAIR external > external",
        "MISSING-FAMILY NETWORK_ENUMERATION IPv6",
    ]
    assert findings[0].sentence == (
        "10.0.0.1/32 of bert wholly belongs to 10.0.0.0/8 (OUR_4NETS) of our_nets (NETWORK_ENUMERATION[0])"
    )
    assert findings[2].sentence == (
        '"from external to bert: dropped if the source port is 53" never decides anything: no address is in bert, '
        "because our_nets (NETWORK_ENUMERATION[0]) has all of it; FLOW_MAPPING[0] takes its packets"
    )
    assert findings[2].witness is not None
    assert findings[2].witness.to_text() == "198.51.100.9:53 > 10.0.0.1:40000 udp"
    assert findings[2].outcome == "recorded as 10.0.0.1;198.51.100.9;53 by FLOW_MAPPING[0]"


def test_the_defaults_are_sound() -> None:
    """The defaults have no finding except that traffic between third parties is not recorded."""
    assert labels(subject(default_enumeration(), default_mapping(), "10.0.0.0/8", "fd00::/8")) == [
        "UNCOVERED-PAIR all > all"
    ]


def test_what_a_file_says_of_itself_comes_with_its_place(tmp_path: Path) -> None:
    """Warnings from reading the file are among the findings, and each finding has its line."""
    path = tmp_path / "c.py"
    path.write_text(
        "from shodohflo.pcap_config import *\n"
        "TTL_GARCE = 3\n"
        "NETWORK_ENUMERATION = NetworkEnumeration(('a', '0.0.0.0/0', '::/0'))\n"
        "FLOW_MAPPING = FlowMapping(\n  (None, None, LowerPort()),\n  (None, None, LowerPort()))\n",
        encoding="utf-8",
    )

    findings = check(Configuration(load(path, {}, privileged=False), ())).findings

    assert [(finding.where, finding.label) for finding in findings] == [
        (f"{path}:2:1", "UNKNOWN-SETTING TTL_GARCE"),
        (f"{path}:6:3", "DEAD-RULE FLOW_MAPPING[1]"),
    ]


def test_checking_moves_nobodys_counters_and_renumbers_nothing() -> None:
    """The failure counters and the network ids of the examined mapping do not change."""
    mapping = FlowMapping((None, None, LowerPort()))
    enumeration = NetworkEnumeration(("a", "0.0.0.0/0"))
    mapping.number_networks(enumeration)

    check(subject(enumeration, mapping))

    assert mapping.failures == {}
    assert mapping.pairs == ((0, 0),)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_big_configuration_takes_seconds_at_most(seed: int) -> None:
    """Fifty networks of both families with a hundred rules are checked within seconds."""
    draw = random.Random(seed)
    entries = [(f"n{n}", f"10.{n}.0.0/24", f"2001:db8:{n:x}::/48") for n in range(50)]
    enumeration = NetworkEnumeration(*entries, ("all", "0.0.0.0/0", "::/0"))
    names = [None, None, *(entry[0] for entry in entries)]

    def action() -> PortMatch | Assign:
        ports = {draw.randrange(1, 65536) for _ in range(draw.randrange(1, 6))}
        drop = draw.random() < 0.5
        return PortMatch(ports, DST, drop) if draw.random() < 0.5 else Assign(SRC, draw.choice([SRC, DST]), ports, drop)

    rules = [(draw.choice(names), draw.choice(names), action()) for _ in range(99)]
    given = subject(enumeration, FlowMapping(*rules, (None, None, LowerPort())), "10.0.0.0/9")
    begin = time.perf_counter()

    findings = check(given).findings

    assert time.perf_counter() - begin < 5
    assert findings


def test_what_is_accepted_is_set_aside_with_its_reason(tmp_path: Path) -> None:
    """Findings are accepted by code and place; an acceptance without a finding is a note."""
    path = tmp_path / "c.py"
    path.write_bytes(
        (Path(__file__).parents[3] / "examples" / "notes.py").read_bytes().partition(b"\nACCEPTED")[0]
        + b"\nACCEPTED_FINDINGS = {'SPOOFABLE-DROP FLOW_MAPPING[2]': 'seen', 'DEAD-RULE FLOW_MAPPING[9]': 'x'}\n"
    )

    report = check(Configuration(load(path, {}, privileged=False), (ip_network("192.168.0.0/16"),)))

    assert [(finding.label, reason) for finding, reason in report.accepted] == [
        ("SPOOFABLE-DROP FLOW_MAPPING[2]", "seen")
    ]
    assert [finding.sentence for finding in report.findings if finding.code == "STALE-ACCEPTANCE"] == [
        "'DEAD-RULE FLOW_MAPPING[9]' is accepted but not found"
    ]
    assert report.worst == "note"
