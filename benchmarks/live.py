"""Live: the processor time of listening to a busy link, compared with tcpdump on the same traffic.

Two network namespaces are joined by a veth pair; tcpreplay sends a generated load at top speed into one end. At the
other end, `tcpdump -w /dev/null` and the agent with its embedded store listen in turn. The benchmark compares the
processor time that each needs from the first packet to the last; the agent's start-up and the store's own process are
reported separately. Nothing leaves the namespaces, which are removed afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.comparison import Comparison, Pairs, Skipped, Spent
from benchmarks.generate import Load, generate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NAME: Final = "wire to store, live"

TARGET: Final = 5.0
"""The agent's processor time may be at most this multiple of tcpdump's."""

LOAD: Final = Load(packets=200_000, flows=1_000)
LOOPS: Final = 10

_PROGRAMS: Final = ("ip", "tcpdump", "tcpreplay")
_SENDER, _LISTENER = "shodohflo-bench-tx", "shodohflo-bench-rx"
_LINK: Final = "bench0"
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PATIENCE: Final = 60.0
"""Seconds to wait for something before the benchmark fails."""


class LiveError(Exception):
    """The measurement could not be made."""


@dataclass(frozen=True, slots=True)
class Agent:
    """The agent's processor times and its ledger."""

    load: Spent
    """The processor time for the load, and the wall-clock time in which tcpreplay sent it."""
    start_up: float
    store: float
    """Processor seconds of the store's process for the load; `start_up` are the agent's until it listened."""
    received: int
    kernel_dropped: int


def wire_to_store(repetitions: int) -> Comparison | Skipped:
    """Compare the agent's processor time with tcpdump's, on the same load."""
    reason = obstacle()
    if reason:
        return Skipped(NAME, reason)
    capture = generate(LOAD)
    agents: list[Agent] = []
    heard: list[int] = []

    def tcpdump() -> Spent:
        with a_folder() as folder:
            spent, packets = _tcpdump(capture, folder)
        heard.append(packets)
        return spent

    def ours() -> Spent:
        with a_folder() as folder:
            agents.append(run_agent(capture, folder))
        return agents[-1].load

    with joined_namespaces():
        pairs = Pairs.interleaved(tcpdump, ours, repetitions)
    cost = pairs.times_the_cost()
    dropped = max(agent.kernel_dropped for agent in agents)
    return Comparison(
        name=NAME,
        yardstick="tcpdump -w /dev/null",
        yardstick_seconds=median(spent.processor for spent in pairs.yardstick),
        our_seconds=median(spent.processor for spent in pairs.ours),
        ratio=cost,
        target=f"<= {TARGET:g}",
        met=cost <= TARGET and dropped == 0,
        beside={
            "packets": LOAD.packets * LOOPS,
            "flows": LOAD.flows,
            "received": min(agent.received for agent in agents),
            "kernel_dropped": dropped,
            "packets_per_second": round(LOAD.packets * LOOPS / median(agent.load.wall for agent in agents)),
            "start_up_seconds": round(median(agent.start_up for agent in agents), 2),
            "store_seconds": round(median(agent.store for agent in agents), 2),
            "tcpdump_received": min(heard),
            "repetitions": repetitions,
        },
    )


def obstacle() -> str:
    """Return why this machine or user cannot run the benchmark; empty if it can."""
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    absent = [program for program in _PROGRAMS if shutil.which(program) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


@contextmanager
def a_folder() -> Iterator[Path]:
    """Make a temporary directory for one listener."""
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        yield Path(folder)


@contextmanager
def joined_namespaces() -> Iterator[None]:
    """Join two namespaces by a link that carries nothing but the load."""
    with ExitStack() as stack:
        for namespace in (_SENDER, _LISTENER):
            _run(["ip", "netns", "add", namespace])
            stack.callback(_run, ["ip", "netns", "delete", namespace])
            for settings in ("all", "default"):
                _run([*_inside(namespace), "sysctl", "-qw", f"net.ipv6.conf.{settings}.disable_ipv6=1"])
        peer = ["peer", "name", _LINK, "netns", _LISTENER]
        _run(["ip", "link", "add", _LINK, "netns", _SENDER, "mtu", "65535", "type", "veth", *peer, "mtu", "65535"])
        for namespace in (_SENDER, _LISTENER):
            _run([*_inside(namespace), "ip", "link", "set", "lo", "up"])
            _run([*_inside(namespace), "ip", "link", "set", _LINK, "up"])
        yield


def _inside(namespace: str) -> list[str]:
    return ["ip", "netns", "exec", namespace]


def _send(capture: Path) -> float:
    """Send the whole load at top speed; return the seconds that it took."""
    replay = ["tcpreplay", "--quiet", "--topspeed", "--preload-pcap", f"--loop={LOOPS}", f"--intf1={_LINK}"]
    said = _run([*_inside(_SENDER), *replay, str(capture)])
    rated = next(line for line in said.splitlines() if line.startswith("Rated:"))
    return LOAD.packets * LOOPS / float(rated.split(",")[-1].split()[0])


@contextmanager
def _listening(command: Sequence[str], folder: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a listener, wait until it listens, and kill it at the end; its output goes to `folder`/log."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*_inside(_LISTENER), *command], env=os.environ | environment, cwd=folder, stdout=log, stderr=log
        )
    try:
        _wait_for(_somebody_listens, f"{command[0]} to listen", process)
        _wait_for(lambda: _is_quiet(process.pid), f"{command[0]} to come to rest", process)
        yield process
    finally:
        process.kill()
        process.wait()


def _stop(process: subprocess.Popen[bytes], folder: Path) -> str:
    """Stop a listener with SIGINT, as its user would, and return its output."""
    process.send_signal(signal.SIGINT)
    status = process.wait(timeout=_PATIENCE)
    said = (folder / "log").read_text(errors="replace")
    if status != 0:
        raise LiveError(f"the listener ended with status {status}: {said}")
    return said


def _tcpdump(capture: Path, folder: Path) -> tuple[Spent, int]:
    """Return tcpdump's times for the load, and the number of packets it captured."""
    with _listening(["tcpdump", "-n", "-i", _LINK, "-w", "/dev/null"], folder) as process:
        started = _processor_seconds(process.pid)
        sending = _send(capture)
        _wait_for(lambda: _is_quiet(process.pid), "tcpdump to come to rest", process)
        spent = Spent(sending, _processor_seconds(process.pid) - started)
        said = _stop(process, folder)
    captured = next(line for line in said.splitlines() if "packets captured" in line)
    return spent, int(captured.split()[0])


def run_agent(capture: Path, folder: Path, *options: str) -> Agent:
    """Return the times of an agent with more `options` for the load, and its ledger."""
    program = str(Path(sys.executable).with_name("shodohflo"))
    networks = ["--our-nets", "10.0.0.0/8", "--our-nets", "fc00::/7"]
    command = [program, "run", _LINK, *networks, *options, "--ledger", str(folder / "ledger.json")]
    # With a state directory of its own, the agent owns its embedded store, which is removed with the folder.
    with _listening(command, folder, SHODOHFLO_STATE_DIR=str(folder)) as process:
        started = _processor_seconds(process.pid)
        children = _children(process.pid)
        stored = sum(map(_processor_seconds, children))
        sending = _send(capture)
        _wait_for(lambda: _is_quiet(process.pid), "the agent to come to rest", process)
        spent = Spent(sending, _processor_seconds(process.pid) - started)
        stored = sum(map(_processor_seconds, children)) - stored
        _stop(process, folder)
    counted = json.loads((folder / "ledger.json").read_text())
    return Agent(spent, started, stored, counted["received"], counted["kernel_dropped"])


def _somebody_listens() -> bool:
    """Return whether a packet socket is open in the listener's namespace."""
    return len(_run([*_inside(_LISTENER), "cat", "/proc/net/packet"]).splitlines()) > 1


def _is_quiet(pid: int) -> bool:
    """Return whether a process needs almost no processor time for a second; an agent still wakes up for its timers."""
    before = _processor_seconds(pid)
    time.sleep(1.0)
    return _processor_seconds(pid) - before <= 0.03


def _processor_seconds(pid: int) -> float:
    """Return the user and system time of a process in seconds; 0 if it has ended."""
    try:
        fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS  # utime and stime: proc_pid_stat(5)


def _children(pid: int) -> list[int]:
    """Return the descendants of `pid`: the embedded store's server."""
    threads = Path("/proc", str(pid), "task").glob("*/children")
    direct = [int(child) for thread in threads for child in thread.read_text().split()]
    return direct + [below for child in direct for below in _children(child)]


def _wait_for(condition: Callable[[], bool], what: str, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until `condition` holds; raise `LiveError` after `_PATIENCE` or if `process` has ended."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline or (process is not None and process.poll() is not None):
            raise LiveError(f"waited in vain for {what}")
        time.sleep(0.05)


def _run(command: Sequence[str]) -> str:
    """Run `command`, and return its output; raise `LiveError` if it fails."""
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise LiveError(f"{' '.join(command)}: {finished.stderr.strip()}")
    return finished.stdout
