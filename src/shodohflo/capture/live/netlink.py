"""Netlink: list the kernel's interfaces, and learn that one of them or of their addresses has changed."""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass, field
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any, Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from shodohflo.capture.live.interfaces import Interface
from shodohflo.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from ipaddress import IPv4Interface, IPv6Interface

_TRIES: Final = 5
_IFF_UP: Final = 0x1
_IFF_LOOPBACK: Final = 0x8
_RTMGRP_LINK: Final = 0x1
_RTMGRP_IPV4_IFADDR: Final = 0x10
_RTMGRP_IPV6_IFADDR: Final = 0x100
_RTM_DELLINK: Final = 17
_IFLA_IFNAME: Final = 3
_IFLA_NEW_NETNSID: Final = 45
# linux/if.h, linux/rtnetlink.h, linux/if_link.h

_LINK: Final = struct.Struct("=IHHII BxxxI")
"""struct nlmsghdr, and family and index of struct ifinfomsg (linux/netlink.h, linux/rtnetlink.h)."""

_LINK_OCTETS: Final = 32
"""Bytes of both together; attributes follow."""

_ATTRIBUTE: Final = struct.Struct("=HH")
_TYPE_MASK: Final = 0x3FFF
# struct nlattr, NLA_TYPE_MASK (linux/netlink.h)

_EVENT_OCTETS: Final = 1 << 16

_MOST_READS: Final = 4096
"""Events taken at once, so that a flood of them ends: the socket holds fewer."""


class InterfacesUnknownError(CaptureError):
    """The kernel returned no list of its interfaces."""


def list_interfaces() -> tuple[Interface, ...]:
    """List the interfaces of this network namespace with their addresses, in the kernel's order."""
    links, addresses = _dump()
    return tuple(
        _interface(link, [address for address in addresses if address["index"] == link["index"]]) for link in links
    )


def _dump() -> tuple[list[Any], list[Any]]:
    # The kernel reports an error if interfaces change while it lists them; then try again.
    problem: Exception | None = None
    for _ in range(_TRIES):
        try:
            with IPRoute() as route:
                return list(route.get_links()), list(route.get_addr())
        except (NetlinkError, OSError) as error:
            problem = error
    raise InterfacesUnknownError(f"cannot list the interfaces: {problem}")


def _interface(link: Any, addresses: Iterable[Any]) -> Interface:  # noqa: ANN401 - pyroute2 has no types
    elsewhere = link.get("link_netnsid") is not None  # then `link` is an index in that other namespace
    return Interface(
        name=link.get("ifname"),
        index=link["index"],
        up=bool(link["flags"] & _IFF_UP),
        loopback=bool(link["flags"] & _IFF_LOOPBACK),
        kind=(link.get("linkinfo") or {}).get("kind") or "",
        master=link.get("master") or 0,
        lower=0 if elsewhere else link.get("link") or 0,
        addresses=tuple(_address(address) for address in addresses),
        hardware=link.get("ifi_type") or 0,
        other_names=_other_names(link),
    )


def _other_names(link: Any) -> tuple[str, ...]:  # noqa: ANN401 - pyroute2 has no types
    properties = link.get("prop_list") or {}
    return tuple(name for kind, name in properties.get("attrs", ()) if kind == "IFLA_ALT_IFNAME")


def _address(address: Any) -> IPv4Interface | IPv6Interface:  # noqa: ANN401 - pyroute2 has no types
    # On a point-to-point link `address` is the other end's, and `local` ours.
    return ip_interface((address.get("local") or address.get("address"), address["prefixlen"]))


@dataclass(frozen=True, slots=True)
class Happened:
    """What has happened to interfaces, beyond what two lists of them show."""

    deleted: Mapping[int, str] = field(default_factory=dict)
    """The names of the interfaces that have left this namespace, by index; they may have come back since."""
    moved: frozenset[int] = frozenset()
    """Of these, those that went to another namespace, if the kernel says so (IFLA_NEW_NETNSID, Linux 5.10)."""
    overflows: int = 0
    """How often events were lost, because there were more than the socket holds."""

    def and_then(self, later: Happened) -> Happened:
        """Return this and what happened later."""
        return Happened(
            {**self.deleted, **later.deleted},
            (self.moved - later.deleted.keys()) | later.moved,
            self.overflows + later.overflows,
        )


class LinkEvents:
    """A socket that is readable after an interface or an address came, went or changed: poll it, then `take` them."""

    def __init__(self) -> None:
        """Subscribe to the kernel's events about links and addresses."""
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        )
        self._socket.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR))

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return self._socket.fileno()

    def take(self) -> Happened:
        """Take the pending events; the caller lists all interfaces to learn the rest."""
        happened = Happened()
        for _ in range(_MOST_READS):
            try:
                octets, sender = self._socket.recvfrom(_EVENT_OCTETS)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                happened = happened.and_then(Happened(overflows=1))
                continue
            if sender[0] == 0:  # another process can send to us, too
                happened = happened.and_then(read_events(octets))
        return happened

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def read_events(octets: bytes) -> Happened:
    """Return what the messages in `octets` say of interfaces that have gone; what is malformed says nothing."""
    deleted: dict[int, str] = {}
    moved = set()
    at = 0
    while at + _LINK.size <= len(octets):
        length, kind, _, _, _, family, index = _LINK.unpack_from(octets, at)
        if not _LINK.size <= length <= len(octets) - at:
            break
        # A port that leaves its bridge is a message of the bridge's family: the interface is still there.
        if kind == _RTM_DELLINK and family == socket.AF_UNSPEC:
            attributes = _attributes(octets[at + _LINK_OCTETS : at + length])
            name = attributes.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode(errors="replace")
            deleted[index] = name
            if _IFLA_NEW_NETNSID in attributes:
                moved.add(index)
        at += (length + 3) & ~3
    return Happened(deleted, frozenset(moved))


def _attributes(octets: bytes) -> dict[int, bytes]:
    """Return the attributes of a message by their types."""
    found = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(octets):
        length, kind = _ATTRIBUTE.unpack_from(octets, at)
        if not _ATTRIBUTE.size <= length <= len(octets) - at:
            break
        found[kind & _TYPE_MASK] = octets[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found
