"""Runs of the agent: interfaces, our networks, refusals at startup, and how a run ends."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shodohflo.store.connection import SocketStore
from shodohflo.store.embedded import EmbeddedStore
from support.machine import require
from support.networks import Namespace, join, namespace, send, wait_until
from support.terminals import on_a_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.conftest import Process
    from support.terminals import Terminal

BIN = Path(sys.executable).parent
NOTES = """\
from shodohflo.pcap_config import *
NETWORK_ENUMERATION = NetworkEnumeration(("our_nets", OUR_4NETS), ("bert", "10.0.0.1/32"), ("all", "0.0.0.0/0"))
FLOW_MAPPING = FlowMapping((None, "our_nets", LowerPort(SRC)), (None, "bert", LowerPort()))
"""
ON_ITS_TERMINAL = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Namespace, Namespace]]:
    """Return two joined namespaces; `v0` in the first has the addresses of bert's network."""
    monkeypatch.setenv("SHODOHFLO_STATE_DIR", str(tmp_path / "state"))
    with namespace() as bert, namespace() as world:
        join(bert, "v0", world, "v1")
        bert.ip("addr", "add", "10.0.0.1/24", "dev", "v0")
        bert.ip("addr", "add", "192.168.7.1/24", "dev", "v0")
        bert.ip("addr", "add", "2001:db8:7::1/64", "dev", "v0")
        try:
            yield bert, world
        finally:
            EmbeddedStore(tmp_path / "state").close()  # an agent that was killed has left it running


def command(space: Namespace, program: str, *arguments: object) -> list[str]:
    """Return the command line that runs one of our programs in a namespace."""
    name, *own = program.split()
    return [*space.prefix(), str(BIN / name), *own, *(str(argument) for argument in arguments)]


def agent(space: Namespace, *arguments: object, program: str = "shodohflo run") -> subprocess.CompletedProcess[str]:
    """Run the agent to its end."""
    return subprocess.run(command(space, program, *arguments), capture_output=True, text=True, check=False, timeout=60)


@contextmanager
def running(space: Namespace, log: Path, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run the agent in the background; yield when it listens or has ended."""
    started = command(space, "shodohflo run", *arguments)
    with log.open("wb") as told, subprocess.Popen(started, stdout=told, stderr=told) as process:
        try:
            wait_until(lambda: "listening to" in log.read_text() or process.poll() is not None)
            yield process
        finally:
            process.terminate()  # not killed: its store would outlive it
            process.wait(timeout=40)


def read(store: Path, *arguments: str) -> str:
    """Return what a reader prints about the embedded store."""
    environment = os.environ | {"SHODOHFLO_STATE_DIR": str(store)}
    asked = [str(BIN / "shodohflo"), *arguments]
    return subprocess.run(asked, capture_output=True, text=True, check=False, env=environment).stdout


def test_a_run_records_and_ends_with_the_summary(here: tuple[Namespace, Namespace], demo: Path, tmp_path: Path) -> None:
    """A run derives our networks, fills an embedded store that readers find, and ends with a ledger that sums up."""
    bert, world = here
    log, ledger = tmp_path / "log", tmp_path / "ledger.json"

    with running(bert, log, "--ledger", ledger) as process:
        sent = send(world, "v1", demo)
        wait_until(lambda: "192.168.7.20" in read(tmp_path / "state", "flows", "--port", "22"))
        process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=40)

    told = log.read_text()
    written = json.loads(ledger.read_text())
    assert status == 0
    assert "our networks, from the addresses of the interfaces: 10.0.0.0/24, 192.168.7.0/24, 2001:db8:7::/64" in told
    assert f"{sent:,} packets received, 0 dropped by the kernel" in told
    assert written["received"] == sent
    assert sum(written["outcomes"].values()) == sent
    assert (
        "no embedded store"
        in subprocess.run([BIN / "shodohflo", "flows"], capture_output=True, text=True, check=False).stderr
    )


def test_a_run_whose_networks_are_others_ends_with_a_hint(
    here: tuple[Namespace, Namespace], demo: Path, tmp_path: Path
) -> None:
    """If nearly all packets of a run were unmatched, standard error says what to do."""
    bert, world = here
    log = tmp_path / "log"

    with running(bert, log, "v0", "--our-nets", "203.0.113.9", "--ledger", tmp_path / "ledger.json") as process:
        send(world, "v1", demo)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=40)

    lines = log.read_text().splitlines()
    assert lines[0] == "our networks: 203.0.113.9/32, and by default fc00::/7 (OUR_6NETS)"
    assert any(line.startswith("hint: ") and "203.0.113.9/32, fc00::/7: name others" in line for line in lines)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_everything_written(
    here: tuple[Namespace, Namespace], tmp_path: Path, number: signal.Signals
) -> None:
    """SIGTERM and SIGINT end a run with status 0 and the summary."""
    bert, _ = here

    with running(bert, tmp_path / "log", "v0") as process:
        process.send_signal(number)
        status = process.wait(timeout=40)

    told = (tmp_path / "log").read_text()
    assert status == 0
    assert "packets received" in told
    assert "Traceback" not in told


def test_a_terminal_shows_the_flows_while_they_come(here: tuple[Namespace, Namespace], demo: Path) -> None:
    """A terminal shows a live table with the counters below it."""
    bert, world = here
    terminal, inside = pty.openpty()
    started = command(bert, "shodohflo run", "v0", "--duration", "4")
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    shown = b""

    with subprocess.Popen(started, stdin=inside, stdout=inside, stderr=inside, env=environment) as process:
        os.close(inside)
        while b"listening" not in shown:
            shown += os.read(terminal, 65536)
        send(world, "v1", demo)
        try:
            while chunk := os.read(terminal, 65536):
                shown += chunk
        except OSError:  # EIO on Linux, once the other side is closed
            pass
        status = process.wait(timeout=40)

    os.close(terminal)
    text = shown.decode(errors="replace")
    assert status == 0, text
    assert "Ctrl-C ends it" in text
    assert "192.168.7.20" in text
    assert "packets received" in text


@contextmanager
def watched(here: tuple[Namespace, Namespace], demo: Path, *arguments: object, rows: int = 30) -> Iterator[Terminal]:
    """Run an agent on a terminal of its own; yield it when it shows flows of the demo."""
    bert, world = here
    with on_a_terminal(command(bert, "shodohflo run", "v0", *arguments), rows=rows) as terminal:
        terminal.shows("q ends it")
        send(world, "v1", demo)
        terminal.shows("192.168.7.20")
        yield terminal


def test_keys_rule_the_live_table(here: tuple[Namespace, Namespace], demo: Path) -> None:
    """Flows are sorted, filtered and paused, on a terminal of any size; q ends the run and leaves the terminal well."""
    with watched(here, demo) as terminal:
        terminal.shows("; by bit/s")
        terminal.type("s")
        terminal.shows("; by pkt/s")
        terminal.type("/port=ssh\r")
        terminal.shows("/port=ssh leaves out")
        terminal.until(lambda terminal: " https " not in terminal.text, "only ssh is there")
        terminal.type("p")
        terminal.shows("PAUSED")
        terminal.type("p?")
        terminal.shows("sort by the next column")
        terminal.type("?")
        terminal.resize(50, 20)
        narrow = ["CLIENT", "SERVICE", "PORT", "BIT/S", "AGE"]
        terminal.until(lambda terminal: narrow in [line.split() for line in terminal.lines], "the table is narrow")
        terminal.shows("q ends it")
        terminal.resize(150, 40)
        terminal.shows("RULE")
        reading_keys = not terminal.is_canonical()
        terminal.type("q")

        assert terminal.end() == 0
        assert reading_keys
        assert terminal.is_canonical()
        assert not terminal.screen.cursor.hidden
    assert "packets received, 0 dropped by the kernel" in terminal.text
    assert "Traceback" not in terminal.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_the_terminal_well(
    here: tuple[Namespace, Namespace], demo: Path, number: signal.Signals
) -> None:
    """However the run ends, lines are read again, with an echo and a cursor."""
    with watched(here, demo) as terminal:
        terminal.type("/unfinished")
        terminal.shows("/unfinished_")
        terminal.process.send_signal(number)

        assert terminal.end() == 0
        assert terminal.is_canonical()
        assert not terminal.screen.cursor.hidden


def test_a_second_interrupt_ends_the_wait_for_a_dead_store(
    here: tuple[Namespace, Namespace], demo: Path, tmp_path: Path
) -> None:
    """The first Ctrl-C says what it waits for; the second ends at once, with ledger and summary and status 1."""
    ledger = tmp_path / "ledger.json"
    with watched(here, demo, "--store", f"unix://{tmp_path}/gone", "--ledger", ledger, rows=60) as terminal:
        terminal.type("\x03")
        terminal.shows("waiting for unix://")
        begin = time.monotonic()
        terminal.type("\x03")

        assert terminal.end() == 1
        assert time.monotonic() - begin < 8
        assert terminal.is_canonical()
    counted = json.loads(ledger.read_text())
    assert counted["outcomes"]["recorded.flow"] > 0
    assert "recorded packets never reached unix://" in " ".join(terminal.text.split())
    assert f"{counted['received']:,} packets received, 0 dropped by the kernel" in terminal.text


def test_the_older_way_to_start_it(here: tuple[Namespace, Namespace]) -> None:
    """`pcap_agent INTERFACE PREFIX` runs the same agent."""
    done = agent(here[0], "v0", "10.0.0.0/24", "--duration", "0.3", program="pcap_agent")

    assert done.returncode == 0
    assert "0 packets received" in done.stdout
    assert "listening to v0" in done.stderr


def test_a_derived_network_that_swallows_a_named_host_is_refused(
    here: tuple[Namespace, Namespace], tmp_path: Path
) -> None:
    """A derived network that contains a named host is refused with status 2; the error names both and --our-nets."""
    path = tmp_path / "notes.py"
    path.write_text(NOTES)

    refused = agent(here[0], "--config", path)
    named = agent(here[0], "--config", path, "--our-nets", "10.0.0.0/24", "--duration", "0.3")

    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "10.0.0.0/24" in refused.stderr
    assert "10.0.0.1/32 of NETWORK_ENUMERATION[1] 'bert'" in refused.stderr
    assert "--our-nets" in refused.stderr
    assert named.returncode == 0, named.stderr


def test_a_configuration_in_the_working_directory_is_taken(
    here: tuple[Namespace, Namespace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`run` loads `configuration.py` from the working directory, and logs its unknown settings."""
    (tmp_path / "configuration.py").write_text("TTL_GARCE = 3\n")
    monkeypatch.chdir(tmp_path)

    done = agent(here[0], "--duration", "0.3")

    assert done.returncode == 0
    assert "TTL_GARCE is not a setting (did you mean TTL_GRACE?)" in done.stderr
    assert "UNCOVERED-PAIR" not in done.stderr  # no findings about rules that the file does not define


def test_what_the_check_finds_is_logged_when_the_agent_starts(
    here: tuple[Namespace, Namespace], tmp_path: Path
) -> None:
    """Each finding is logged in one line with its packet, and does not stop a run with named networks."""
    path = tmp_path / "notes.py"
    path.write_text(NOTES)

    done = agent(here[0], "--duration", "0.3", "--config", path, "--our-nets", "10.0.0.0/8")

    lines = done.stderr.splitlines()
    assert done.returncode == 0
    assert any(f"WARNING {path}:3:" in line and "DEAD-RULE FLOW_MAPPING[1]: " in line for line in lines)
    assert any("INFO MISSING-FAMILY NETWORK_ENUMERATION IPv6: " in line for line in lines)
    assert any(
        line.endswith(
            "(198.51.100.9:40000 > 10.0.0.1:443 udp: recorded as 198.51.100.9;10.0.0.1;443 by FLOW_MAPPING[0])"
        )
        for line in lines
    )


def test_an_unknown_interface_lists_those_that_exist(here: tuple[Namespace, Namespace]) -> None:
    """An unknown interface is refused with status 1, and the error lists those that exist."""
    for arguments in (["nope"], ["nope", "--our-nets", "10.0.0.0/8"]):
        done = agent(here[0], *arguments)

        assert done.returncode == 1
        assert "there is no interface nope; there are lo, v0" in done.stderr
        assert "Traceback" not in done.stderr


def test_without_the_right_to_capture_it_says_what_is_needed(here: tuple[Namespace, Namespace]) -> None:
    """A run without CAP_NET_RAW fails with status 1, and the error points to the demo, which needs no rights."""
    require("setpriv")
    bereft = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]

    done = subprocess.run(
        [*here[0].prefix(), *bereft, str(BIN / "shodohflo"), "run"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "CAP_NET_RAW" in done.stderr
    assert "make demo" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_state_directory_that_cannot_be_is_said_before_anything_is_captured(
    here: tuple[Namespace, Namespace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unusable state directory ends the run at once, with one line and status 1."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SHODOHFLO_STATE_DIR", str(tmp_path / "file"))

    done = agent(here[0], "--our-nets", "10.0.0.0/8", "--duration", "5")

    assert done.returncode == 1
    assert done.stderr.splitlines(keepends=True)[-1] == (
        f"shodohflo: embedded store: {tmp_path}/file: is not a directory: "
        "name another directory with SHODOHFLO_STATE_DIR\n"
    )


def test_without_an_interface_it_says_so_and_waits_for_one(here: tuple[Namespace, Namespace]) -> None:
    """A run without any interface reports that it has none and no networks, and waits."""
    with namespace() as empty:
        done = agent(empty, "--duration", "0.3")

    assert done.returncode == 0
    assert "our networks, until an interface has an address (--our-nets names others): by default " in done.stderr
    assert "there is no interface to listen to now: waiting for one" in done.stderr
    assert here


def test_the_embedded_store_holds_what_the_setting_says(here: tuple[Namespace, Namespace], tmp_path: Path) -> None:
    """STORE_MEMORY limits the memory of the embedded store."""
    (tmp_path / "small.py").write_text("STORE_MEMORY = 12\n")

    log, store = tmp_path / "log", SocketStore(tmp_path / "state" / "store.sock")
    with running(here[0], log, "--config", tmp_path / "small.py"), store.connect_as_agent() as client:
        told = client.config_get("maxmemory*")

    assert (told["maxmemory"], told["maxmemory-policy"]) == (str(12 * 2**20), "volatile-ttl")


def test_a_name_is_taken_once(here: tuple[Namespace, Namespace], tmp_path: Path) -> None:
    """A second agent of the same name is refused, because both would write the same hash; another name is accepted."""
    with running(here[0], tmp_path / "log", "--name", "inside"):
        second = agent(here[0], "--name", "inside", "--duration", "0.3")
        other = agent(here[0], "--name", "outside", "--duration", "0.3")

    assert second.returncode == 2
    assert "an agent called inside is already running" in second.stderr.splitlines()[-1]
    assert other.returncode == 0, other.stderr


def test_a_terminal_that_is_closed_ends_it_well(here: tuple[Namespace, Namespace], tmp_path: Path) -> None:
    """A closed terminal ends the run with status 0, and the ledger is written."""
    terminal, inside = pty.openpty()
    ledger = tmp_path / "ledger.json"
    started = command(here[0], "shodohflo run", "v0", "--ledger", ledger)
    shown = b""

    with subprocess.Popen(
        [sys.executable, "-c", ON_ITS_TERMINAL, *started],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
    ) as process:
        os.close(inside)
        while b"listens to" not in shown:
            shown += os.read(terminal, 65536)
        os.close(terminal)
        status = process.wait(timeout=40)

    assert status == 0
    assert json.loads(ledger.read_text())["kernel_dropped"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--duration", "0"], "write a number of seconds greater than 0"),
        (["--duration", "soon"], "'soon' is not a valid float"),
        (["--our-nets", "home"], "'home' is not a prefix"),
        (["--config", "/nowhere.py"], "/nowhere.py: no such file"),
        (["--our-nets", "10.0.0.0/8", "--store", "http://x"], "the scheme must be redis"),
        (["--name", "bert;flow"], "cannot be the name of an agent"),
        (["--name", "b\x1b]0;x\x07"], "cannot be the name of an agent"),
        (["--name", "*"], "cannot be the name of an agent"),
        (["--name", "b" * 58], "at most 57 characters"),
    ],
)
def test_wrong_use_is_one_line_with_status_2(process: Process, arguments: list[str], said: str) -> None:
    """A wrong argument is one line on standard error with status 2."""
    result = process("run", *arguments)

    assert result.returncode == 2
    assert said in result.stderr
    assert len([line for line in result.stderr.splitlines() if not line.startswith("our networks: ")]) == 1


@pytest.mark.parametrize("redirections", ["<&- >&- 2>&-", ">&-", "2>&-", ">/dev/full", "2>/dev/full"])
def test_a_run_outlives_its_streams(here: tuple[Namespace, Namespace], tmp_path: Path, redirections: str) -> None:
    """A run without usable streams goes on; its ledger file is complete, and the status is 1 only for a full disk."""
    ledger = tmp_path / "ledger.json"
    words = " ".join(command(here[0], "shodohflo run", "--duration", 0.5, "--ledger", ledger))

    done = subprocess.run(
        ["bash", "-c", f"{words} {redirections}"], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == (1 if "full" in redirections else 0)
    assert json.loads(ledger.read_text())["received"] >= 0
    assert "Traceback" not in done.stdout + done.stderr


def test_a_configuration_that_hangs_is_refused_at_the_start(here: tuple[Namespace, Namespace], tmp_path: Path) -> None:
    """A configuration that never ends is refused with its line and status 2, before anything is started."""
    (tmp_path / "hangs.py").write_text("x = 1\nwhile True:\n    x += 1\n")

    done = agent(here[0], "--config", tmp_path / "hangs.py")

    assert done.returncode == 2
    assert f"{tmp_path}/hangs.py:" in done.stderr
    assert "it did not end within 10 seconds" in done.stderr
    assert not (tmp_path / "state").exists()
