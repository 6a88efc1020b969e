"""Real clusters for tests: primaries, and replicas if wanted, on loopback, that notice a dead node within a second."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Final

from valkey.exceptions import ResponseError, ValkeyError

from shodohflo.store.slots import SLOTS
from support.serving import Server, tls_settings, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_BUS: Final = 10_000
"""From the port of a node to that on which nodes talk to each other."""

_NODE_TIMEOUT: Final = 1_000
"""Milliseconds."""


def port_with_bus() -> int:
    """Return a free port whose bus port is free as well."""
    while True:
        port = SystemRandom().randrange(12_000, 28_000)
        with suppress(OSError), socket.socket() as near, socket.socket() as far:
            near.bind(("127.0.0.1", port))
            far.bind(("127.0.0.1", port + _BUS))
            return port


@dataclass(slots=True)
class Cluster:
    """A cluster that belongs to one test."""

    program: str
    directory: Path
    primaries: int = 3
    replicas: int = 0
    """Of each primary."""
    arguments: tuple[str, ...] = ()
    certificate: Path | None = None
    """The directory with key and certificate of a cluster that speaks only TLS, and asks clients for theirs."""
    nodes: list[Server] = field(default_factory=list)
    """The primaries, then the replicas."""
    moved: dict[int, Server] = field(default_factory=dict)
    """The primaries that slots were moved to."""

    def start(self) -> Cluster:
        """Start all nodes, and wait until each of them says that all slots are served."""
        for number in range(self.primaries * (1 + self.replicas)):
            place = self.directory / f"node{number}"
            place.mkdir(parents=True)
            self.nodes.append(self._server(place).start())
        for number, node in enumerate(self.nodes[: self.primaries]):
            self._told(node, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            self._told(node, "CLUSTER", "ADDSLOTS", *self._slots(number))
        for node in self.nodes[1:]:
            self._told(self.nodes[0], "CLUSTER", "MEET", "127.0.0.1", node.port)
        wait_until(
            lambda: all(self._knows(node) == len(self.nodes) for node in self.nodes), "all nodes know each other"
        )
        for number, node in enumerate(self.nodes[self.primaries :]):
            self._told(node, "CLUSTER", "REPLICATE", self.id_of(self.nodes[number % self.primaries]))
        self.wait_until_ok()
        return self

    def _server(self, place: Path) -> Server:
        enabled = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(_NODE_TIMEOUT))
        files = ("--cluster-config-file", str(place / "nodes.conf"), "--appendonly", "no")
        quick = ("--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0")
        server = Server(self.program, place, (*enabled, *files, *quick, *self.arguments), port_with_bus())
        if self.certificate:
            among = ("--tls-cluster", "yes", "--tls-replication", "yes", "--tls-port", str(server.port))
            named = ("--cluster-announce-hostname", "localhost", "--cluster-preferred-endpoint-type", "hostname")
            server.arguments += (*among, *named, *tls_settings(self.certificate, clients="yes"))
            server.plain_port = 0
        return server

    def _slots(self, number: int) -> range:
        """Return the slots that primary `number` is given."""
        return range(SLOTS * number // self.primaries, SLOTS * (number + 1) // self.primaries)

    @property
    def url(self) -> str:
        """Return the URL with the first two nodes."""
        return f"valkey+cluster://127.0.0.1:{self.nodes[0].port},127.0.0.1:{self.nodes[1].port}"

    def announce(self, node: Server, port: int) -> None:
        """Let the cluster send clients of `node` to another port, and wait until all nodes do."""
        self._told(node, "CONFIG", "SET", "cluster-announce-bus-port", node.port + _BUS)
        self._told(node, "CONFIG", "SET", "cluster-announce-port", port)
        wait_until(
            lambda: all(str(port) in str(self._told(each, "CLUSTER", "SLOTS")) for each in self.nodes), "they do"
        )

    def errors(self, kind: str) -> int:
        """Return how often the nodes have answered with errors of a kind, such as MOVED."""
        stats = [str(self._told(node, "INFO", "errorstats")) for node in self.nodes if node.process]
        found = [re.search(rf"errorstat_{kind}:count=([0-9]+)", each) for each in stats]
        return sum(int(each[1]) for each in found if each)

    def node_of(self, slot: int) -> Server:
        """Return the primary that was given `slot` at the start, or that it was moved to since."""
        return self.moved.get(slot) or next(
            node for number, node in enumerate(self.nodes) if slot in self._slots(number)
        )

    def wait_until_ok(self) -> None:
        """Wait until every node that runs says that all slots are served."""
        wait_until(lambda: all(self._is_ok(node) for node in self.nodes if node.process), "the cluster is ok")

    def wait_until_agreed(self) -> None:
        """Wait until all nodes say the same of who serves which slot."""
        wait_until(lambda: len({self._owners(node) for node in self.nodes if node.process}) == 1, "all nodes agree")

    def slot_of(self, key: str) -> int:
        """Return the slot of `key`, as the cluster says."""
        return int(self._told(self.nodes[0], "CLUSTER", "KEYSLOT", key))

    def move_slot(self, slot: int, target: Server) -> None:
        """Move `slot` and its keys from the node that has it; all at once, as far as others see."""
        self.open_move(slot, target)
        self.move_keys(slot, target)
        self.close_move(slot, target)

    def open_move(self, slot: int, target: Server) -> None:
        """Begin to move `slot` to `target`."""
        source = self.node_of(slot)
        self._told(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", self.id_of(source))
        self._told(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", self.id_of(target))

    def move_keys(self, slot: int, target: Server) -> None:
        """Move the keys that are in `slot`."""
        while self.move_some(slot, target, 100):
            pass

    def move_some(self, slot: int, target: Server, number: int) -> int:
        """Move so many of the keys that are in `slot`; return how many there were of them."""
        source = self.node_of(slot)
        if keys := self._told(source, "CLUSTER", "GETKEYSINSLOT", slot, number):
            self._told(source, "MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        return len(keys)

    def close_move(self, slot: int, target: Server) -> None:
        """End the move."""
        for node in (target, self.node_of(slot)):
            self._told(node, "CLUSTER", "SETSLOT", slot, "NODE", self.id_of(target))
        self.moved[slot] = target

    def migrate(self, source: Server, slots: Iterable[int], target: Server) -> None:
        """Move `slots` of `source` with their keys all at once, as Valkey 9 does by itself."""
        ranges = [end for slot in slots for end in (slot, slot)]
        self._told(source, "CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", *ranges, "NODE", self.id_of(target))
        moves = ("CLUSTER", "GETSLOTMIGRATIONS")
        wait_until(lambda: all("success" in move for move in self._told(source, *moves)), "they have moved")
        self.moved |= dict.fromkeys(ranges, target)

    def id_of(self, node: Server) -> str:
        """Return the id of a node."""
        return str(self._told(node, "CLUSTER", "MYID"))

    def replica_of(self, primary: Server) -> Server:
        """Return a replica of `primary` that follows it now."""
        ports = {int(port) for _, port, _ in self._told(primary, "ROLE")[2]}
        return next(node for node in self.nodes if node.port in ports)

    def serving(self) -> list[Server]:
        """Return the primaries that run."""
        return [node for node in self.nodes if node.process and self._told(node, "ROLE")[0] == "master"]

    def everything(self) -> dict[str, str]:
        """Return the type of every key in the primaries that run, with the value of those that are text."""
        found: dict[str, str] = {}
        for node in self.serving():
            with node.client() as client:
                for name in client.scan_iter(count=1000):
                    found[name] = str(client.get(name)) if client.type(name) == "string" else client.type(name)
        return found

    def counts(self) -> dict[str, int]:
        """Return every count in the primaries that run."""
        found = self.everything()
        return {name: int(value) for name, value in found.items() if value.isdigit() and "writer;" not in name}

    def kill(self) -> None:
        """Kill all nodes."""
        for node in self.nodes:
            node.kill()

    def _knows(self, node: Server) -> int:
        known = self._told(node, "CLUSTER", "INFO")
        return int(_field(known, "cluster_known_nodes"))

    def _is_ok(self, node: Server) -> bool:
        try:
            return _field(self._told(node, "CLUSTER", "INFO"), "cluster_state") == "ok"
        except ValkeyError:
            return False

    def _owners(self, node: Server) -> str:
        return str(sorted((each[0], each[1], each[2][2]) for each in self._told(node, "CLUSTER", "SLOTS")))

    @staticmethod
    def _told(node: Server, *command: str | int) -> Any:  # noqa: ANN401 - the library's
        with node.client() as client:
            answer = client.connection_pool.get_connection("_")
            answer.send_command(*command)
            return answer.read_response()


def _field(info: Any, name: str) -> str:  # noqa: ANN401 - as above
    if not isinstance(info, str):
        raise ResponseError("no info")
    fields = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    return fields[name]
