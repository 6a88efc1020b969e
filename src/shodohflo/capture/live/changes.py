"""Changes of the machine: what has become of its interfaces and their addresses between two lists of them.

Lists show where the machine is, and events how it got there: an interface that left its namespace and came back between
two lists looks the same in both, but has lost what was set up on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from shodohflo.errors import foreign_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shodohflo.capture.live.interfaces import Interface
    from shodohflo.capture.live.netlink import Happened


class ChangeKind(StrEnum):
    """What can become of an interface; each word is a counter of the agent."""

    CAME = "came"
    GONE = "gone"
    MOVED = "moved"
    """To another network namespace."""
    RENAMED = "renamed"
    UP = "up"
    DOWN = "down"
    ADDRESS_ADDED = "address_added"
    ADDRESS_REMOVED = "address_removed"


@dataclass(frozen=True, slots=True)
class MachineChange:
    """One change of one interface."""

    kind: ChangeKind
    index: int
    text: str
    """What has happened, in one line without a full stop."""


def changes(before: Iterable[Interface], after: Iterable[Interface], happened: Happened) -> Iterator[MachineChange]:
    """Yield what has changed between two lists, with what has `happened` between them."""
    old = {interface.index: interface for interface in before}
    new = {interface.index: interface for interface in after}
    for index, interface in old.items():
        if index not in new or index in happened.deleted:
            yield _left(interface, is_moved=index in happened.moved)
    for index, name in happened.deleted.items():
        if index not in old and index not in new:
            yield _change(ChangeKind.CAME, index, name, "has appeared, and gone at once")
            yield _change(ChangeKind.GONE, index, name, "is gone")
    for index, interface in new.items():
        if index not in old or index in happened.deleted:
            yield _change(ChangeKind.CAME, index, interface.name, f"has appeared ({_state(interface)})")
        else:
            yield from _differences(old[index], interface)


def _left(interface: Interface, *, is_moved: bool) -> MachineChange:
    if is_moved:
        text = "has moved to another network namespace, where this agent does not see it"
        return _change(ChangeKind.MOVED, interface.index, interface.name, text)
    return _change(ChangeKind.GONE, interface.index, interface.name, "is gone")


def _differences(old: Interface, new: Interface) -> Iterator[MachineChange]:
    if old.name != new.name:
        yield _change(ChangeKind.RENAMED, new.index, old.name, f"is called {foreign_text(new.name)} now")
    if old.up != new.up:
        kind, text = (ChangeKind.UP, "is up") if new.up else (ChangeKind.DOWN, "is down: it receives nothing")
        yield _change(kind, new.index, new.name, text)
    for address in old.addresses:
        if address not in new.addresses:
            yield _change(ChangeKind.ADDRESS_REMOVED, new.index, new.name, f"has lost the address {address}")
    for address in new.addresses:
        if address not in old.addresses:
            yield _change(ChangeKind.ADDRESS_ADDED, new.index, new.name, f"has the address {address} now")


def _change(kind: ChangeKind, index: int, name: str, text: str) -> MachineChange:
    return MachineChange(kind, index, f"{foreign_text(name)} {text}")


def _state(interface: Interface) -> str:
    addresses = ", ".join(map(str, interface.addresses)) or "no address yet"
    return f"{'up' if interface.up else 'down'}, {addresses}"
