"""The listener: yields the frames that the wanted interfaces receive, while interfaces come and go.

It sleeps until a packet arrives, then looks at the ring no more often than `pace` asks for, because every look has a
fixed cost, whatever it finds.
"""

from __future__ import annotations

import contextlib
import logging
import select
import time
from typing import TYPE_CHECKING, Final

from shodohflo.capture.live.interfaces import our_networks
from shodohflo.capture.live.netlink import InterfacesUnknownError, LinkEvents, list_interfaces
from shodohflo.capture.live.pace import pause
from shodohflo.capture.live.packet_socket import MOST_INTERFACES, RING_OCTETS, SLOT_OCTETS, PacketSocket
from shodohflo.capture.live.ring import Ring

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shodohflo.capture.live.interfaces import Interface, Wanted
    from shodohflo.columns.frames import Frames
    from shodohflo.model import Network

_REST: Final = 20
"""The pause after listing the interfaces, as a multiple of the time it took: listing takes at most 1/21 of all time."""

_log = logging.getLogger(__name__)


class Listener:
    """The source of the frames received by the wanted interfaces, as far as these exist at the time."""

    def __init__(self, wanted: Wanted, *, promiscuous: bool = True, ring_octets: int = RING_OCTETS) -> None:
        """Start listening; raises `CaptureError` if that is not permitted or a wanted name does not exist."""
        self._wanted = wanted
        self._promiscuous = promiscuous
        self._packets = PacketSocket(ring_octets)
        self._ring = Ring.over(self._packets.memory, SLOT_OCTETS)
        self._events = LinkEvents()
        self._poll = select.poll()
        self._poll.register(self._packets, select.POLLIN)
        self._poll.register(self._events, select.POLLIN)
        self._looked = time.monotonic()
        self._pause = 0.0
        self._changed = False
        self._next_look = 0.0
        self._said: set[str] = set()
        self._listened: dict[int, Interface] = {}
        self._networks: tuple[Network, ...] = ()
        try:
            interfaces = list_interfaces()
            wanted.refuse_unknown(interfaces)
            self._follow(interfaces)
        except BaseException:
            self.close()
            raise
        if self.ring_octets < ring_octets:
            _log.warning("the ring has %d bytes: the kernel had no memory for %d", self.ring_octets, ring_octets)

    @property
    def listened(self) -> tuple[Interface, ...]:
        """The interfaces that are listened to now."""
        return tuple(self._listened.values())

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks that the addresses of these interfaces show now; empty if they have none."""
        return self._networks

    @property
    def ring_octets(self) -> int:
        """The size of the ring, less than requested if the kernel had not enough memory."""
        return len(self._packets.memory)

    @property
    def kernel_dropped(self) -> int:
        """The number of packets dropped because the ring was full; read it at least every few minutes."""
        return self._packets.count().dropped

    def read(self, timeout: float) -> Iterator[Frames]:
        """Wait up to `timeout` seconds for packets and yield them; frames are valid until the next are requested."""
        ready = {descriptor for descriptor, _event in self._poll.poll(timeout * 1000)}
        if self._events.fileno() in ready:
            self._events.clear()
            self._changed = True
        if self._changed and time.monotonic() >= self._next_look:
            self._look_round()
        if self._packets.fileno() in ready:
            time.sleep(max(0.0, self._looked + self._pause - time.monotonic()))
            yield from self._frames()

    def finish(self) -> Iterator[Frames]:
        """Stop listening and yield the frames left in the ring.

        Afterwards, the frames yielded in total and `kernel_dropped` add up to the kernel's count.
        """
        self._packets.stop()
        yield from self._frames()

    def close(self) -> None:
        """Close the sockets."""
        self._events.close()
        self._packets.close()

    def _frames(self) -> Iterator[Frames]:
        now, before = time.monotonic(), self._ring.received
        yield from self._ring.frames()
        self._pause = pause(self._ring.slot_count, self._ring.received - before, now - self._looked)
        self._looked = now

    def _look_round(self) -> None:
        """List the interfaces and follow their changes; then pause, because listing can be slow."""
        began = time.monotonic()
        self._changed = False
        try:
            self._follow(list_interfaces())
        except InterfacesUnknownError as error:
            _log.debug("asking for the interfaces again: %s", error)
            self._changed = True
        now = time.monotonic()
        self._next_look = now + _REST * (now - began)

    def _follow(self, interfaces: tuple[Interface, ...]) -> None:
        """Listen to the wanted ones among `interfaces`, and to no others any more."""
        choice = self._wanted.choose(interfaces)
        if len(choice.listened) > MOST_INTERFACES:
            self._say_once([f"{len(choice.listened)} interfaces are too many: only {MOST_INTERFACES} are listened to"])
        chosen = {interface.index: interface for interface in choice.listened[:MOST_INTERFACES]}
        left = [self._listened[index] for index in self._listened.keys() - chosen.keys()]
        joined = [chosen[index] for index in chosen.keys() - self._listened.keys()]
        self._packets.accept(chosen)
        self._listened = chosen
        self._networks = our_networks(chosen.values(), interfaces)
        self._leave(left)
        self._join(joined)
        self._say_once(choice.warnings)
        if not chosen:
            self._say_once(["there is no interface to listen to now: waiting for one"])

    def _join(self, interfaces: Iterable[Interface]) -> None:
        for interface in interfaces:
            _log.info("listening to %s", interface.name)
            if self._promiscuous:
                self._hear_all(interface)

    def _leave(self, interfaces: Iterable[Interface]) -> None:
        for interface in interfaces:
            _log.info("no longer listening to %s", interface.name)
            if self._promiscuous:
                with contextlib.suppress(OSError):  # usually the interface is gone, and its membership with it
                    self._packets.set_promiscuous(interface.index, on=False)

    def _hear_all(self, interface: Interface) -> None:
        try:
            self._packets.set_promiscuous(interface.index, on=True)
        except OSError as error:
            self._say_once([f"{interface.name} receives only frames addressed to this host: {error.strerror}"])

    def _say_once(self, warnings: Iterable[str]) -> None:
        for warning in warnings:
            if warning not in self._said:
                self._said.add(warning)
                _log.warning("%s", warning)
