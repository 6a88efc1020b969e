"""Netlink: list the kernel's interfaces, and learn that one of them or of their addresses has changed."""

from __future__ import annotations

import contextlib
import errno
import socket
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any, Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from shodohflo.capture.live.interfaces import Interface
from shodohflo.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Interface, IPv6Interface

_TRIES: Final = 5
_IFF_UP: Final = 0x1
_IFF_LOOPBACK: Final = 0x8
_RTMGRP_LINK: Final = 0x1
_RTMGRP_IPV4_IFADDR: Final = 0x10
_RTMGRP_IPV6_IFADDR: Final = 0x100
# linux/if.h, linux/rtnetlink.h


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
    )


def _address(address: Any) -> IPv4Interface | IPv6Interface:  # noqa: ANN401 - pyroute2 has no types
    # On a point-to-point link `address` is the other end's, and `local` ours.
    return ip_interface((address.get("local") or address.get("address"), address["prefixlen"]))


class LinkEvents:
    """A socket that is readable after an interface or an address came, went or changed: poll it, then `clear` it."""

    def __init__(self) -> None:
        """Subscribe to the kernel's events about links and addresses."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
        self._socket.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR))

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return self._socket.fileno()

    def clear(self) -> None:
        """Discard the pending events; the caller lists all interfaces instead."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._receive()

    def _receive(self) -> None:
        try:
            self._socket.recv(65536)
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # an overflow is just one more event
                raise

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
