"""Real Sentinels for tests: a primary with its replica, and Sentinels that agree within a second that it is away."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from valkey import Valkey
from valkey.exceptions import AuthenticationError, ValkeyError

from support.serving import PATIENCE, Server, free_port, wait_until

if TYPE_CHECKING:
    from pathlib import Path

PRIMARY: Final = "flows"
"""The name of the primary."""


@dataclass(slots=True)
class Sentinels:
    """A primary, a replica and their Sentinels, that belong to one test."""

    program: str
    directory: Path
    number: int = 3
    settings: tuple[str, ...] = ()
    """Further lines of the configuration of each Sentinel."""
    of_servers: tuple[str, ...] = ()
    """Further arguments of the primary and the replica."""
    servers: list[Server] = field(default_factory=list)
    """The primary, and the replica."""
    ports: list[int] = field(default_factory=list)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> Sentinels:
        """Start everything, and wait until the Sentinels know each other and the replica."""
        quick = ("--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", *self.of_servers)
        for number in range(2):
            place = self.directory / f"server{number}"
            place.mkdir(parents=True)
            self.servers.append(Server(self.program, place, quick).start())
        with self.servers[1].client() as client:
            client.replicaof("127.0.0.1", str(self.servers[0].port))
        for number in range(self.number):
            self._start_sentinel(number)
        wait_until(lambda: all(self._is_ready(number) for number in range(self.number)), "the Sentinels are ready")
        return self

    def _start_sentinel(self, number: int) -> None:
        port = free_port()
        lines = (
            f"port {port}",
            "bind 127.0.0.1",
            f"dir {self.directory}",
            f"sentinel monitor {PRIMARY} 127.0.0.1 {self.servers[0].port} {self.number // 2 + 1}",
            f"sentinel down-after-milliseconds {PRIMARY} 500",
            f"sentinel failover-timeout {PRIMARY} 2000",
            *self.settings,
        )
        file = self.directory / f"sentinel{number}.conf"
        file.write_text("\n".join(lines) + "\n", encoding="ascii")
        with file.with_suffix(".log").open("wb") as log:
            self.processes.append(subprocess.Popen([self.program, str(file), "--sentinel"], stdout=log, stderr=log))
        self.ports.append(port)

    @property
    def url(self) -> str:
        """Return the URL with all Sentinels."""
        return f"valkey+sentinel://{','.join(f'127.0.0.1:{port}' for port in self.ports)}/{PRIMARY}"

    def client(self, number: int) -> Valkey:
        """Return a client of a Sentinel."""
        return Valkey(port=self.ports[number], decode_responses=True, socket_timeout=PATIENCE)

    def primary(self) -> int:
        """Return the port that the first Sentinel says is that of the primary."""
        with self.client(0) as client:
            return int(client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", PRIMARY)[1])

    def fail_over(self) -> None:
        """Make the replica the primary, and wait until the old primary is its replica."""
        with self.client(0) as client:
            client.execute_command("SENTINEL", "FAILOVER", PRIMARY)
        wait_until(lambda: self._roles() == ["slave", "master"], "the roles are exchanged")

    def kill(self) -> None:
        """Kill everything."""
        for process in self.processes:
            process.kill()
            process.wait()
        for server in self.servers:
            server.kill()

    def _roles(self) -> list[str]:
        found = []
        for server in self.servers:
            # Sentinels end the connections to a server whose role changes.
            with suppress(ValkeyError), server.client() as client:
                found.append(str(client.execute_command("ROLE")[0]))
        return found

    def _is_ready(self, number: int) -> bool:
        try:
            with self.client(number) as client:
                known: Any = client.execute_command("SENTINEL", "MASTERS")
        except AuthenticationError:
            return True
        except ValkeyError:
            return False
        state = known[0] if isinstance(known[0], dict) else dict(zip(known[0][::2], known[0][1::2], strict=True))
        return (int(state["num-slaves"]), int(state["num-other-sentinels"])) == (1, self.number - 1)
