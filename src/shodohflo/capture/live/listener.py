"""The listener: yields the frames that the wanted interfaces receive, while interfaces come and go.

It sleeps until a packet arrives, then looks at the ring no more often than `pace` asks for, because every look has a
fixed cost, whatever it finds.

The kernel's events say that something has changed; what that is, a list of all interfaces shows (`changes`). So lost
events cost nothing but one more list.
"""

from __future__ import annotations

import contextlib
import logging
import select
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shodohflo.capture.filters.expression import delivered
from shodohflo.capture.filters.kernel import ETHERNET
from shodohflo.capture.live.changes import ChangeKind, changes
from shodohflo.capture.live.filtered import fitting, hidden_vlans
from shodohflo.capture.live.interfaces import our_networks
from shodohflo.capture.live.netlink import Happened, InterfacesUnknownError, LinkEvents, list_interfaces
from shodohflo.capture.live.pace import pause
from shodohflo.capture.live.packet_socket import PASSING_ALL, RING_OCTETS, SLOT_OCTETS, PacketSocket, most_interfaces
from shodohflo.capture.live.ring import Ring
from shodohflo.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from shodohflo.capture.filters.expression import CaptureFilter
    from shodohflo.capture.live.changes import MachineChange
    from shodohflo.capture.live.interfaces import Interface, Wanted
    from shodohflo.columns.frames import Frames
    from shodohflo.model import Network

_REST: Final = 20
"""The pause after listing the interfaces, as a multiple of the time it took: listing takes at most 1/21 of all time."""

_MOST_LINES: Final = 20
"""Changes that are logged one by one after one list; of more, the rest is logged as counts."""

_MOST_SAID: Final = 1000
"""Warnings that are remembered, so that they are not repeated."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class MachineCounts:
    """What has become of the machine since the listener began."""

    changes: Counter[str] = field(default_factory=Counter)
    """By `ChangeKind`."""
    lists: int = 0
    """How often the interfaces were listed because of an event."""
    failures: int = 0
    """How often the kernel could not list them."""
    overflows: int = 0
    """How often events were lost, because there were more than the socket holds."""

    def to_fields(self) -> dict[str, int]:
        """Return them by name, all kinds of change included."""
        kinds = {str(kind): self.changes[kind] for kind in ChangeKind}
        return kinds | {"lists": self.lists, "failures": self.failures, "overflows": self.overflows}


class Listener:
    """The source of the frames received by the wanted interfaces, as far as these exist at the time."""

    def __init__(
        self,
        wanted: Wanted,
        *,
        promiscuous: bool = True,
        ring_octets: int = RING_OCTETS,
        passing: CaptureFilter | None = None,
    ) -> None:
        """Start listening; raises `CaptureError` if that is not permitted or a wanted name does not exist.

        With `passing`, the kernel leaves out all other frames: they are neither yielded nor counted.
        """
        self._wanted = wanted
        self._promiscuous = promiscuous
        self._passing = passing
        self._packets = PacketSocket(ring_octets)
        self._ring = Ring.over(self._packets.memory, SLOT_OCTETS)
        self._events = LinkEvents()
        self._poll = select.poll()
        self._poll.register(self._packets, select.POLLIN)
        self._poll.register(self._events, select.POLLIN)
        self._looked = time.monotonic()
        self._pause = 0.0
        self._happened: Happened | None = None
        self._next_look = 0.0
        self._said: set[str] = set()
        self._interfaces: tuple[Interface, ...] = ()
        self._listened: dict[int, Interface] = {}
        self._networks: tuple[Network, ...] = ()
        self._counts = MachineCounts()
        try:
            interfaces = list_interfaces()
            wanted.refuse_unknown(interfaces)
            self._follow(interfaces, self._accept(interfaces, passing), Happened())
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
    def counts(self) -> MachineCounts:
        """What has become of the machine so far."""
        return self._counts

    @property
    def ring_octets(self) -> int:
        """The size of the ring, less than requested if the kernel had not enough memory."""
        return len(self._packets.memory)

    @property
    def kernel_dropped(self) -> int:
        """The number of packets dropped because the ring was full; read it at least every few minutes."""
        return self._packets.count().dropped

    def pass_only(self, passing: CaptureFilter | None) -> None:
        """MachineChange the filter: each packet is decided on by the old one or by the new one.

        Raises `CaptureError` if the kernel refuses it; the old one stays then.
        """
        if passing != self._passing:
            chosen = self._accept(self._interfaces, passing)
            self._passing = passing
            self._follow(self._interfaces, chosen, Happened())

    def read(self, timeout: float) -> Iterator[Frames]:
        """Wait up to `timeout` seconds for packets and yield them; frames are valid until the next are requested."""
        ready = {descriptor for descriptor, _event in self._poll.poll(timeout * 1000)}
        if self._events.fileno() in ready:
            self._happened = (self._happened or Happened()).and_then(self._events.take())
        if self._happened is not None and time.monotonic() >= self._next_look:
            self._look_round(self._happened)
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

    def _look_round(self, happened: Happened) -> None:
        """List the interfaces and follow their changes; then pause, because listing can be slow."""
        began = time.monotonic()
        try:
            interfaces = list_interfaces()
        except InterfacesUnknownError as error:
            _log.debug("asking for the interfaces again: %s", error)
            self._counts.failures += 1
        else:
            self._happened = None
            self._take_up(interfaces, happened)
        now = time.monotonic()
        self._next_look = now + _REST * (now - began)

    def _take_up(self, interfaces: tuple[Interface, ...], happened: Happened) -> None:
        """Follow what has changed since the last list."""
        self._counts.lists += 1
        self._counts.overflows += happened.overflows
        if happened.overflows:
            _log.info("more has changed at once than the kernel could tell: all interfaces were listed again")
        try:
            chosen = self._accept(interfaces, self._passing)
        except CaptureError as error:  # what was heard before is still heard
            self._say_once([f"interfaces that have changed are not followed: {error}"])
            self._happened = happened
            return
        self._follow(interfaces, chosen, happened)

    def _accept(self, interfaces: Sequence[Interface], passing: CaptureFilter | None) -> _Chosen:
        """Have the kernel pass what the wanted ones among `interfaces` receive; raises `CaptureError`."""
        choice = self._wanted.choose(interfaces)
        fit, warnings = fitting(choice, passing)
        warnings += hidden_vlans(fit, interfaces, passing)
        programs = PASSING_ALL if passing is None else passing.sections
        most = most_interfaces(programs)
        if len(fit) > most:
            warnings.append(f"{len(fit)} interfaces are too many: only {most} are listened to")
        chosen = {interface.index: interface for interface in fit[:most]}
        links = {index: delivered(each.hardware) if passing else ETHERNET for index, each in chosen.items()}
        self._packets.accept(links, programs)
        return _Chosen(chosen, (*choice.warnings, *warnings))

    def _follow(self, interfaces: tuple[Interface, ...], chosen: _Chosen, happened: Happened) -> None:
        """Listen to those that were chosen among `interfaces`, and to no others any more; log what has changed."""
        before, listened = self._listened, chosen.listened
        # What left and came back has lost its membership; after an overflow, any may have done so.
        again = listened.keys() if happened.overflows else listened.keys() & happened.deleted.keys()
        self._leave([before[index] for index in before.keys() - listened.keys() | before.keys() & again])
        self._join([listened[index] for index in listened.keys() - before.keys() | before.keys() & again])
        found = list(changes(self._interfaces, interfaces, happened)) if self._interfaces else []
        self._counts.changes.update(change.kind for change in found)
        self._interfaces, self._listened = interfaces, listened
        self._networks = our_networks(listened.values(), interfaces)
        self._log_changes(found, before, interfaces)
        self._say_once(chosen.warnings)
        if not listened and (before or not found):
            _log.warning("there is no interface to listen to now: waiting for one")

    def _log_changes(
        self, found: Sequence[MachineChange], before: Mapping[int, Interface], interfaces: Collection[Interface]
    ) -> None:
        """Log each change with what it means, then what is listened to or not for another reason."""
        by_index = {interface.index: interface for interface in interfaces}
        lines = [f"{change.text}{self._meaning(change, before, by_index)}" for change in found]
        told = {change.index for change in found}
        joined = [self._listened[index] for index in self._listened.keys() - before.keys() - told]
        left = [before[index] for index in before.keys() - self._listened.keys() - told]
        lines += [f"listening to {each.name}" for each in sorted(joined, key=_by_index)]
        lines += [f"no longer listening to {each.name}" for each in sorted(left, key=_by_index)]
        for line in lines[:_MOST_LINES]:
            _log.info("%s", line)
        if len(lines) > _MOST_LINES:
            counts = Counter(str(change.kind) for change in found[_MOST_LINES:])
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common())
            _log.info("and %d more changes at the same time (%s)", len(lines) - _MOST_LINES, kinds or "as before")

    def _meaning(
        self, change: MachineChange, before: Mapping[int, Interface], interfaces: Mapping[int, Interface]
    ) -> str:
        """Return what a change means for what is listened to, as the end of its line."""
        is_heard, was_heard = change.index in self._listened, change.index in before
        if change.kind in {ChangeKind.GONE, ChangeKind.MOVED}:
            return ": no longer listening to it" if was_heard else ""
        if change.kind in {ChangeKind.ADDRESS_ADDED, ChangeKind.ADDRESS_REMOVED} or change.index not in interfaces:
            return ""
        if is_heard:
            return ": listening to it" if change.kind != ChangeKind.DOWN else " until it is up"
        if was_heard:
            return ": no longer listening to it"
        interface = interfaces[change.index]
        cannot_hold = self._passing is not None and delivered(interface.hardware) not in self._passing.sections
        below = "the filter cannot hold there" if cannot_hold else "a device below it is"
        return f": not listened to ({self._wanted.why_not(interface) or below})"

    def _join(self, interfaces: Iterable[Interface]) -> None:
        for interface in interfaces:
            if self._promiscuous:
                self._hear_all(interface)

    def _leave(self, interfaces: Iterable[Interface]) -> None:
        for interface in interfaces:
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
                if len(self._said) >= _MOST_SAID:  # containers bring interfaces with new names for months
                    self._said.clear()
                self._said.add(warning)
                _log.warning("%s", warning)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The interfaces to listen to, by index, and warnings about them."""

    listened: dict[int, Interface]
    warnings: tuple[str, ...]


def _by_index(interface: Interface) -> int:
    return interface.index
