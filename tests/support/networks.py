"""Networks for live captures: namespaces joined by veth pairs, isolated from everything else.

Their names contain the process id, so that concurrent runs do not collide.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from support.machine import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CLONE_NEWNET: Final = 0x40000000
_numbers = itertools.count()


def run(*command: str | Path) -> str:
    """Run `command`, assert that it succeeds, and return its standard output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr or done.stdout}"
    return done.stdout


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace of `ip netns`."""

    name: str

    def prefix(self) -> list[str]:
        """Return the words to put before a command to run it in this namespace."""
        return ["ip", "netns", "exec", self.name]

    def run(self, *command: str | Path) -> str:
        """Run `command` in this namespace."""
        return run(*self.prefix(), *command)

    def ip(self, *words: str) -> None:
        """Run `ip` in this namespace."""
        run("ip", "-n", self.name, *words)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Move the current thread into this namespace; sockets that it opens stay here after it has left."""
        with Path("/proc/thread-self/ns/net").open() as home, Path("/var/run/netns", self.name).open() as here:
            _set_namespace(here.fileno())
            try:
                yield
            finally:
                _set_namespace(home.fileno())


def _set_namespace(descriptor: int) -> None:
    """Call setns(2), which `os` has only since Python 3.12."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def namespace() -> Iterator[Namespace]:
    """Create a namespace with `lo` up and without IPv6 autoconfiguration; delete it at the end."""
    require("ip", root=True)
    made = Namespace(f"c{os.getpid()}-{next(_numbers)}")
    run("ip", "netns", "add", made.name)
    try:
        for scope in ("default", "all"):
            made.run("sysctl", "-qw", f"net.ipv6.conf.{scope}.autoconf=0", f"net.ipv6.conf.{scope}.accept_ra=0")
            made.run("sysctl", "-qw", f"net.ipv6.conf.{scope}.addr_gen_mode=1", f"net.ipv6.conf.{scope}.accept_dad=0")
        made.ip("link", "set", "lo", "up")
        yield made
    finally:
        run("ip", "netns", "delete", made.name)


def join(here: Namespace, name: str, there: Namespace, name_there: str, *, mtu: int = 65535) -> None:
    """Join two namespaces by a veth pair that is up at both ends and sends nothing by itself."""
    pair = ("link", "add", name, "mtu", str(mtu), "type", "veth", "peer", "name", name_there, "mtu", str(mtu))
    here.ip(*pair, "netns", there.name)
    for space, end in ((here, name), (there, name_there)):
        # Without multicast, IPv6 sends no reports of its groups, so only packets of the test are counted.
        space.ip("link", "set", end, "multicast", "off", "arp", "off", "up")


def send(space: Namespace, interface: str, capture: Path, *options: str) -> int:
    """Replay `capture` on `interface` at top speed; return the number of packets sent."""
    require("tcpreplay")
    told = space.run("tcpreplay", "--topspeed", "-i", interface, *options, capture)
    sent = next(line for line in told.splitlines() if "Successful packets" in line)
    return int(sent.split()[-1])


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until `true` returns true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)
