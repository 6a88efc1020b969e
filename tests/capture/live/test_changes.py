"""Two lists of interfaces, and what happened between them, become a line for each change."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

from shodohflo.capture.live.changes import ChangeKind, changes
from shodohflo.capture.live.interfaces import Interface
from shodohflo.capture.live.netlink import Happened

ETH = Interface("eth0", 2, addresses=(ip_interface("192.0.2.7/24"),))


def told(before: list[Interface], after: list[Interface], happened: Happened | None = None) -> list[tuple[str, str]]:
    """Return kind and text of each change."""
    return [(change.kind.value, change.text) for change in changes(before, after, happened or Happened())]


def test_without_a_change_nothing_is_told() -> None:
    """Equal lists have no difference, even if events came."""
    assert told([ETH], [ETH], Happened(overflows=3)) == []


def test_what_comes_is_told_with_its_state() -> None:
    """A new interface is told with its addresses."""
    assert told([], [ETH, Interface("wg0", 3, up=False)]) == [
        ("came", "eth0 has appeared (up, 192.0.2.7/24)"),
        ("came", "wg0 has appeared (down, no address yet)"),
    ]


def test_what_goes_is_told_and_where_to_if_it_is_known() -> None:
    """An interface is gone, or in another namespace."""
    moved = Happened({2: "eth0"}, frozenset({2}))

    assert told([ETH], []) == [("gone", "eth0 is gone")]
    assert told([ETH], [], moved)[0][0] == ChangeKind.MOVED
    assert "another network namespace" in told([ETH], [], moved)[0][1]


def test_what_left_and_came_back_is_told_twice() -> None:
    """An interface that is in both lists, but was away between them, has gone and come."""
    away = Happened({2: "eth0"}, frozenset({2}))

    assert [kind for kind, _ in told([ETH], [ETH], away)] == ["moved", "came"]


def test_what_came_and_went_between_two_lists_is_told() -> None:
    """An interface that is in neither list is known by the event of its end."""
    assert told([ETH], [ETH], Happened({9: "ppp0"})) == [
        ("came", "ppp0 has appeared, and gone at once"),
        ("gone", "ppp0 is gone"),
    ]


def test_names_states_and_addresses_that_change_are_told() -> None:
    """Each difference is a change of its own."""
    other = replace(ETH, name="wan0", up=False, addresses=(ip_interface("2001:db8::7/64"),))

    assert told([ETH], [other]) == [
        ("renamed", "eth0 is called wan0 now"),
        ("down", "wan0 is down: it receives nothing"),
        ("address_removed", "wan0 has lost the address 192.0.2.7/24"),
        ("address_added", "wan0 has the address 2001:db8::7/64 now"),
    ]
    assert told([other], [replace(other, up=True)]) == [("up", "wan0 is up")]


def test_a_hostile_name_is_escaped() -> None:
    """Whoever may make interfaces can give them names with control characters, which do not reach a terminal."""
    assert told([], [Interface("e\x1b[2J", 5)]) == [("came", "e\\x1b[2J has appeared (up, no address yet)")]
