"""A small Debian machine to try the package on: a container that boots systemd, with two links to other namespaces."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INCLUDED: Final = "systemd,systemd-sysv,dbus,python3,iproute2,procps,man-db"
"""What a server has; the package brings the rest, or depends on it."""

_BOOTED: Final = ("running", "degraded")
"""What `systemctl is-system-running` says when it has finished; in a container, some of its own units may fail."""


def run(*words: str | Path, **options: str) -> str:
    """Run a command, assert that it succeeds, and return what it prints."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload] # options of `run`
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return str(done.stdout)


def release() -> str:
    """Return the code name of the release of this machine, on which the package was built."""
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("VERSION_CODENAME="))


@dataclass(frozen=True, slots=True)
class Machine:
    """A running machine."""

    leader: int
    """The process id of its systemd, seen from here."""
    root: Path
    network: str

    def run(self, *words: str | Path) -> str:
        """Run a command as its root, assert that it succeeds, and return what it prints."""
        return run(*self._inside(), *words)

    def status(self, *words: str) -> int:
        """Run a command as its root, and return its exit status."""
        return subprocess.run([*self._inside(), *words], capture_output=True, check=False).returncode

    def shell(self, text: str) -> str:
        """Run a line of shell as its root, assert that it succeeds, and return what it prints."""
        return self.run("sh", "-c", text)

    def _inside(self) -> list[str]:
        return [
            "nsenter",
            "--target",
            str(self.leader),
            "--all",
            "--",
            "env",
            "-i",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        ]


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """Install Debian in `folder`, boot it with the interfaces `inside0` and `inside1`, and remove it at the end.

    The other ends, `outside0` and `outside1`, are in a namespace of their own, called as the machine's with `-far`.
    """
    root, network = folder / "root", f"trial{os.getpid()}"
    run("mmdebstrap", "--variant=minbase", f"--include={INCLUDED}", release(), root)
    spaces = (network, f"{network}-far")
    for space in spaces:
        run("ip", "netns", "add", space)
    try:
        for number in (0, 1):
            ends = ("type", "veth", "peer", "name", f"outside{number}", "netns", spaces[1])
            run("ip", "-n", network, "link", "add", f"inside{number}", *ends)
            run("ip", "-n", network, "address", "add", f"192.0.{number + 2}.1/24", "dev", f"inside{number}")
            run("ip", "-n", network, "link", "set", f"inside{number}", "up")
            run("ip", "-n", spaces[1], "address", "add", f"192.0.{number + 2}.2/24", "dev", f"outside{number}")
            run("ip", "-n", spaces[1], "link", "set", f"outside{number}", "up")
        with _booted(root, network) as leader:
            yield Machine(leader, root, network)
    finally:
        for space in spaces:
            run("ip", "netns", "delete", space)
        shutil.rmtree(root)


@contextmanager
def _booted(root: Path, network: str) -> Iterator[int]:
    """Boot the system in `root`, and yield the process id of its systemd once it has finished."""
    # Not registered: this machine may have no systemd itself.
    command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--directory={root}", "--boot"]
    command += [f"--network-namespace-path=/run/netns/{network}", "--kill-signal=SIGRTMIN+4"]
    with (root.parent / "boot.log").open("wb") as log:
        container = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until(lambda: _leader(container.pid) is not None or container.poll() is not None)
        leader = _leader(container.pid)
        assert leader is not None, (root.parent / "boot.log").read_text(errors="replace")
        there = Machine(leader, root, network)
        wait_until(lambda: _state(there) in _BOOTED, 60)
        yield leader
    finally:
        container.terminate()
        try:
            container.wait(30)
        except subprocess.TimeoutExpired:
            container.kill()
            container.wait()


def _leader(container: int) -> int | None:
    """Return the process that the container's process has started, if it has."""
    children = Path(f"/proc/{container}/task/{container}/children")
    words = children.read_text(encoding="utf-8").split() if children.exists() else []
    return int(words[0]) if words else None


def _state(there: Machine) -> str:
    done = subprocess.run(
        [*there._inside(), "systemctl", "is-system-running"],  # noqa: SLF001 - the same module
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def wait_until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until `true` returns true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.1)
