"""Interfaces of several kinds of hosts, for tests of code that looks at interfaces."""

from __future__ import annotations

from ipaddress import ip_interface

from shodohflo.capture.live.interfaces import Interface

LOOPBACK = Interface("lo", 1, loopback=True, addresses=(ip_interface("127.0.0.1/8"), ip_interface("::1/128")))


def interface(name: str, *addresses: str, up: bool = True) -> Interface:
    """Return an interface with these addresses."""
    return Interface(name, 2 + len(name), up=up, addresses=tuple(map(ip_interface, addresses)))


HOSTS = {
    "an ordinary one": [LOOPBACK, interface("eth0", "192.168.1.5/24", "fd00::5/64", "fe80::5/64")],
    "a router": [
        LOOPBACK,
        interface("lan", "10.0.0.1/8"),
        interface("wan0", "203.0.113.7/30"),
        interface("wg", up=False),
    ],
    "without IPv6": [LOOPBACK, interface("eth0", "192.0.2.1/32")],
    "without a network": [LOOPBACK, interface("eth0", "fe80::5/64")],
    "without anything": [],
    "with an odd name": [interface("e\nimport os", "192.168.1.5/24")],
}
