"""The topology of a cluster: which node serves which slot, as the answer to CLUSTER SLOTS says it.

The answer may be anything: it is checked, and bounded in the number of nodes. Replicas are left out; a slot that no
node serves has none. For example, a cluster of two nodes:

    [[0, 8191, ["10.0.0.1", 6379, "9fb2...", []]], [8192, 16383, ["10.0.0.2", 6379, "c07e...", []]]]
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from valkey.exceptions import InvalidResponse, ResponseError

from shodohflo.store.slots import SLOTS
from shodohflo.store.urls import Endpoint, checked_host

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_NODES: Final = 1_000
"""Primaries of a cluster; its specification recommends no more."""

_NOBODY: Final = MOST_NODES
"""Stands for the node of a slot that none serves."""

_REDIRECTION: Final = re.compile(r"(MOVED|ASK) [0-9]{1,5} (.{0,255}):([0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Redirection:
    """An answer that names another node."""

    to: Endpoint
    asks: bool
    """Whether the other node must be told ASKING first, since the slot is still on its way."""


@dataclass(frozen=True, slots=True)
class Topology:
    """The primaries of a cluster and their slots."""

    primaries: tuple[Endpoint, ...]
    """In the order of their ids, so that it is the same whoever was asked."""
    _owners: array[int]
    """For each slot, the place of its node in `primaries`."""

    @classmethod
    def of(cls, answer: Any, asked: Endpoint) -> Self:  # noqa: ANN401 - anything at all
        """Return the topology that the node `asked` answered; raise `InvalidResponse` if it is none."""
        if not isinstance(answer, list):
            raise InvalidResponse("an odd answer to CLUSTER SLOTS")
        ids: dict[str, Endpoint] = {}
        ranges = [_range(entry, asked, ids) for entry in answer]
        if len(ids) > MOST_NODES:
            raise InvalidResponse(f"more than {MOST_NODES:,} primaries")
        order = sorted(ids)
        owners = array("H", [_NOBODY]) * SLOTS
        for first, last, node in ranges:
            for slot in range(first, last + 1):
                if owners[slot] != _NOBODY:
                    raise InvalidResponse(f"two nodes for slot {slot}")
                owners[slot] = order.index(node)
        return cls(tuple(ids[node] for node in order), owners)

    def node_of(self, slot: int) -> Endpoint | None:
        """Return the node that serves `slot`, `None` if there is none."""
        owner = self._owners[slot]
        return None if owner == _NOBODY else self.primaries[owner]

    @property
    def without_node(self) -> Sequence[int]:
        """Return the slots that no node serves."""
        return [slot for slot, owner in enumerate(self._owners) if owner == _NOBODY]

    def gains(self, before: Topology) -> tuple[Endpoint, ...]:
        """Return the nodes that have slots which other nodes had `before`."""
        return tuple(dict.fromkeys(node for slot in self.changes(before) if (node := self.node_of(slot))))

    def changes(self, before: Topology) -> list[int]:
        """Return the slots that other nodes had `before`, or none."""
        return [slot for slot in range(SLOTS) if self.node_of(slot) != before.node_of(slot)]


def redirection(answer: object, asked: Endpoint) -> Redirection | None:
    """Return where an `answer` of the node `asked` leads; `None` if it is not MOVED and not ASK."""
    text = str(answer) if isinstance(answer, ResponseError) else ""
    if not text.startswith(("MOVED ", "ASK ")):
        return None
    match = _REDIRECTION.fullmatch(text)
    if not match:
        raise InvalidResponse("an odd redirection")
    return Redirection(_endpoint(match[2], int(match[3]), asked), match[1] == "ASK")


def _range(entry: Any, asked: Endpoint, ids: dict[str, Endpoint]) -> tuple[int, int, str]:  # noqa: ANN401 - as above
    """Return the first and last slot of one entry and the id of its primary, which is added to `ids`."""
    match entry:
        case [int(first), int(last), [str() | None as host, int(port), str(node), *_], *_] if (
            0 <= first <= last < SLOTS and 0 < len(node) <= 64
        ):
            endpoint = _endpoint(host or "", port, asked)
            if ids.setdefault(node, endpoint) != endpoint:
                raise InvalidResponse("a node with two addresses")
            return first, last, node
    raise InvalidResponse("an odd entry in CLUSTER SLOTS")


def _endpoint(host: str, port: int, asked: Endpoint) -> Endpoint:
    """Return an address that the node `asked` named; without a host, it means its own."""
    if not 0 < port < 1 << 16:
        raise InvalidResponse("an odd port of a node")
    try:
        return Endpoint(checked_host(host or asked.host), port)
    except ValueError:
        raise InvalidResponse("an odd name of a node; see cluster-preferred-endpoint-type there") from None
