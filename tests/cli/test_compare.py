"""`shodohflo compare` as users and CI jobs see it: the text, the JSON and the exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from shodohflo.columns.batch import ACK, SYN
from shodohflo.model import TCP
from support.packets import ethernet, ip, tcp
from support.savefiles import pcap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.conftest import Command

    Write = Callable[[str, str], Path]

OURS = ("--our-nets", "192.168.7.0/24", "--our-nets", "2001:db8:7::/48")

IMPORT = "from shodohflo.pcap_config import *\n"
NETWORKS = "NETWORK_ENUMERATION = NetworkEnumeration(('ours', OUR_4NETS, OUR_6NETS), ('all', '0.0.0.0/0', '::/0'))\n"
DEFAULT = "(None, 'ours', LowerPort(SRC)), ('ours', None, LowerPort(DST))"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a configuration of some rules."""

    def write(name: str, rules: str) -> Path:
        path = tmp_path / name
        path.write_text(f"{IMPORT}{NETWORKS}FLOW_MAPPING = FlowMapping({rules})\n" if rules else "")
        path.chmod(0o600)
        return path

    return write


def test_the_same_rules_in_other_words_are_no_difference(shodohflo: Command, write: Write, demo: Path) -> None:
    """The defaults and the same rules written out make no difference."""
    result = shodohflo("compare", write("old.py", ""), write("new.py", DEFAULT), *OURS, demo)

    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:] == ["no difference"]


def test_what_changes_is_told_by_the_rules_that_do_it(shodohflo: Command, write: Write, demo: Path) -> None:
    """Each change has its packets, the deciding rules of both sides, and the keys."""
    new = write("new.py", f"(None, None, Assign(SRC, DST, {{22}}, drop=True)), {DEFAULT}")

    result = shodohflo("compare", write("old.py", ""), new, *OURS, demo)

    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("1,677 packets; ")
    assert lines[2:4] == ["", "newly dropped: 174 packets"]
    assert lines[4].startswith(
        "  before  recorded.flow by FLOW_MAPPING[0], from any network to our_nets: the end with "
    )
    assert lines[5] == (
        "  after   dropped by FLOW_MAPPING[0], from any network to any network: dropped if the destination port is 22"
    )
    assert [line.split()[1] for line in lines[6:]] == [
        "192.168.7.20;192.168.7.2;22;flow",
        "2001:db8:7::15;2001:db8:7::2;22;flow",
    ]


def test_long_lists_are_for_scripts(shodohflo: Command, write: Write, demo: Path) -> None:
    """The text shows the 20 largest changes and the number of the rest; the JSON has all."""
    arguments = (write("old.py", ""), write("new.py", "('ours', 'ours', LowerPort())"), *OURS, demo)

    text = shodohflo("compare", *arguments).stdout
    told = json.loads(shodohflo("compare", *arguments, "--json").stdout)

    lost = [change for change in told["changes"] if change["old"]["rule"] == "FLOW_MAPPING[0]"]
    assert len(lost) > 20
    assert f"    ... and {len(lost) - 20} more (--json has all)" in text
    assert {change["what"] for change in lost} == {"no longer recorded"}
    assert {change["new"]["outcome"] for change in lost} == {"unmatched.no_rule"}


def test_json_has_all_keys_with_their_counts(shodohflo: Command, write: Write, demo: Path) -> None:
    """The keys and counts are those that `replay --keys` prints for each configuration."""
    old, new = write("old.py", ""), write("new.py", "(None, None, LowerPort())")

    result = shodohflo("compare", old, new, *OURS, demo, "--json")

    told = json.loads(result.stdout)
    keys = [
        dict(
            line.split("\t")
            for line in shodohflo("replay", "--keys", "--config", path, *OURS, demo).stdout.splitlines()
        )
        for path in (old, new)
    ]
    assert told["keys"] == {"old": len(keys[0]), "new": len(keys[1])}
    assert set(told["added"]) == keys[1].keys() - keys[0].keys()
    assert set(told["gone"]) == keys[0].keys() - keys[1].keys() == set()
    assert {key: str(pair[1]) for key, pair in told["recounted"].items()} == {
        key: count for key, count in keys[1].items() if keys[0].get(key, count) != count
    }


def test_both_configurations_are_of_the_same_networks(shodohflo: Command, write: Write, demo: Path) -> None:
    """Both sides have the same presumed networks, which are named once."""
    result = shodohflo("compare", write("old.py", ""), write("new.py", DEFAULT), demo)

    assert result.stderr.count("no --our-nets: taking 10.0.0.0/8") == 1
    assert result.exit_code == 0


def test_what_is_taken_for_our_networks_swallows_nothing_that_either_names(
    shodohflo: Command, write: Write, demo: Path, tmp_path: Path
) -> None:
    """A private network is not ours if it contains a prefix that either configuration names after OUR_4NETS."""
    host = tmp_path / "host.py"
    networks = "NETWORK_ENUMERATION = NetworkEnumeration(('ours', OUR_4NETS), ('host', '10.0.0.1'))"
    host.write_text(f"{IMPORT}{networks}\nFLOW_MAPPING = FlowMapping()\n")
    host.chmod(0o600)

    result = shodohflo("compare", write("old.py", DEFAULT), host, demo)

    assert "no --our-nets: taking 172.16.0.0/12, 192.168.0.0/16" in result.stderr


def test_an_action_that_changes_its_mind_is_asked_once(shodohflo: Command, write: Write, demo: Path) -> None:
    """A custom action that changes its answers makes changes like any other, which account for the difference."""
    fickle = write("fickle.py", f"(None, None, Fickle()), {DEFAULT}")
    fickle.write_text(f"""\
{IMPORT}
class Fickle(MappingAction):
    asked = 0
    def match(self, src_addr, src_port, dst_addr, dst_port):
        self.asked += 1
        return (src_addr, dst_addr, dst_port) if self.asked % 3 else None
{fickle.read_text()}""")

    result = shodohflo("compare", fickle, write("new.py", DEFAULT), *OURS, "--json", demo)

    assert result.exit_code == 1
    difference = json.loads(result.stdout)
    assert difference["inside"] == {}
    assert difference["changes"]


def test_what_evidence_changes_is_compared(shodohflo: Command, write: Write, tmp_path: Path) -> None:
    """A service above its clients' ports: fifteen keys of the lower port become one, by their handshakes."""
    frames = []
    for port in range(40000, 40015):
        for there, flags, numbers in ((True, SYN, (port, 0)), (False, SYN | ACK, (9, port + 1)), (True, ACK, (0, 0))):
            (src, sport), (dst, dport) = (("10.0.0.5", port), ("10.0.0.9", 54321))[:: 1 if there else -1]
            frames.append(ethernet(ip(tcp(sport, dport, flags, numbers=numbers), TCP, src, dst)))
    capture = tmp_path / "high.pcap"
    capture.write_bytes(pcap(frames))
    old, new = write("old.py", "(None, None, LowerPort())"), write("new.py", "(None, None, Observed())")

    result = shodohflo("compare", old, new, "--our-nets", "10.0.0.0/8", capture)

    assert result.exit_code == 1
    assert "exchanged: 15 packets" in result.stdout
    assert "  after   recorded.flow by FLOW_MAPPING[0] (handshake), from any network" in result.stdout
    assert "10.0.0.9;10.0.0.5;40000;flow -> 10.0.0.5;10.0.0.9;54321;flow" in result.stdout


def test_a_capture_that_breaks_is_status_2(shodohflo: Command, write: Write, demo: Path, tmp_path: Path) -> None:
    """A truncated capture is compared as far as it can be read, with status 2."""
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(demo.read_bytes()[:100_000])

    result = shodohflo("compare", write("old.py", ""), write("new.py", DEFAULT), *OURS, cut)

    assert result.exit_code == 2
    assert "no difference in what could be read\n" in result.stdout
    assert f"shodohflo compare: {cut}: byte " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.py", "new.py", "x"], "missing.py: no such file"),
        (["old.py", "wrong.py", "x"], "FLOW_MAPPING[0]: "),
        (["old.py", "new.py"], "Missing argument 'CAPTURE...'"),
        (["old.py", "new.py", "missing.pcap"], "missing.pcap: No such file"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_status_2(
    shodohflo: Command, write: Write, tmp_path: Path, arguments: list[str], said: str
) -> None:
    """An unreadable configuration or capture is one line with status 2."""
    write("old.py", "")
    write("new.py", DEFAULT)
    write("wrong.py", "(None, 'nowhere', LowerPort())")

    result = shodohflo("compare", *(tmp_path / argument for argument in arguments), *OURS)

    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert len([line for line in result.stderr.splitlines() if not line.startswith("our networks: ")]) == 1


def test_doubts_about_a_configuration_are_told(shodohflo: Command, write: Write, demo: Path) -> None:
    """Unknown settings of either configuration are warned of."""
    new = write("new.py", DEFAULT)
    new.write_text(new.read_text() + "TTL_GARCE = 3\n")

    result = shodohflo("compare", write("old.py", ""), new, *OURS, demo)

    assert "TTL_GARCE is not a setting" in result.stderr


def test_a_capture_from_standard_input_is_compared_too(write: Write, demo: Path) -> None:
    """Standard input can be compared, because one pass is enough."""
    arguments = [write("old.py", ""), write("new.py", "(None, None, LowerPort())"), *OURS, "-"]
    command = [sys.executable, "-m", "shodohflo", "compare", *map(str, arguments)]

    done = subprocess.run(command, input=demo.read_bytes(), capture_output=True, check=False)

    assert done.returncode == 1
    assert b"newly recorded: " in done.stdout
