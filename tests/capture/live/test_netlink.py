"""The list of interfaces matches what `ip` has set up, and changes are noticed."""

from __future__ import annotations

import select
import struct
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.capture.live.netlink import Happened, LinkEvents, list_interfaces, read_events
from support.networks import Namespace, join, namespace, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shodohflo.capture.live.interfaces import Interface


@pytest.fixture(name="space")
def _space() -> Iterator[Namespace]:
    """Return a namespace with one end of a veth pair, `eth0`."""
    with namespace() as far, namespace() as near:
        join(far, "far0", near, "eth0")
        yield near


def found(space: Namespace) -> dict[str, Interface]:
    """Return the interfaces of `space` by name."""
    with space.entered():
        return {interface.name: interface for interface in list_interfaces()}


def test_loopback_and_hardware_are_told_apart(space: Namespace) -> None:
    """Loopback is recognised by the kernel's flags."""
    interfaces = found(space)

    assert interfaces["lo"].loopback
    assert not interfaces["eth0"].loopback
    assert interfaces["eth0"].up
    assert interfaces["eth0"].kind == "veth"


def test_the_other_end_in_another_namespace_is_no_lower_device(space: Namespace) -> None:
    """The index of a device in another namespace is not reported as a lower device."""
    assert found(space)["eth0"].lower == 0


def test_addresses_of_both_families_come_with_their_prefix(space: Namespace) -> None:
    """Addresses have their prefix length; on a point-to-point link, the address is ours, not the other end's."""
    space.ip("address", "add", "192.0.2.7/24", "dev", "eth0")
    space.ip("address", "add", "198.51.100.1", "peer", "198.51.100.2", "dev", "eth0")
    space.ip("address", "add", "2001:db8::7/64", "dev", "eth0")

    addresses = found(space)["eth0"].addresses

    assert set(addresses) == {ip_interface(a) for a in ("192.0.2.7/24", "198.51.100.1/32", "2001:db8::7/64")}


def test_ports_and_lower_devices_are_known(space: Namespace) -> None:
    """The ports of a bridge have it as their master, and a macvlan has its lower device."""
    space.ip("link", "add", "br0", "type", "bridge")
    space.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    space.ip("link", "set", "v0", "master", "br0")
    space.ip("link", "add", "link", "eth0", "name", "mac0", "type", "macvlan")

    interfaces = found(space)

    assert (interfaces["br0"].kind, interfaces["br0"].up) == ("bridge", False)
    assert interfaces["v0"].master == interfaces["br0"].index
    assert (interfaces["mac0"].kind, interfaces["mac0"].lower) == ("macvlan", interfaces["eth0"].index)


@pytest.mark.parametrize(
    "change",
    [
        ("link", "set", "eth0", "down"),
        ("addr", "add", "192.0.2.77/24", "dev", "eth0"),
        ("addr", "add", "2001:db8:7::77/64", "dev", "eth0"),
    ],
)
def test_a_change_of_an_interface_or_an_address_is_an_event(space: Namespace, change: tuple[str, ...]) -> None:
    """A change of an interface or of its addresses makes the socket readable until the events are cleared."""
    with space.entered():
        events = LinkEvents()
    poll = select.poll()
    poll.register(events, select.POLLIN)

    before = poll.poll(0)
    space.ip(*change)
    after = poll.poll(10_000)
    events.take()
    cleared = poll.poll(0)
    events.close()

    assert (bool(before), bool(after), bool(cleared)) == (False, True, False)


def test_more_events_than_fit_are_no_error(space: Namespace, tmp_path: Path) -> None:
    """An overflow of the event socket is not an error."""
    changes = tmp_path / "changes"
    changes.write_text("link set eth0 down\nlink set eth0 up\n" * 400)
    with space.entered():
        events = LinkEvents()

    run("ip", "-n", space.name, "-batch", changes)
    happened = events.take()
    events.close()

    assert happened.overflows > 0


def test_what_has_gone_and_where_to_is_known(space: Namespace) -> None:
    """Of an interface that is gone, the event has the name, and whether it went to another namespace."""
    with namespace() as other:
        space.ip("link", "add", "eth7", "type", "veth", "peer", "name", "far7")
        space.ip("link", "add", "br8", "type", "bridge")
        interfaces = found(space)
        with space.entered():
            events = LinkEvents()
        space.ip("link", "set", "eth7", "netns", other.name)
        space.ip("link", "delete", "br8")
        happened = events.take()
        events.close()

    gone, deleted = interfaces["eth7"].index, interfaces["br8"].index
    assert happened == Happened({gone: "eth7", deleted: "br8"}, frozenset({gone}))


def test_a_port_that_leaves_its_bridge_is_not_gone(space: Namespace) -> None:
    """The kernel also calls it a deleted link if a bridge loses a port."""
    space.ip("link", "add", "br0", "type", "bridge")
    space.ip("link", "set", "eth0", "master", "br0")
    with space.entered():
        events = LinkEvents()
    space.ip("link", "set", "eth0", "nomaster")
    happened = events.take()
    events.close()

    assert happened == Happened()


def test_other_names_are_known(space: Namespace) -> None:
    """Alternative names and the type of interface are in the list."""
    space.ip("link", "property", "add", "dev", "eth0", "altname", "uplink", "altname", "enp7s0f1np1")

    interfaces = found(space)

    assert set(interfaces["eth0"].other_names) == {"uplink", "enp7s0f1np1"}
    assert (interfaces["eth0"].hardware, interfaces["lo"].hardware) == (1, 772)


_GONE: Final = struct.pack("=IHHIIBxHiII", 0, 17, 0, 0, 0, 0, 1, 42, 0, 0) + struct.pack("=HH8s", 12, 3, b"eth42\0\0\0")
"""RTM_DELLINK of the interface 42, with a length of 0."""


def test_malformed_events_say_nothing() -> None:
    """An event cut short at any byte, of any length or followed by rubbish, is read to its end."""
    event = struct.pack("=I", len(_GONE)) + _GONE[4:]

    assert read_events(event) == Happened({42: "eth42"})
    assert read_events(event * 2 + b"\xff" * 40).deleted == {42: "eth42"}
    for length in range(len(event)):
        assert read_events(event[:length]) == Happened()
        assert read_events(struct.pack("=I", length) + event[4:]).deleted.keys() <= {42}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_their_end(octets: bytes) -> None:
    """Whatever is received, reading it ends, and raises nothing."""
    assert read_events(octets).overflows == 0


def test_what_happened_adds_up() -> None:
    """An interface that moved away, came back and was deleted is gone, and no longer elsewhere."""
    first, then = Happened({7: "a"}, frozenset({7}), 1), Happened({7: "b", 8: "c"}, frozenset({8}), 2)

    assert first.and_then(then) == Happened({7: "b", 8: "c"}, frozenset({8}), 3)
    assert first.and_then(Happened()) == first
