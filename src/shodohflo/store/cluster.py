"""A cluster as one store: it is found by any of its nodes, and read by a dialogue that asks each node for its own keys.

    ask([("GET", "a"), ("GET", "b"), ("DBSIZE",)])   ->   ["7", None, 1234]

A command with a key goes to the node of its slot, and follows the key if that has moved (MOVED, ASK). SCAN goes through
one node after the other: its cursor has the place of the node in front of that of the node. DBSIZE is the sum over all
nodes, and INFO the answers of all of them, one after the other. Replicas are not read.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from valkey.exceptions import ConnectionError as LostError
from valkey.exceptions import InvalidResponse, ValkeyError

from shodohflo.store.announced import OwnConnections
from shodohflo.store.connection import Entrance
from shodohflo.store.dialogue import Dialogue, Limits, TooLarge
from shodohflo.store.failures import one_line
from shodohflo.store.nodes import Nodes
from shodohflo.store.scanning import HEAD
from shodohflo.store.slots import slot_of
from shodohflo.store.topology import redirection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valkey import Valkey

    from shodohflo.store.dialogue import Answer, Command
    from shodohflo.store.urls import Endpoint, StoreUrl

_ROUNDS: Final = 8
"""How often a command follows its key."""

_CURSOR_DIGITS: Final = 20
"""Digits of a node's cursor, which has 64 bits."""

_NODE_CURSOR: Final = re.compile(rf"[0-9]{{1,{_CURSOR_DIGITS}}}", re.ASCII)

_MOST_VISITS: Final = 5_000
"""Nodes that one dialogue scans: those that get slots from others meanwhile are scanned once more."""


@dataclass(frozen=True, slots=True)
class ClusterStore:
    """A cluster that is reached by any of its nodes."""

    url: StoreUrl
    connections: OwnConnections = field(default_factory=OwnConnections)

    @property
    def name(self) -> str:
        """Return the URL without credentials."""
        return str(self.url)

    def connect(self) -> Valkey:
        """Return a client of one node, to see that the cluster can be reached; use `nodes` for its keys."""
        with self.nodes() as nodes:
            return nodes.take()

    def nodes(self) -> Nodes:
        """Return the nodes; one of them has answered."""
        return Nodes(Entrance(self.url, self.connections), self.name)


class ClusterDialogue(Dialogue):
    """Commands and answers on one connection to each node of a cluster."""

    def __init__(self, nodes: Nodes, limits: Limits | None = None) -> None:
        """Use `nodes`, which nobody else may use meanwhile."""
        self._nodes = nodes
        self._limits = limits or Limits()
        self._end = time.monotonic() + self._limits.total
        self._dialogues: dict[Endpoint, Dialogue] = {}
        self._scanned = nodes.topology
        self._visits = list(nodes.topology.primaries)
        if gaps := nodes.topology.without_node:
            raise LostError(f"{len(gaps):,} of its slots have no node, the first is {gaps[0]}")

    @property
    def database(self) -> int:
        """Return 0: a cluster has no other."""
        return 0

    def ask(self, commands: Sequence[Command]) -> list[Answer]:
        """Return the answer to each command; raise an error of the client library that names the node."""
        answers: dict[int, Answer] = {}
        by_key: dict[int, Command] = {}
        for position, command in enumerate(commands):
            match command[0]:
                case "SCAN":
                    answers[position] = self._scan(command)
                case "DBSIZE":
                    answers[position] = self._sum(command)
                case "INFO":
                    answers[position] = self._joined(command)
                case _:
                    by_key[position] = command
        answers |= self._by_key(by_key)
        return [answers[position] for position in range(len(commands))]

    def _by_key(self, commands: dict[int, Command]) -> dict[int, Answer]:
        """Return the answers to commands by their positions; each has its key behind its name."""
        answers: dict[int, Answer] = {}
        left = {position: (self._node(command), False) for position, command in commands.items()}
        for _ in range(_ROUNDS):
            if not left:
                break
            again: dict[int, tuple[Endpoint, bool]] = {}
            for node in dict.fromkeys(node for node, _ in left.values()):
                here = {position: asking for position, (there, asking) in left.items() if there == node}
                for position, answer in self._at(node, commands, here).items():
                    if (further := redirection(answer, node)) is None:
                        answers[position] = answer
                    else:
                        again[position] = (further.to, further.asks)
            moved = [node for node, asking in again.values() if not asking]
            if moved:
                self._nodes.refresh(moved[0])
            left = again
        if left:
            raise LostError("its slots move about; try again")
        return answers

    def _node(self, command: Command) -> Endpoint:
        slot = slot_of(str(command[1]))
        node = self._nodes.topology.node_of(slot)
        if node is None:
            raise LostError(f"slot {slot} has no node")
        return node

    def _at(self, node: Endpoint, commands: dict[int, Command], here: dict[int, bool]) -> dict[int, Answer]:
        """Return the answers of `node`; those to ASKING, which goes before some commands, are left out."""
        sent: list[Command] = []
        for position, asking in here.items():
            sent += [("ASKING",), commands[position]] if asking else [commands[position]]
        answers = self._told(node, sent)
        return dict(zip(here, (a for a, c in zip(answers, sent, strict=True) if c != ("ASKING",)), strict=True))

    def _told(self, node: Endpoint, commands: Sequence[Command]) -> list[Answer]:
        """Return the answers of one node."""
        try:
            return self._dialogue(node).ask(commands)
        except InvalidResponse as error:
            raise InvalidResponse(f"node {node}: {one_line(error)}") from error
        except (ValkeyError, OSError) as error:
            raise LostError(f"node {node}: {one_line(error)}") from error

    def _dialogue(self, node: Endpoint) -> Dialogue:
        if node not in self._dialogues:
            self._dialogues[node] = Dialogue(self._nodes.client(node), self._limits)
        return self._dialogues[node]

    def _scan(self, command: Command) -> Answer:
        """Take one step of a scan, on the node that the cursor names; see above."""
        visit, cursor = divmod(int(command[1]), 10**_CURSOR_DIGITS)
        if visit >= len(self._visits):
            raise InvalidResponse("a cursor of no node")
        [answer] = self._told(self._visits[visit], [("SCAN", str(cursor), *command[2:])])
        match answer:
            case [str(following), names] if _NODE_CURSOR.fullmatch(following):
                return [self._cursor(visit, int(following)), names]
            case TooLarge(head) if found := HEAD.match(head):
                following = self._cursor(visit, int(found[1]))
                return TooLarge(f"*2\r\n${len(following)}\r\n{following}\r\n".encode())
        return answer

    def _cursor(self, visit: int, following: int) -> str:
        """Return the cursor after a step on a node that answered `following`."""
        if following:
            return str(visit * 10**_CURSOR_DIGITS + following)
        return str((visit + 1) * 10**_CURSOR_DIGITS) if self._has_more(visit) else "0"

    def _has_more(self, visit: int) -> bool:
        """Return whether a node is left to scan after this one; what has moved meanwhile is looked for again."""
        if visit + 1 == len(self._visits):
            self._nodes.refresh()
            self._visits += self._nodes.topology.gains(self._scanned)
            self._scanned = self._nodes.topology
            if len(self._visits) > _MOST_VISITS:
                raise InvalidResponse("its slots move from node to node without end")
        return visit + 1 < len(self._visits)

    def _sum(self, command: Command) -> Answer:
        every = [self._told(node, [command])[0] for node in self._nodes.topology.primaries]
        odd = [answer for answer in every if type(answer) is not int]
        return odd[0] if odd else sum(every)

    def _joined(self, command: Command) -> Answer:
        every = [self._told(node, [command])[0] for node in self._nodes.topology.primaries]
        odd = [answer for answer in every if not isinstance(answer, str)]
        return odd[0] if odd else "\n".join(every)
