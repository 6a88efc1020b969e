"""Interfaces are chosen so that each packet is counted once, and our networks are derived from addresses."""

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
    """Return the names of the interfaces that are chosen."""
    return [interface.name for interface in Wanted(names, exclude).choose(interfaces).listened]


def test_without_names_everything_that_is_up_is_listened_to_except_loopback() -> None:
    """Without names, every interface that is up is listened to, except loopback."""
    down = Interface("eth9", 9, up=False)

    assert listened(LO, ETH0, down, ETH1) == ["eth0", "eth1"]


@pytest.mark.parametrize("kind", ["bridge", "bond", "team"])
def test_a_device_is_left_out_while_one_of_its_ports_is_listened_to(kind: str) -> None:
    """A bridge, bond or team is left out if one of its ports is listened to."""
    assert listened(ETH1, Interface("up0", 10, kind=kind), PORT) == ["eth1", "tap0"]


@pytest.mark.parametrize("kind", sorted(STANDS_ON_LOWER))
def test_a_device_is_left_out_while_its_lower_device_is_listened_to(kind: str) -> None:
    """A device is left out if its lower device is listened to."""
    assert listened(ETH0, Interface("upper", 12, kind=kind, lower=2)) == ["eth0"]


def test_a_device_is_listened_to_where_nothing_under_it_is() -> None:
    """A device is listened to if all devices below it are down or excluded."""
    port_down = Interface("tap0", 11, up=False, master=10)

    assert listened(BRIDGE, port_down) == ["br0"]
    assert listened(BRIDGE, PORT, exclude=("tap0",)) == ["br0"]
    assert listened(ETH0, VLAN, exclude=("eth0",)) == ["eth0.5"]


def test_what_stands_on_something_left_out_is_left_out_too() -> None:
    """A VLAN of a bridge is left out if a port of the bridge is listened to."""
    vlan_of_bridge = Interface("br0.7", 13, kind="vlan", lower=10)

    assert listened(BRIDGE, PORT, vlan_of_bridge) == ["tap0"]


@pytest.mark.parametrize("kind", ["veth", "vxlan", "gre", "wireguard", "macsec"])
def test_a_link_that_carries_other_packets_is_listened_to_beside_its_lower_device(kind: str) -> None:
    """A tunnel or veth device is listened to as well as the device it is linked to."""
    assert listened(ETH0, Interface("tunnel", 12, kind=kind, lower=2)) == ["eth0", "tunnel"]


def test_devices_that_stand_on_something_unknown_are_listened_to() -> None:
    """A device above one in another namespace, such as a container's macvlan, is listened to."""
    assert listened(Interface("eth0", 5, kind="macvlan", lower=77, master=78)) == ["eth0"]


def test_named_interfaces_are_obeyed_even_loopback_and_overlap() -> None:
    """All named interfaces are listened to, even loopback, with a warning if packets are counted twice."""
    choice = Wanted(("lo", "br0", "tap0")).choose((LO, ETH0, BRIDGE, PORT))

    assert [interface.name for interface in choice.listened] == ["lo", "br0", "tap0"]
    assert len(choice.warnings) == 1
    assert "br0 repeats packets that tap0 received" in choice.warnings[0]


def test_a_named_interface_that_is_down_is_warned_about() -> None:
    """A named interface that is down is listened to, with a warning."""
    choice = Wanted(("eth9",)).choose((Interface("eth9", 9, up=False),))

    assert [interface.name for interface in choice.listened] == ["eth9"]
    assert "eth9 is down" in choice.warnings[0]


def test_exclusion_beats_naming_and_a_name_that_excludes_nothing_is_told() -> None:
    """Exclusion overrides naming, and excluding an unknown name causes a warning."""
    choice = Wanted(("eth0", "eth1"), ("eth1", "ethX")).choose((ETH0, ETH1))

    assert [interface.name for interface in choice.listened] == ["eth0"]
    assert choice.warnings == ("--exclude ethX: there is no interface of that name now",)


def test_an_unknown_name_lists_those_that_exist() -> None:
    """The error for an unknown name lists the existing interfaces."""
    with pytest.raises(CaptureError, match=r"^there is no interface eth7 \(did you mean eth0\?\); there are lo, eth0$"):
        Wanted(("eth0", "eth7")).refuse_unknown((LO, ETH0))


@pytest.mark.parametrize(
    ("names", "way_out"),
    [
        (("any",), "any: `shodohflo run` without an interface listens to all of them; there are lo, eth0"),
        (
            ("eth0", "192.168.0.0/16"),
            "192.168.0.0/16: it is a prefix; write shodohflo run eth0 --our-nets 192.168.0.0/16;",
        ),
        (("2001:db8::1/32",), "it is a prefix; write shodohflo run --our-nets 2001:db8::1/32;"),
        (("lo,eth0",), "lo,eth0: write lo eth0;"),
        (("eht0",), "eht0 (did you mean eth0?);"),
        (("wlan7",), "wlan7; there are"),
    ],
)
def test_what_is_no_interface_gets_the_way_out(names: tuple[str, ...], way_out: str) -> None:
    """`any`, a prefix, a list with commas and a misspelt name each get what was probably meant."""
    with pytest.raises(CaptureError) as caught:
        Wanted(names).refuse_unknown([Interface("lo", 1), Interface("eth0", 2)])

    assert way_out in str(caught.value)


def test_known_names_and_no_names_are_not_refused() -> None:
    """Known names and an empty list of names are accepted."""
    Wanted(("eth0",)).refuse_unknown((LO, ETH0))
    Wanted().refuse_unknown(())


def networks(*interfaces: Interface, listened: tuple[Interface, ...] = ()) -> list[str]:
    """Return our networks as text."""
    return [str(network) for network in our_networks(listened or interfaces, interfaces)]


def test_our_networks_are_those_of_the_addresses_in_both_families() -> None:
    """Our networks are those of the addresses in both families, without host bits."""
    eth0 = Interface("eth0", 2, addresses=(ip_interface("192.168.7.9/24"), ip_interface("2001:db8:1::9/64")))

    assert networks(eth0) == ["192.168.7.0/24", "2001:db8:1::/64"]


def test_loopback_and_link_local_addresses_say_nothing() -> None:
    """Loopback and link-local addresses do not become our networks."""
    eth0 = Interface("eth0", 2, addresses=(ip_interface("169.254.3.4/16"), ip_interface("fe80::1/64")))

    assert networks(LO, eth0) == []


def test_a_network_within_another_is_named_once() -> None:
    """A network within another one, or of two interfaces, is included once."""
    eth0 = Interface("eth0", 2, addresses=(ip_interface("10.1.2.3/8"), ip_interface("10.9.0.1/32")))
    eth1 = Interface("eth1", 3, addresses=(ip_interface("10.1.2.4/8"),))

    assert networks(eth0, eth1) == ["10.0.0.0/8"]


def test_addresses_of_interfaces_that_are_not_listened_to_are_not_ours() -> None:
    """Addresses of interfaces that are not listened to do not become our networks."""
    inside = Interface("eth0", 2, addresses=(ip_interface("192.168.7.9/24"),))
    outside = Interface("eth1", 3, addresses=(ip_interface("203.0.113.9/24"),))

    assert networks(inside, outside, listened=(inside,)) == ["192.168.7.0/24"]


def test_the_address_of_a_bridge_counts_for_its_port() -> None:
    """The network of a bridge is ours if a port of it is listened to."""
    bridge = Interface("br0", 10, kind="bridge", addresses=(ip_interface("192.168.7.9/24"),))

    assert networks(bridge, PORT, listened=(PORT,)) == ["192.168.7.0/24"]


@st.composite
def machines(draw: st.DrawFn) -> tuple[Interface, ...]:
    """Draw machines whose devices are above one another at any depth."""
    made: list[Interface] = []
    for index in range(1, draw(st.integers(1, 8)) + 1):
        lower = draw(st.integers(0, index - 1))
        master = draw(st.sampled_from([0, *range(index + 1, 9)]))
        kind = draw(st.sampled_from(["", "vlan", "bridge"]))
        made.append(Interface(f"if{index}", index, up=draw(st.booleans()), kind=kind, master=master, lower=lower))
    return tuple(made)


def paths(machine: tuple[Interface, ...], start: Interface) -> list[list[Interface]]:
    """Return each path upwards that a packet received by `start` takes."""
    uppers = [
        upper
        for upper in machine
        if upper.index == start.master or (upper.kind == "vlan" and upper.lower == start.index)
    ]
    return [[start]] + [[start, *path] for upper in uppers for path in paths(machine, upper)]


@given(machines())
def test_no_packet_is_seen_twice_on_its_way_up_nor_missed(machine: tuple[Interface, ...]) -> None:
    """A packet is seen at most once on its way up, and an interface left out although up has a chosen one below."""
    chosen = set(listened(*machine))

    for interface in machine:
        for path in paths(machine, interface):
            assert len(chosen & {step.name for step in path}) <= 1
    ways_up = [path for interface in machine for path in paths(machine, interface)]
    for interface in machine:
        under = {path[0].name for path in ways_up if path[-1] is interface and len(path) > 1}
        assert not interface.up or interface.name in chosen or under & chosen
