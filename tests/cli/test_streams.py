"""Closed, full and broken standard streams: results are complete, or one line names the loss."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from typing import TYPE_CHECKING, Final

import pytest

from shodohflo.cli.streams import MessageStream, ResultStream
from support.machine import require

if TYPE_CHECKING:
    from pathlib import Path

SHODOHFLO: Final = f"{sys.executable} -m shodohflo"
FULL: Final = "standard output: No space left on device: the rest of the output is lost"


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `command` in a shell, with PROGRAM for the program."""
    return subprocess.run(
        ["bash", "-c", command.replace("PROGRAM", SHODOHFLO)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | environment,
    )


@pytest.mark.parametrize("closed", [*product((True, False), repeat=3)])
def test_a_closed_stream_is_nowhere(demo: Path, tmp_path: Path, closed: tuple[bool, bool, bool]) -> None:
    """With any of the three standard streams closed, the others get all of theirs, and the status is 0."""
    ledger = tmp_path / "ledger.json"
    redirections = " ".join(f"{number}>&-" for number, shut in enumerate(closed) if shut)
    expected = shell(f"PROGRAM replay --keys {demo}")

    done = shell(f"PROGRAM replay --keys --ledger {ledger} {demo} {redirections}")

    assert done.returncode == 0
    assert done.stdout == ("" if closed[1] else expected.stdout)
    assert done.stderr == ("" if closed[2] else expected.stderr)
    assert ledger.read_text().startswith("{\n")
    assert ledger.read_text().endswith("}\n")


@pytest.mark.parametrize("command", ["demo", "check", "init", "completion bash", "--version", "rules", "flows --help"])
def test_every_command_survives_closed_streams(command: str) -> None:
    """Commands that only print succeed with all streams closed."""
    assert shell(f"PROGRAM {command} <&- >&- 2>&-").returncode == 0


def test_a_closed_standard_error_keeps_the_status(tmp_path: Path) -> None:
    """An error that cannot be printed is still in the status."""
    assert shell("PROGRAM nope 2>&-").returncode == 2
    assert shell(f"PROGRAM replay {tmp_path}/nope 2>&-").returncode == 1


def test_a_closed_standard_input_is_no_capture() -> None:
    """Reading a capture from a closed standard input is an error that says so."""
    done = shell("PROGRAM replay - <&-")

    assert done.returncode == 1
    assert "standard input is closed" in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command", ["replay --keys CAPTURE", "replay CAPTURE", "suggest CAPTURE", "init", "check", "demo"]
)
def test_a_full_standard_output_is_named(demo: Path, command: str, unbuffered: str) -> None:
    """If the results do not fit the disk, one line says so, and the status is 1."""
    done = shell(f"PROGRAM {command.replace('CAPTURE', str(demo))} >/dev/full", PYTHONUNBUFFERED=unbuffered)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(FULL)
    assert done.stderr.count("No space left") == 1
    assert "Traceback" not in done.stderr


def test_full_messages_do_not_keep_results_back(demo: Path) -> None:
    """If standard error is full, the results are complete; only the status 1 says that the ledger was lost."""
    expected = shell(f"PROGRAM replay --keys {demo}")

    done = shell(f"PROGRAM replay --keys {demo} 2>/dev/full")

    assert done.returncode == 1
    assert done.stdout == expected.stdout


def test_a_full_standard_output_does_not_take_the_ledger_with_it(demo: Path, tmp_path: Path) -> None:
    """The file of `--ledger` is written although standard output is full, and also when a pipe was closed."""
    for number, where in enumerate((">/dev/full", "| true")):
        shell(f"PROGRAM replay --json {' '.join([str(demo)] * 20)} --ledger {tmp_path}/{number} {where}")

    assert all((tmp_path / name).read_text().endswith("}\n") for name in "01")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("replay --ledger PLACE CAPTURE", "the ledger is not in this file, or not all of it"),
        ("init --force PLACE", "the configuration is not written completely"),
    ],
)
def test_a_full_disk_names_the_file_and_what_is_lost(demo: Path, tmp_path: Path, command: str, said: str) -> None:
    """Files on a full disk are named, with what is missing in them; the same for /dev/full."""
    require("mount", "unshare", root=True)
    command = command.replace("CAPTURE", str(demo))
    for place in ("/dev/full", f"{tmp_path}/full/file"):
        filled = f"mkdir -p {tmp_path}/full; mount -t tmpfs -o size=4k none {tmp_path}/full; echo > {tmp_path}/full/x"
        done = shell(f"unshare --mount bash -c '{filled}; PROGRAM {command.replace('PLACE', place)}'")

        assert done.returncode == 1
        assert f"{place}: No space left on device: {said}" in done.stderr
        assert "Traceback" not in done.stderr
        if "replay" in command:
            assert "packets received" in done.stdout


def test_a_closed_pipe_is_quiet(demo: Path) -> None:
    """A reader that has seen enough ends the command without a message."""
    done = shell(f"PROGRAM replay --keys {' '.join([str(demo)] * 20)} 2>/dev/full | head -1; echo ${{PIPESTATUS[0]}}")

    assert done.stdout.count("\n") == 2
    assert done.stderr == ""


def test_only_the_first_error_is_raised(tmp_path: Path) -> None:
    """Standard output raises once, with its name, and then discards; standard error never raises."""
    full = os.open("/dev/full", os.O_WRONLY)
    results, messages = ResultStream(full, "w", closefd=False), MessageStream(full, "w", closefd=False)

    assert results.write(b"") == 0
    with pytest.raises(OSError, match="No space left on device: the rest of the output is lost: 'standard output'"):
        results.write(b"data")
    assert results.write(b"data") == 4
    assert (messages.lost, messages.write(b"data"), messages.lost) == (False, 4, True)
    os.close(full)

    reading, writing = os.pipe()
    os.close(reading)
    gone = MessageStream(writing, "w")
    assert (gone.write(b"data"), gone.lost) == (4, False)
    gone.close()
    with ResultStream(os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT), "w") as file:
        assert file.write(b"data") == 4
    assert (tmp_path / "file").read_bytes() == b"data"
