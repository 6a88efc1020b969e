"""Sockets: ask the kernel which ends of this host are of services and which of clients.

TCP and UDP sockets are dumped by NETLINK_SOCK_DIAG, which needs no right, and local addresses by NETLINK_ROUTE.

A listening TCP socket is a service, as is a UDP socket that is not connected and has a port outside the ephemeral
range; a connected socket is a client's of its remote end, unless a service has its port too (see `own_ends`). In the
ephemeral range, a UDP socket that is not connected may be either, and says nothing. Nor does one that has just been
opened, from port 1024 on: dnsmasq, for example, asks through such sockets with random ports, and closes them as soon as
it has an answer. The ports of DHCP's clients are those of clients by definition.

A TCP connection at an end where nothing listens may have been accepted by a listener that was closed before anybody
looked: FTP does so for each transfer. The kernel knows which end has opened it, as long as no segment is on its way;
otherwise the end says what it said before, or nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.capture.live.dumps import NO_MESSAGES, DumpError
from shodohflo.capture.live.inet_diag import (
    ADDRESSES,
    CONNECTED,
    ESTABLISHED,
    FAMILIES,
    LISTEN,
    UNCONNECTED,
    bound_ends,
    connections,
    in_state,
    is_opening,
    local_addresses,
    local_ends,
    opened_here,
    opened_there,
    openings_request,
    sockets_request,
)
from shodohflo.capture.live.namespaces import NamespaceError, is_same, open_named, open_own
from shodohflo.columns.own_ends import NO_ENDS, OwnEnds, OwnSpace, own_space
from shodohflo.columns.socket_ends import SocketEnds, SocketPairs
from shodohflo.errors import foreign_text
from shodohflo.model import PROTOCOL_NAMES, TCP, UDP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shodohflo.capture.live.dumps import Dump
    from shodohflo.capture.live.namespaces import OpenedNamespace

PERIOD: Final = 2.0
"""Seconds between two readings, at least."""

STALE: Final = 60.0
"""Seconds for which a namespace that can't be read is taken to be as it was; then it has no ends."""

_REST: Final = 50
"""The pause after a reading, as a multiple of the time it took: reading takes at most 1/51 of all time."""


_RESERVED: Final = 1024
"""Ports below it need a right on most hosts, and nobody takes one at random."""

_CLIENT_PORTS: Final = (68, 546)
"""UDP ports of DHCP clients, which need not be connected (RFC 2131 section 4.1, RFC 8415 section 7.2)."""


class Sockets:
    """The sockets of this thread's network namespace, and of others by name."""

    def __init__(self, namespaces: Sequence[str] = ()) -> None:
        """Enter each of `namespaces` once; raises `NamespaceError` if that is not possible."""
        self.failures = 0
        """How often a namespace could not be read."""
        self.problem = ""
        """Why the latest reading was incomplete, in one line; empty if it was not."""
        self.took = 0.0
        """Seconds that the latest reading took."""
        self._next = float("-inf")
        self._known: OwnEnds | None = None
        self._views = [_View("")]
        try:
            for name in dict.fromkeys(namespaces):
                self._views.append(_View(name, open_named(name)))
        except NamespaceError:
            self.close()
            raise

    def poll(self, now: float) -> OwnEnds | None:
        """Return the ends as they are at `now`, in seconds of a steady clock; None if nothing has changed.

        Reads at most every `PERIOD` seconds, and less often if reading takes long. Never raises because of the kernel:
        what could not be read is counted in `failures`, with the reason in `problem`.
        """
        if now < self._next:
            return None
        began = time.monotonic()
        problems = [problem for view in self._views if (problem := view.refresh(now))]
        self.failures += len(problems)
        self.problem = "; ".join(problems)
        self.took = time.monotonic() - began
        self._next = now + max(PERIOD, _REST * self.took)
        found = OwnEnds(tuple(view.space for view in self._views))
        if self._known is not None and self._known.is_same(found):
            return None
        self._known = found
        return found

    def close(self) -> None:
        """Close all sockets; named namespaces that were deleted are gone then."""
        for view in self._views:
            view.close()


@dataclass(slots=True)
class _View:
    """One network namespace, read again and again."""

    name: str
    """Empty for the agent's own."""
    opened: OpenedNamespace | None = None
    space: OwnSpace = NO_ENDS
    bound: SocketEnds = NO_ENDS.services
    """The unconnected UDP sockets outside the ephemeral range at the latest reading."""
    read: float = float("-inf")
    """When it was last read."""
    missing: set[str] = field(default_factory=set)
    """What the kernel does not know how to list, in the latest reading."""

    def refresh(self, now: float) -> str:
        """Read the namespace; return what was wrong, in one line, or nothing."""
        self.missing.clear()
        try:
            self.space = self._read(self._open())
        except (DumpError, NamespaceError, OSError, ValueError) as error:
            if now - self.read > STALE:
                self.space, self.bound = NO_ENDS, NO_ENDS.services
            return self._problem(f"{error}")
        self.read = now
        return self._problem(", ".join(sorted(self.missing))) if self.missing else ""

    def close(self) -> None:
        """Close what was opened."""
        if self.opened is not None:
            self.opened.close()
        self.opened = None

    def _problem(self, reason: str) -> str:
        whose = f"of the network namespace {foreign_text(self.name)}" if self.name else "of this host"
        return f"cannot read the sockets {whose}: {reason}"

    def _open(self) -> OpenedNamespace:
        """Return what is open, after opening it again if the namespace is another one now."""
        if self.opened is not None and self.name and not is_same(self.name, self.opened):
            # Otherwise what was opened would keep the deleted namespace, with its interfaces, alive.
            self.close()
            self.space, self.bound = NO_ENDS, NO_ENDS.services
        if self.opened is None:
            self.opened = open_named(self.name) if self.name else open_own()
        return self.opened

    def _read(self, opened: OpenedNamespace) -> OwnSpace:
        first, last = opened.ephemeral()
        # Connections first: those that a listener opened meanwhile accepts are seen after it, next time.
        dumps = [self._dump(opened, family, TCP, CONNECTED) for family in FAMILIES]
        services = [bound_ends(self._dump(opened, family, TCP, (LISTEN,)), TCP) for family in FAMILIES]
        doubtful = SocketPairs.concatenate([connections(dump, TCP) for dump in dumps])
        connected = [connections(dump.keep(is_opening(dump)), TCP) for dump in dumps]
        listening = set(SocketEnds.concatenate(services).port.tolist())
        if not np.isin(doubtful.local.port, list(listening)).all():
            for opening in self._openings(opened, listening):
                connected.append(connections(opened_here(opening), TCP))
                services.append(local_ends(opened_there(opening), TCP))
        bound = []
        for family in FAMILIES:
            dump = self._dump(opened, family, UDP, (ESTABLISHED, UNCONNECTED))
            connected.append(connections(in_state(dump, ESTABLISHED), UDP))
            bound.append(bound_ends(in_state(dump, UNCONNECTED), UDP))
        services.append(self._lasting(SocketEnds.concatenate(bound), first, last))
        return own_space(
            local_addresses(opened.addresses.dump(ADDRESSES)),
            SocketEnds.concatenate(services),
            SocketPairs.concatenate(connected),
            doubtful,
            self.space,
        )

    def _lasting(self, bound: SocketEnds, first: int, last: int) -> SocketEnds:
        """Return the ends of services among unconnected UDP sockets, with ephemeral ports from `first` to `last`."""
        chosen = bound.keep(((bound.port < first) | (bound.port > last)) & ~np.isin(bound.port, _CLIENT_PORTS))
        lasting = chosen.keep((chosen.port < _RESERVED) | chosen.among(self.bound))
        self.bound = chosen
        return lasting

    def _openings(self, opened: OpenedNamespace, listening: set[int]) -> Iterator[Dump]:
        """Yield connections of other ports, with what shows which end has opened them, unless the kernel is too old."""
        for family in FAMILIES:
            try:
                yield opened.sockets.dump(openings_request(family, listening))
            except DumpError as error:
                if not error.is_unknown:
                    raise

    def _dump(self, opened: OpenedNamespace, family: int, protocol: int, states: tuple[int, ...]) -> Dump:
        try:
            return opened.sockets.dump(sockets_request(family, protocol, states))
        except DumpError as error:
            if not error.is_unknown:
                raise
            # A kernel without one of the modules tcp_diag and udp_diag still lists the sockets of the other.
            self.missing.add(f"no list of {PROTOCOL_NAMES[protocol].upper()} sockets: {error}")
            return NO_MESSAGES
