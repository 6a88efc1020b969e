"""Each packet is counted once, names are obeyed, and our networks follow from the addresses."""

from __future__ import annotations

from ipaddress import ip_interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.capture.live.interfaces import STANDS_ON_LOWER, Interface, Wanted, our_networks
from shodohflo.errors import CaptureError

LO = Interface("lo", 1, loopback=True, addresses=(ip_interface("127.0.0.1/8"), ip_interface("::1/128")))
ETH0 = Interface("eth0", 2)
ETH1 = Interface("eth1", 3)
BRIDGE = Interface("br0", 10, kind="bridge")
PORT = Interface("tap0", 11, kind="tun", master=10)
VLAN = Interface("eth0.5", 12, kind="vlan", lower=2)


def listened(*interfaces: Interface, names: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
    """Choose, and return the names of what is listened to."""
    return [interface.name for interface in Wanted(names, exclude).choose(interfaces).listened]


def test_without_names_everything_that_is_up_is_listened_to_except_loopback() -> None:
    """An interface that is down receives nothing and is taken when it comes up."""
    down = Interface("eth9", 9, up=False)

    assert listened(LO, ETH0, down, ETH1) == ["eth0", "eth1"]


@pytest.mark.parametrize("kind", ["bridge", "bond", "team"])
def test_a_device_is_left_out_while_one_of_its_ports_is_listened_to(kind: str) -> None:
    """It shows again what the port received."""
    assert listened(ETH1, Interface("up0", 10, kind=kind), PORT) == ["eth1", "tap0"]


@pytest.mark.parametrize("kind", sorted(STANDS_ON_LOWER))
def test_a_device_is_left_out_while_its_lower_device_is_listened_to(kind: str) -> None:
    """The lower one has the packet first."""
    assert listened(ETH0, Interface("upper", 12, kind=kind, lower=2)) == ["eth0"]


def test_a_device_is_listened_to_where_nothing_under_it_is() -> None:
    """Ports that are down or excluded don't show its packets."""
    port_down = Interface("tap0", 11, up=False, master=10)

    assert listened(BRIDGE, port_down) == ["br0"]
    assert listened(BRIDGE, PORT, exclude=("tap0",)) == ["br0"]
    assert listened(ETH0, VLAN, exclude=("eth0",)) == ["eth0.5"]


def test_what_stands_on_something_left_out_is_left_out_too() -> None:
    """A VLAN of a bridge whose port is listened to: the port shows it all."""
    vlan_of_bridge = Interface("br0.7", 13, kind="vlan", lower=10)

    assert listened(BRIDGE, PORT, vlan_of_bridge) == ["tap0"]


@pytest.mark.parametrize("kind", ["veth", "vxlan", "gre", "wireguard", "macsec"])
def test_a_link_that_carries_other_packets_is_listened_to_beside_its_lower_device(kind: str) -> None:
    """What leaves a tunnel is another packet than the one that carried it; a veth's link is its other end."""
    assert listened(ETH0, Interface("tunnel", 12, kind=kind, lower=2)) == ["eth0", "tunnel"]


def test_devices_that_stand_on_something_unknown_are_listened_to() -> None:
    """A container's macvlan stands on a device in another namespace."""
    assert listened(Interface("eth0", 5, kind="macvlan", lower=77, master=78)) == ["eth0"]


def test_named_interfaces_are_obeyed_even_loopback_and_overlap() -> None:
    """The operator knows best, and is told what it means."""
    choice = Wanted(("lo", "br0", "tap0")).choose((LO, ETH0, BRIDGE, PORT))

    assert [interface.name for interface in choice.listened] == ["lo", "br0", "tap0"]
    assert len(choice.warnings) == 1
    assert "br0 shows again what tap0 received" in choice.warnings[0]


def test_a_named_interface_that_is_down_is_warned_about() -> None:
    """It is listened to all the same: it may come up."""
    choice = Wanted(("eth9",)).choose((Interface("eth9", 9, up=False),))

    assert [interface.name for interface in choice.listened] == ["eth9"]
    assert "eth9 is down" in choice.warnings[0]


def test_exclusion_beats_naming_and_a_name_that_excludes_nothing_is_told() -> None:
    """A misspelt exclusion would record what the operator did not want."""
    choice = Wanted(("eth0", "eth1"), ("eth1", "ethX")).choose((ETH0, ETH1))

    assert [interface.name for interface in choice.listened] == ["eth0"]
    assert choice.warnings == ("--exclude ethX: there is no interface of that name now",)


def test_an_unknown_name_lists_those_that_exist() -> None:
    """The way out stands in the error."""
    with pytest.raises(CaptureError, match=r"^there is no interface eth7; there are lo, eth0$"):
        Wanted(("eth0", "eth7")).refuse_unknown((LO, ETH0))


def test_known_names_and_no_names_are_not_refused() -> None:
    """Whether anything is up is another question."""
    Wanted(("eth0",)).refuse_unknown((LO, ETH0))
    Wanted().refuse_unknown(())


def networks(*interfaces: Interface, listened: tuple[Interface, ...] = ()) -> list[str]:
    """Derive our networks as text."""
    return [str(network) for network in our_networks(listened or interfaces, interfaces)]


def test_our_networks_are_those_of_the_addresses_in_both_families() -> None:
    """Host bits are left off."""
    eth0 = Interface("eth0", 2, addresses=(ip_interface("192.168.7.9/24"), ip_interface("2001:db8:1::9/64")))

    assert networks(eth0) == ["192.168.7.0/24", "2001:db8:1::/64"]


def test_loopback_and_link_local_addresses_say_nothing() -> None:
    """In either family."""
    eth0 = Interface("eth0", 2, addresses=(ip_interface("169.254.3.4/16"), ip_interface("fe80::1/64")))

    assert networks(LO, eth0) == []


def test_a_network_within_another_is_named_once() -> None:
    """Also where two interfaces have the same one."""
    eth0 = Interface("eth0", 2, addresses=(ip_interface("10.1.2.3/8"), ip_interface("10.9.0.1/32")))
    eth1 = Interface("eth1", 3, addresses=(ip_interface("10.1.2.4/8"),))

    assert networks(eth0, eth1) == ["10.0.0.0/8"]


def test_addresses_of_interfaces_that_are_not_listened_to_are_not_ours() -> None:
    """Who names the inside means the inside."""
    inside = Interface("eth0", 2, addresses=(ip_interface("192.168.7.9/24"),))
    outside = Interface("eth1", 3, addresses=(ip_interface("203.0.113.9/24"),))

    assert networks(inside, outside, listened=(inside,)) == ["192.168.7.0/24"]


def test_the_address_of_a_bridge_counts_for_its_port() -> None:
    """The port itself has none."""
    bridge = Interface("br0", 10, kind="bridge", addresses=(ip_interface("192.168.7.9/24"),))

    assert networks(bridge, PORT, listened=(PORT,)) == ["192.168.7.0/24"]


@st.composite
def machines(draw: st.DrawFn) -> tuple[Interface, ...]:
    """Make machines whose devices stand on earlier ones, in any depth."""
    made: list[Interface] = []
    for index in range(1, draw(st.integers(1, 8)) + 1):
        lower = draw(st.integers(0, index - 1))
        master = draw(st.sampled_from([0, *range(index + 1, 9)]))
        kind = draw(st.sampled_from(["", "vlan", "bridge"]))
        made.append(Interface(f"if{index}", index, up=draw(st.booleans()), kind=kind, master=master, lower=lower))
    return tuple(made)


def paths(machine: tuple[Interface, ...], start: Interface) -> list[list[Interface]]:
    """Return each way that a packet received by `start` takes upwards."""
    uppers = [
        upper
        for upper in machine
        if upper.index == start.master or (upper.kind == "vlan" and upper.lower == start.index)
    ]
    return [[start]] + [[start, *path] for upper in uppers for path in paths(machine, upper)]


@given(machines())
def test_no_packet_is_seen_twice_on_its_way_up_nor_missed(machine: tuple[Interface, ...]) -> None:
    """On every way upwards at most one device is listened to; one that is up and not listened to has one under it."""
    chosen = set(listened(*machine))

    for interface in machine:
        for path in paths(machine, interface):
            assert len(chosen & {step.name for step in path}) <= 1
    ways_up = [path for interface in machine for path in paths(machine, interface)]
    for interface in machine:
        under = {path[0].name for path in ways_up if path[-1] is interface and len(path) > 1}
        assert not interface.up or interface.name in chosen or under & chosen
