"""Commands end, whatever a configuration and its custom actions do."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from shodohflo.cli.bounds import bounded, load_tried
from shodohflo.errors import ConfigurationError
from support.serving import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Command

ACTION = """\
from shodohflo.pcap_config import *
class Odd(MappingAction):
    def match(self, src_addr, src_port, dst_addr, dst_port):
        {body}
NETWORK_ENUMERATION = NetworkEnumeration(("ours", OUR_4NETS), ("all", "0.0.0.0/0", "::/0"))
FLOW_MAPPING = FlowMapping(("ours", None, Odd()))
"""


def written(folder: Path, text: str) -> Path:
    """Return the path of a configuration that only its owner can change."""
    path = folder / "c.py"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_a_configuration_that_ends_its_process_does_not_end_a_command(tmp_path: Path) -> None:
    """It is tried out first: in this process, it would end the tests."""
    with pytest.raises(ConfigurationError, match="it ended its process with status 7"):
        load_tried(written(tmp_path, "import os\nos._exit(7)\n"))


@pytest.mark.parametrize(
    "words",
    [
        ("check",),
        ("rules",),
        ("explain", "10.0.0.1:5 > 192.0.2.1:53 udp", "--config"),
        ("replay", "/dev/null", "--config"),
        ("compare", "/dev/null"),
    ],
    ids=lambda words: words[0],
)
def test_each_command_tries_a_configuration_out(shodohflo: Command, tmp_path: Path, words: tuple[str, ...]) -> None:
    """What takes all memory is refused by each of them with its line; the test's own process has no limit."""
    path = written(tmp_path, "x = 1\nx = bytes(3 * 2**30)\n")

    before, after = (words[0], path), () if words[0] in {"check", "rules"} else (path, "/dev/null")
    result = shodohflo(*before, *after) if words[0] in {"check", "rules", "compare"} else shodohflo(*words, path)

    assert result.exit_code == 2
    assert "c.py:2" in result.output
    assert "MemoryError" in result.output


@pytest.mark.parametrize("words", [("check",), ("explain", "10.0.0.1:5 > 192.0.2.1:53 udp", "--config")])
def test_an_action_that_takes_all_memory_is_a_failing_action(
    shodohflo: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """It gets a `MemoryError`, and the command goes on."""
    path = written(tmp_path, ACTION.format(body="return bytes(3 * 2**30) and None"))

    result = shodohflo(*words, path, "--our-nets", "10.0.0.0/8")

    assert "raised MemoryError" in result.output


def test_an_action_that_never_answers_is_named(shodohflo: Command, tmp_path: Path) -> None:
    """The watchdog interrupts it, and `check` says where it was."""
    path = written(tmp_path, ACTION.format(body="while True: pass"))

    result = shodohflo("check", path, "--our-nets", "10.0.0.0/8")

    assert result.exit_code == 1
    assert "did not answer within 5 s" in result.output
    assert "FLOW_MAPPING[0]" in result.output


def test_the_time_for_all_answers_is_bounded() -> None:
    """Code that catches every interruption ends its process with status 2 and one line."""
    program = (
        "from shodohflo.cli.bounds import bounded\n"
        "with bounded(0.2):\n"
        "    while True:\n"
        "        try:\n"
        "            while True: pass\n"
        "        except BaseException: pass\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=PATIENCE, check=False)

    assert ended.returncode == 2
    assert ended.stderr == b"shodohflo: the rules did not answer within 0.2 seconds: a custom action is too slow\n"


def test_the_limit_of_memory_ends_with_the_context() -> None:
    """What the command does afterwards has the memory that it had before."""
    before = resource.getrlimit(resource.RLIMIT_DATA)

    with bounded():
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] != before[0]

    assert resource.getrlimit(resource.RLIMIT_DATA) == before
