"""`shodohflo rules`: the configuration in sentences, with what each rule decided."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from shodohflo.config import load
from shodohflo.store.heartbeat import write_heartbeat

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from cli.conftest import Command
    from support.serving import Server

OURS = ("--our-nets", "192.168.7.0/24", "--our-nets", "2001:db8:7::/48")
CONFIGURATION = """\
from shodohflo.pcap_config import *
NETWORK_ENUMERATION = NetworkEnumeration(("bert", "192.168.7.1"), ("ours", OUR_4NETS), ("none",), ("all", "0.0.0.0/0"))
FLOW_MAPPING = FlowMapping(
    (None, "bert", PortMatch({53}, drop=True)), (None, "ours", LowerPort()), ("ours", None, LowerPort()))
"""
SENTENCES = [
    "from any network to bert: dropped if the source or the destination port is 53",
    "from any network to ours: the end with the lower port is the service, the source if they are equal",
    "from ours to any network: the end with the lower port is the service, the source if they are equal",
]


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a configuration that root may run."""
    for variable in ("SHODOHFLO_CONFIG", "SHODOHFLO_OUR_NETS", "SHODOHFLO_STORE"):
        monkeypatch.delenv(variable, raising=False)
    tmp_path.chmod(0o700)
    path = tmp_path / "c.py"
    path.write_text(CONFIGURATION, encoding="utf-8")
    path.chmod(0o600)
    return path


def rows(result: Result) -> list[dict[str, Any]]:
    """Return the printed JSON objects."""
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_configuration_is_printed_in_sentences(shodohflo: Command, configuration: Path) -> None:
    """Networks and rules are listed with their places."""
    result = shodohflo("rules", configuration)

    assert result.exit_code == 0
    assert [line.split(maxsplit=1) for line in result.stdout.splitlines()] == [
        ["PLACE", "SENTENCE"],
        ["NETWORK_ENUMERATION[0]", "bert: 192.168.7.1/32"],
        ["NETWORK_ENUMERATION[1]", "ours: OUR_4NETS"],
        ["NETWORK_ENUMERATION[2]", "none: no address"],
        ["NETWORK_ENUMERATION[3]", "all: 0.0.0.0/0"],
        *([f"FLOW_MAPPING[{number}]", sentence] for number, sentence in enumerate(SENTENCES)),
    ]


def test_without_a_file_the_defaults_are_printed(shodohflo: Command, configuration: Path) -> None:
    """Without CONFIG the rules of the defaults are printed."""
    assert configuration.exists()

    assert [row["place"] for row in rows(shodohflo("rules", "--json"))] == ["FLOW_MAPPING[0]", "FLOW_MAPPING[1]"]


def test_a_capture_adds_what_each_rule_decides(shodohflo: Command, configuration: Path, demo: Path) -> None:
    """Packets add up to those of `replay`; a flow counts for each rule that decided packets of it."""
    told = rows(shodohflo("rules", configuration, demo, *OURS, "--json"))
    replayed = rows(shodohflo("replay", "--config", configuration, demo, *OURS, "--json"))
    ledger = shodohflo("replay", "--keys", "--config", configuration, demo, *OURS).stderr

    assert [row["sentence"] for row in told] == SENTENCES
    assert sum(row["packets"] for row in told) == sum(row["packets"] for row in replayed)
    for row in told:
        assert row["flows"] >= sum(row["place"] == seen["rule"] for seen in replayed)
    assert max(row["flows"] for row in told) <= len(replayed) <= sum(row["flows"] for row in told)
    assert f"  {told[0]['dropped']}  dropped.FLOW_MAPPING[0]" in ledger
    assert told[0]["dropped"] > 0
    assert told[1]["dropped"] == told[2]["dropped"] == told[0]["packets"] == 0


def test_a_capture_that_breaks_is_used_and_told(shodohflo: Command, configuration: Path, tmp_path: Path) -> None:
    """An unreadable capture is reported with status 1, and the rules are printed."""
    result = shodohflo("rules", configuration, tmp_path / "nowhere.pcap")

    assert result.exit_code == 1
    assert "nowhere.pcap: No such file" in result.stderr
    assert SENTENCES[0] in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--running", "x.pcap"],
        ["--store", "valkey://bert"],
        ["--grade", "--running", "x.pcap"],
        ["--grade", "--store", "valkey://bert", "x.pcap"],
    ],
)
def test_questions_that_make_no_sense_are_refused(shodohflo: Command, arguments: list[str]) -> None:
    """Captures together with --running, and --store without it, are refused with status 2."""
    assert shodohflo("rules", *arguments).exit_code == 2


def test_a_running_agents_rules_are_counted_from_the_store(
    shodohflo: Command, configuration: Path, demo: Path, server: Server
) -> None:
    """With --running, flows and drops are counted from the store, with stored sentences if CONFIG is missing."""
    url = f"unix://{server.path}"
    shodohflo("replay", "--store", url, "--config", configuration, demo, *OURS)
    expected = rows(shodohflo("rules", configuration, demo, *OURS, "--json"))
    fields = {
        "configuration": "/etc/c.py",
        "configuration.digest": "other",
        "configuration.since": "noon",
        "outcomes.dropped.FLOW_MAPPING[0]": expected[0]["dropped"],
    }
    with server.client() as client:
        write_heartbeat(client, "bert", fields)

    told = shodohflo("rules", "--running", "--store", url, configuration, "--json")
    remembered = rows(shodohflo("rules", "--running", "--store", url, "--json"))

    live = rows(told)
    assert [row["sentence"] for row in live] == SENTENCES
    # A flow that several rules decided counts once, under the last of them.
    assert sum(row["packets"] for row in live) == sum(row["packets"] for row in expected)
    assert [row["dropped"] for row in live] == [row["dropped"] for row in expected]
    assert "agent bert runs another configuration: /etc/c.py, since noon" in told.stderr
    assert remembered[1:] == [row for row in live[1:] if row["packets"]]
    assert remembered[0]["sentence"] == "(its sentence is unknown)"
    assert remembered[0]["dropped"] == expected[0]["dropped"]


def test_grades_of_running_agents_are_read_from_the_store(
    shodohflo: Command, configuration: Path, server: Server
) -> None:
    """Without captures, --grade sums what the agents have in their hashes; a malformed grade is none."""
    url = f"unix://{server.path}"
    digest = load(configuration).digest
    fields = {"configuration.digest": digest, "grade.FLOW_MAPPING[1]": "1244 51 20000 51 38"}
    with server.client() as client:
        client.flushall()
        for name in ("bert", "ernie"):
            write_heartbeat(client, name, fields | {"grade.FLOW_MAPPING[2]": "1 2 3"})

    told = shodohflo("rules", "--grade", "--store", url, configuration)
    unknown = shodohflo("rules", "--grade", "--store", url)
    (row,) = rows(shodohflo("rules", "--grade", "--store", url, "--json"))

    assert told.stdout.splitlines() == [
        "FLOW_MAPPING[1] LowerPort(SRC): 4.1 % disagree with evidence; worst port 20000: 76 of 102; 2,488 flows graded"
    ]
    assert unknown.stdout.startswith("FLOW_MAPPING[1]: 4.1 % disagree")
    assert "`rules --grade CONFIG`" in unknown.stderr
    assert "`rules --grade CONFIG`" not in told.stderr
    assert (row["graded"], row["disagreed"], row["agents"]) == (2488, 102, ["bert", "ernie"])


def test_a_store_without_agents_has_no_grades_and_says_so(shodohflo: Command, server: Server) -> None:
    """It is told that no agent writes there, and what would have given a grade."""
    with server.client() as client:
        client.flushall()

    told = shodohflo("rules", "--grade", "--store", f"unix://{server.path}")

    assert told.exit_code == 0
    assert told.stdout.startswith("no rule is graded: ")
    assert "no agent" in told.stderr
    assert "CONFIG" not in told.stderr


def test_grades_of_captures_follow_a_replay(shodohflo: Command, configuration: Path, demo: Path) -> None:
    """With captures, --grade replays them: the ledger is on standard error, and every line is about a rule."""
    told = shodohflo("rules", "--grade", configuration, demo, *OURS)

    assert told.exit_code == 0
    assert "packets received" in told.stderr
    assert all(line.startswith(("FLOW_MAPPING[", "no rule is graded: ")) for line in told.stdout.splitlines())
    assert told.stdout


def test_rules_that_had_the_same_number_one_after_the_other_are_told_apart(
    shodohflo: Command, configuration: Path, demo: Path, tmp_path: Path, server: Server
) -> None:
    """Flows that an earlier rule of the same number decided do not count for the new one."""
    url = f"unix://{server.path}"
    other = tmp_path / "other.py"
    other.write_text(configuration.read_text().replace("LowerPort()", "Assign(DST, SRC)"))
    other.chmod(0o600)
    shodohflo("replay", "--store", url, "--config", configuration, demo, *OURS)

    told = rows(shodohflo("rules", "--running", "--store", url, other, "--json"))
    text = shodohflo("rules", "--running", "--store", url, other).stdout
    remembered = rows(shodohflo("rules", "--running", "--store", url, "--json"))

    new = {row["sentence"] for row in told} - {*SENTENCES}
    assert new
    assert all(row["packets"] == 0 for row in told if row["sentence"] in new)
    assert [row for row in told if row["packets"]] == [row for row in remembered if row["packets"]] != []
    assert "(in another configuration)" in text


def test_a_configuration_with_another_name_gets_the_way_out(shodohflo: Command, tmp_path: Path) -> None:
    """A configuration whose name does not end in .py is taken for a capture, and the message says what to do."""
    (tmp_path / "rules.conf").write_text("TTL_GRACE = 3\n")

    result = shodohflo("rules", tmp_path / "rules.conf")

    assert result.exit_code == 1
    assert "is named with --config" in result.stderr
