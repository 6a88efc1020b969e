"""Choose the interfaces to listen to, and derive our networks from their addresses.

A bridge repeats the packets that its ports received, and a VLAN device those of its lower device. To count each packet
once, a device is left out if any device below it is listened to.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

from shodohflo.errors import CaptureError, closest
from shodohflo.model import Network, covers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from ipaddress import IPv4Interface, IPv6Interface

STANDS_ON_LOWER: Final = frozenset({"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"})
"""Netlink's kinds of devices whose packets are seen on the lower device too, and can be decoded there.

Tunnels are not among them: the packet that leaves a tunnel is not the one that carried it.
"""


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface of this network namespace."""

    name: str
    index: int
    up: bool = True
    loopback: bool = False
    kind: str = ""
    """The kind of device in netlink's terms (`bridge`, `vlan`, ...); empty for hardware."""
    master: int = 0
    """The index of the bridge, bond or team that it is a port of; 0 for none."""
    lower: int = 0
    """The index of the device in this namespace that it is linked to; 0 for none."""
    addresses: tuple[IPv4Interface | IPv6Interface, ...] = ()
    hardware: int = 1
    """The type of interface (ARPHRD_, linux/if_arp.h); 1 is Ethernet."""
    other_names: tuple[str, ...] = ()
    """Its alternative names (`ip link property`)."""

    @property
    def names(self) -> frozenset[str]:
        """All names by which it can be chosen."""
        return frozenset({self.name, *self.other_names})


@dataclass(frozen=True, slots=True)
class Choice:
    """The interfaces to listen to, and warnings about them."""

    listened: tuple[Interface, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The interfaces that the operator asked for."""

    names: tuple[str, ...] = ()
    """Empty: every suitable interface."""
    exclude: tuple[str, ...] = ()

    def choose(self, interfaces: Sequence[Interface]) -> Choice:
        """Choose among `interfaces`, which are all that exist; `names` that do not exist are ignored."""
        allowed = [interface for interface in interfaces if not interface.names & set(self.exclude)]
        absent = sorted(set(self.exclude) - {name for interface in interfaces for name in interface.names})
        warnings = [f"--exclude {name}: there is no interface of that name now" for name in absent]
        if not self.names:
            return Choice(_each_packet_once(allowed, interfaces), tuple(warnings))
        named = tuple(interface for interface in allowed if interface.names & set(self.names))
        return Choice(named, (*warnings, *_doubts(named, interfaces)))

    def refuse_unknown(self, interfaces: Iterable[Interface]) -> None:
        """Raise `CaptureError` if one of `names` is not among `interfaces`."""
        known = tuple(interfaces)
        existing = [interface.name for interface in known]
        names = {name for interface in known for name in interface.names}
        for name in self.names:
            if name not in names:
                there_are = f"there are {', '.join(existing) or 'none at all'}"
                raise CaptureError(f"there is no interface {name}{self._way_out(name, existing)}; {there_are}")

    def why_not(self, interface: Interface) -> str:
        """Return why `interface` is not listened to, if it is not; empty if devices below it are."""
        if interface.names & set(self.exclude):
            return "it is excluded"
        if self.names and not interface.names & set(self.names):
            return "it is not among those that were named"
        if not self.names and interface.loopback:
            return "it is a loopback interface, and not named"
        return "" if self.names or interface.up else "it is down"

    def _way_out(self, name: str, existing: Sequence[str]) -> str:
        """Return what was probably meant by `name`, which is no interface."""
        others = [other for other in self.names if other != name]
        if name == "any":
            return ": `shodohflo run` without an interface listens to all of them"
        if _is_prefix(name):
            return f": it is a prefix; write shodohflo run {' '.join([*others, '--our-nets', name])}"
        if name.partition(":")[0] in existing:
            return f": {name} is the label of an address; write {name.partition(':')[0]}"
        if "," in name and set(name.split(",")) <= set(existing):
            return f": write {name.replace(',', ' ')}"
        close = closest(name, existing)
        return f" (did you mean {close}?)" if close else ""


def _is_prefix(text: str) -> bool:
    try:
        return bool(ip_network(text, strict=False))
    except ValueError:
        return False


def our_networks(listened: Iterable[Interface], interfaces: Sequence[Interface]) -> tuple[Network, ...]:
    """Return the networks of the interfaces listened to and of the devices above them.

    Both families; networks inside others are left out. Loopback and link-local addresses are ignored, because they do
    not show whose network it is.
    """
    heard = {interface.index for interface in listened}
    under = _under(interfaces)
    near = [interface for interface in interfaces if interface.index in heard or under[interface.index] & heard]
    telling = {
        address.network
        for interface in near
        for address in interface.addresses
        if not (address.is_loopback or address.is_link_local)
    }
    ordered = sorted(telling, key=lambda network: (network.version, int(network.network_address), network.prefixlen))
    return tuple(
        network for network in ordered if not any(other != network and covers(other, network) for other in ordered)
    )


def _each_packet_once(allowed: Iterable[Interface], interfaces: Sequence[Interface]) -> tuple[Interface, ...]:
    """Return the interfaces that are up, are not loopback, and have no other such interface below them."""
    fitting = [interface for interface in allowed if interface.up and not interface.loopback]
    indexes = {interface.index for interface in fitting}
    under = _under(interfaces)
    return tuple(interface for interface in fitting if not under[interface.index] & indexes)


def _doubts(named: Sequence[Interface], interfaces: Sequence[Interface]) -> list[str]:
    under = _under(interfaces)
    down = [f"{one.name} is down: nothing will be received there until it is up" for one in named if not one.up]
    twice = [
        f"{upper.name} repeats packets that {lower.name} received: they are counted twice; name only one of the two"
        for upper in named
        for lower in named
        if lower.index in under[upper.index]
    ]
    return down + twice


def _under(interfaces: Collection[Interface]) -> Mapping[int, set[int]]:
    """Return, for each interface, the indexes of all devices below it, directly or not."""
    direct: dict[int, set[int]] = {interface.index: set() for interface in interfaces}
    for interface in interfaces:
        if interface.master in direct:
            direct[interface.master].add(interface.index)
        if interface.kind in STANDS_ON_LOWER and interface.lower in direct:
            direct[interface.index].add(interface.lower)
    return {index: _reachable(index, direct) for index in direct}


def _reachable(start: int, direct: Mapping[int, set[int]]) -> set[int]:
    found: set[int] = set()
    waiting = set(direct[start])
    while waiting:
        index = waiting.pop()
        found.add(index)
        waiting |= direct[index] - found
    return found
