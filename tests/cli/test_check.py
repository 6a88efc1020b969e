"""`shodohflo check`: its text, its JSON and its exit status."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Command

    Written = Callable[[str], Path]

HEAD = "from shodohflo.pcap_config import *\n"
BOTH = HEAD + "NETWORK_ENUMERATION = NetworkEnumeration(('ours', OUR_4NETS), ('all', '0.0.0.0/0', '::/0'))\n"
SOUND = BOTH + "FLOW_MAPPING = FlowMapping(('ours', None, LowerPort()), (None, None, LowerPort(DST)))\nlower = 1\n"
DEAD = BOTH + "FLOW_MAPPING = FlowMapping((None, None, LowerPort()),\n  ('ours', None, LowerPort()))\n"
NAMELESS = HEAD + (
    "NETWORK_ENUMERATION = NetworkEnumeration(('a',))\nFLOW_MAPPING = FlowMapping((None, 'b', LowerPort()))\n"
)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Return a function that writes a configuration; nothing in the environment names another."""
    for variable in ("SHODOHFLO_CONFIG", "SHODOHFLO_OUR_NETS"):
        monkeypatch.delenv(variable, raising=False)
    tmp_path.chmod(0o700)

    def write(text: str) -> Path:
        path = tmp_path / "c.py"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    return write


def test_nothing_found_is_status_0(shodohflo: Command, written: Written) -> None:
    """A configuration without findings gives one line and status 0."""
    result = shodohflo("check", written(SOUND), "--our-nets", "192.168.0.0/16")

    assert (result.exit_code, result.stdout) == (0, "nothing found\n")


def test_a_warning_is_status_1_with_place_sentence_and_packet(shodohflo: Command, written: Written) -> None:
    """Each finding is a block with place, sentence and packet; the number of findings follows."""
    path = written(DEAD)

    result = shodohflo("check", path, "--our-nets", "192.168.0.0/16")

    assert result.exit_code == 1
    assert result.stdout == (
        f"{path}:4:3: warning: DEAD-RULE FLOW_MAPPING[1]\n"
        '    "from ours to any network: the end with the lower port is the service, the source if they are equal" '
        "never decides anything: FLOW_MAPPING[0] takes all its packets\n"
        "    192.168.0.1:40000 > 203.0.113.7:443 udp: recorded as 192.168.0.1;203.0.113.7;443 by FLOW_MAPPING[0]\n"
        "1 warning\n"
    )


def test_what_is_accepted_is_counted_and_listed_for_scripts(shodohflo: Command, written: Written) -> None:
    """An accepted finding leaves the status at 0; it is counted in the text and listed in the JSON."""
    path = written(DEAD + "ACCEPTED_FINDINGS = {'DEAD-RULE FLOW_MAPPING[1]': 'kept for the move'}\n")

    told = shodohflo("check", path, "--our-nets", "192.168.0.0/16")
    listed = shodohflo("check", path, "--our-nets", "192.168.0.0/16", "--json")

    assert (told.exit_code, told.stdout) == (0, "nothing found, 1 accepted, with reasons\n")
    (finding,) = map(json.loads, listed.stdout.splitlines())
    assert (finding["code"], finding["accepted"]) == ("DEAD-RULE", "kept for the move")


def test_json_says_all_there_is(shodohflo: Command, written: Written) -> None:
    """Each finding is one JSON object a line with all its fields."""
    path = written(DEAD)

    result = shodohflo("check", path, "--our-nets", "192.168.0.0/16", "--json")

    (finding,) = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == 1
    assert {name: finding[name] for name in ("level", "code", "place", "where", "witness", "accepted")} == {
        "level": "warning",
        "code": "DEAD-RULE",
        "place": "FLOW_MAPPING[1]",
        "where": f"{path}:4:3",
        "witness": "192.168.0.1:40000 > 203.0.113.7:443 udp",
        "accepted": None,
    }
    assert finding["sentence"].endswith("FLOW_MAPPING[0] takes all its packets")
    assert finding["outcome"].startswith("recorded as")


@pytest.mark.parametrize(
    ("text", "where", "sentence"),
    [
        ("x = (\n", ":1:5", "'(' was never closed"),
        (
            NAMELESS,
            ":3:28",
            "FLOW_MAPPING[0]: there is no network 'b' in NETWORK_ENUMERATION; did you mean 'a'?",
        ),
        (
            "TTL_GRACE = -1\n",
            ":1:1",
            "TTL_GRACE: -1 is not a number of seconds; write a whole number from 1 to 2,147,483,647",
        ),
        (
            HEAD + "x = Assin\n",
            ":2:5",
            "NameError: name 'Assin' is not defined (did you mean Assign?)",
        ),
    ],
)
def test_an_error_is_a_finding_and_status_2(
    shodohflo: Command, written: Written, text: str, where: str, sentence: str
) -> None:
    """An unusable configuration is a finding with file, line and column, and status 2."""
    path = written(text)

    told, listed = shodohflo("check", path), shodohflo("check", path, "--json")

    assert (told.exit_code, listed.exit_code) == (2, 2)
    assert told.stdout == f"{path}{where}: error: UNUSABLE configuration\n    {sentence}\n1 error\n"
    finding = json.loads(listed.stdout)
    assert (finding["level"], finding["where"], finding["sentence"]) == ("error", f"{path}{where}", sentence)


def test_a_file_that_is_not_there_is_an_error_too(shodohflo: Command, tmp_path: Path) -> None:
    """A missing file is an error with status 2."""
    result = shodohflo("check", tmp_path / "nowhere.py")

    assert result.exit_code == 2
    assert "no such file" in result.stdout


def test_without_a_file_the_defaults_are_checked(shodohflo: Command, written: Written) -> None:
    """Without CONFIG the defaults are checked: `check` never runs a file that merely is in the directory."""
    here = Path.cwd()
    os.chdir(written(DEAD).rename(written(DEAD).with_name("configuration.py")).parent)
    try:
        result = shodohflo("check")
    finally:
        os.chdir(here)

    assert result.exit_code == 0
    assert "no CONFIG: checking the defaults" in result.stderr
    assert "no --our-nets: taking 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7" in result.stderr
    assert result.stdout.endswith("1 note\n")


def test_a_doubtful_setting_is_a_warning(shodohflo: Command, written: Written) -> None:
    """An unknown setting is a warning that names the most similar one."""
    result = shodohflo("check", written(SOUND + "TTL_GARCE = 60\n"))

    assert result.exit_code == 1
    assert (
        ":5:1: warning: UNKNOWN-SETTING TTL_GARCE\n    TTL_GARCE is not a setting (did you mean TTL_GRACE?)"
        in result.stdout
    )
