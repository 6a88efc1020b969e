"""Running agents for tests: the real command in a network namespace, writing to a real store."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from support.networks import Namespace, run, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from support.serving import Server

NAME: Final = "live"
"""The name of the agents."""

PROGRAM: Final = (sys.executable, "-m", "shodohflo")


@dataclass(frozen=True, slots=True)
class Watching:
    """A running agent."""

    process: subprocess.Popen[bytes]
    space: Namespace
    directory: Path

    def listens_to(self, interface: str) -> bool:
        """Return whether the agent listens to `interface`, which it makes promiscuous."""
        shown = subprocess.run(
            [*self.space.prefix(), "ip", "-d", "link", "show", interface], capture_output=True, text=True, check=False
        )
        return "promiscuity 1" in shown.stdout

    def end(self, number: signal.Signals = signal.SIGTERM) -> dict[str, Any]:
        """Send a signal, wait until the agent exits with status 0, and return the ledger."""
        self.process.send_signal(number)
        return self.ledger()

    def ledger(self) -> dict[str, Any]:
        """Wait until the agent exits with status 0, and return the ledger."""
        status = self.process.wait(timeout=30)
        assert status == 0, self.log()
        ledger: dict[str, Any] = json.loads((self.directory / "ledger.json").read_text())
        assert sum(ledger["outcomes"].values()) == ledger["received"]
        return ledger

    def log(self) -> str:
        """Return the log of the agent."""
        return (self.directory / "log").read_text()


def environment(directory: Path) -> dict[str, str]:
    """Return the environment of an agent whose run directory is in `directory`."""
    places = {"SHODOHFLO_RUN_DIR": str(directory / "run"), "SHODOHFLO_STATE_DIR": str(directory / "state")}
    return os.environ | {"COLUMNS": "100"} | places


@contextlib.contextmanager
def watching(
    space: Namespace, store: str, directory: Path, *words: str, joins: str = "near0", name: str = NAME
) -> Iterator[Watching]:
    """Run the agent `name` in `space` with its files in `directory`; yield it once it listens to `joins`, if given.

    Without `store`, its store is embedded, in the directory `state`.
    """
    words += ("--store", store) if store else ()
    command = [*space.prefix(), *PROGRAM, "run", *words, "--name", name, "--ledger", "ledger.json"]
    # `ip netns exec` replaces itself with the command, so signals reach the agent itself.
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log, env=environment(directory))
    agent = Watching(process, space, directory)
    try:
        wait_until(lambda: not joins or agent.listens_to(joins) or process.poll() is not None)
        yield agent
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def recorded(server: Server) -> dict[str, int]:
    """Return the keys of the five kinds that the store holds, with their counts."""
    kinds = (";flow", ";peer", ";rst", ";icmp")
    with server.client() as client:
        keys = [key for key in client.scan_iter(count=10_000) if key.endswith(kinds) or key.startswith("client;")]
        counts = client.mget(keys) if keys else []
        # A correction may delete a key meanwhile.
        return {key: int(count) for key, count in zip(keys, counts, strict=True) if count is not None}


def replayed(*captures: Path, our_nets: Sequence[str], words: Sequence[str | Path] = ()) -> dict[str, int]:
    """Return the keys of the five kinds that `replay` with `words` prints for `captures`, with their counts."""
    ours = [word for prefix in our_nets for word in ("--our-nets", prefix)]
    printed = run(*PROGRAM, "replay", "--keys", *ours, *words, *captures)
    keys = {key: int(count) for key, count in (line.split("\t") for line in printed.splitlines())}
    assert keys, "a comparison with nothing shows nothing"
    return keys
