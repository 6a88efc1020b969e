"""The packet socket: what is received, dropped and counted agrees with the kernel."""

from __future__ import annotations

import contextlib
import errno
import socket
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from shodohflo.capture.filters.kernel import ETHERNET
from shodohflo.capture.live.packet_socket import (
    MOST_INTERFACES,
    SLOT_OCTETS,
    CaptureNotPermittedError,
    KernelCount,
    PacketSocket,
    ask_for_less,
)
from shodohflo.capture.live.ring import Ring
from shodohflo.errors import CaptureError
from support.networks import Namespace, join, namespace, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CAPTURE = "dpkt-nb6-http.pcap"
_PACKETS = 62


@pytest.fixture(name="ends", scope="module")
def _ends() -> Iterator[tuple[Namespace, Namespace]]:
    """Join two namespaces: packets sent on `far0` are received on `near0`, and those sent on `far1` on `near1`."""
    with namespace() as far, namespace() as near:
        for number in range(2):
            join(far, f"far{number}", near, f"near{number}")
        yield far, near


@contextlib.contextmanager
def listening(space: Namespace, *interfaces: str, ring_octets: int = 1 << 20) -> Iterator[tuple[PacketSocket, Ring]]:
    """Open a packet socket in `space` and listen to `interfaces`."""
    with space.entered():
        packets = PacketSocket(ring_octets)
        packets.accept(heard(*interfaces))
    try:
        yield packets, Ring.over(packets.memory, SLOT_OCTETS)
    finally:
        packets.close()


def heard(*interfaces: str) -> dict[int, int]:
    """Return the indexes of `interfaces` of this namespace, as Ethernet."""
    return {socket.if_nametoindex(name): ETHERNET for name in interfaces}


def received(ring: Ring) -> int:
    """Return the number of frames that are ready."""
    return sum(len(frames) for frames in ring.frames())


def test_what_an_interface_receives_is_in_the_ring(ends: tuple[Namespace, Namespace], shipped_captures: Path) -> None:
    """All frames that an interface receives are in the ring and counted, including those for other stations."""
    far, near = ends
    with listening(near, "near0") as (packets, ring):
        sent = send(far, "far0", shipped_captures / _CAPTURE)

        assert received(ring) == sent == _PACKETS
        assert packets.count() == KernelCount(_PACKETS, 0)


def test_only_the_accepted_interfaces_are_heard(ends: tuple[Namespace, Namespace], shipped_captures: Path) -> None:
    """Packets of other interfaces are neither put into the ring nor counted."""
    far, near = ends
    with listening(near, "near0") as (packets, ring):
        send(far, "far1", shipped_captures / _CAPTURE)

        assert received(ring) == 0
        assert packets.count().packets == 0


def _exchange(space: Namespace, address: str, count: int) -> None:
    """Send `count` datagrams in `space` to `address`, where nobody listens."""
    with space.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(count):
            with contextlib.suppress(ConnectionRefusedError):
                sender.sendto(b"data", (address, 9))


def test_what_the_host_sends_is_not_heard(ends: tuple[Namespace, Namespace]) -> None:
    """What an interface sends is neither in the ring nor counted; the other end receives it."""
    far, near = ends
    near.ip("address", "replace", "192.0.2.1/24", "dev", "near0")
    near.ip("neighbour", "replace", "192.0.2.2", "lladdr", "02:00:00:00:00:02", "dev", "near0")
    with listening(near, "near0") as (sending, ours), listening(far, "far0") as (_, theirs):
        _exchange(near, "192.0.2.2", 5)

        assert received(theirs) == 5
        assert received(ours) == 0
        assert sending.count() == KernelCount(0, 0)


def test_on_loopback_every_packet_is_heard_once(ends: tuple[Namespace, Namespace]) -> None:
    """What is sent over `lo` is received there too, and is in the ring exactly once."""
    _, near = ends
    with listening(near, "lo") as (packets, ring):
        _exchange(near, "127.0.0.1", 5)

        # A port unreachable answers each datagram, until the kernel limits its rate.
        frames = [Counter(frames.buffer[frames.start + 9].tolist()) for frames in ring.frames()]
        assert sum(frames, Counter())[socket.IPPROTO_UDP] == 5
        assert packets.count().packets == sum(frames, Counter()).total()


def test_more_interfaces_than_a_jump_reaches_are_all_heard(
    ends: tuple[Namespace, Namespace], shipped_captures: Path
) -> None:
    """The last of `MOST_INTERFACES` interfaces is received like the first, and more than these are an error."""
    far, near = ends
    with listening(near, "near0") as (packets, ring), near.entered():
        packets.accept(heard("near1") | dict.fromkeys(range(1000, 999 + MOST_INTERFACES), ETHERNET))
        send(far, "far1", shipped_captures / _CAPTURE)

        assert received(ring) == _PACKETS
        with pytest.raises(CaptureError, match="too many"):
            packets.accept(dict.fromkeys(range(1, MOST_INTERFACES + 100), ETHERNET))


def test_what_the_host_sends_itself_is_not_received(ends: tuple[Namespace, Namespace], shipped_captures: Path) -> None:
    """Packets that the host sends are not received; on loopback, each packet is received once."""
    _far, near = ends
    with listening(near, "near0", "lo") as (_packets, ring):
        send(near, "near0", shipped_captures / _CAPTURE)
        with near.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talker:
            talker.connect(("127.0.0.1", 9))
            talker.send(b"received once")

        heard = [frames.original.tolist() for frames in ring.frames()]

    # The datagram and the ICMP port unreachable for it: 20 + 8 bytes of headers with 13, then 28 with all of that.
    assert heard == [[41, 69]]


def test_drops_are_counted_to_the_packet(ends: tuple[Namespace, Namespace], shipped_captures: Path) -> None:
    """Frames read and frames dropped add up to those sent, even if the counts are read several times."""
    far, near = ends
    with listening(near, "near0", ring_octets=8192) as (packets, ring):
        sent = send(far, "far0", shipped_captures / _CAPTURE)
        first = packets.count()
        sent += send(far, "far0", shipped_captures / _CAPTURE)
        packets.stop()
        taken = received(ring)
        last = packets.count()

    assert first == KernelCount(_PACKETS, _PACKETS - 16)
    assert last == KernelCount(sent, sent - taken)
    assert taken == ring.received == 16


def test_after_stopping_nothing_comes_any_more(ends: tuple[Namespace, Namespace], shipped_captures: Path) -> None:
    """After `stop`, no packet enters the ring or the count."""
    far, near = ends
    with listening(near, "near0") as (packets, ring):
        packets.stop()
        send(far, "far0", shipped_captures / _CAPTURE)

        assert received(ring) == 0
        assert packets.count() == KernelCount(0, 0)


def test_stopping_in_the_middle_of_a_flood_keeps_the_count_exact(
    ends: tuple[Namespace, Namespace], shipped_captures: Path
) -> None:
    """`stop` waits for packets on their way into the ring, so that the count is exact in a flood."""
    far, near = ends
    flood = [*far.prefix(), "tcpreplay", "-qt", "-i", "far0", "--loop=20000", str(shipped_captures / _CAPTURE)]
    with listening(near, "near0") as (packets, ring), subprocess.Popen(flood, stdout=subprocess.DEVNULL) as sender:
        while ring.received < 10 * _PACKETS:
            received(ring)
        packets.stop()
        received(ring)
        count = packets.count()
        sender.terminate()

    assert count.packets == ring.received + count.dropped


def test_promiscuity_ends_with_the_membership(ends: tuple[Namespace, Namespace]) -> None:
    """Promiscuous mode of the interface ends when it is switched off."""
    _far, near = ends
    with listening(near, "near0") as (packets, _ring), near.entered():
        index = socket.if_nametoindex("near0")
        packets.set_promiscuous(index, on=True)
        while_on = near.run("ip", "-d", "link", "show", "near0")
        packets.set_promiscuous(index, on=False)
        afterwards = near.run("ip", "-d", "link", "show", "near0")

    assert "promiscuity 1" in while_on
    assert "promiscuity 0" in afterwards


def test_an_interface_that_is_gone_is_an_os_error(ends: tuple[Namespace, Namespace]) -> None:
    """Promiscuous mode of an interface that does not exist is an `OSError`."""
    with listening(ends[1]) as (packets, _ring), pytest.raises(OSError, match="No such device"):
        packets.set_promiscuous(4711, on=True)


@pytest.mark.parametrize(("has", "gets"), [(64, 64), (63, 32), (9, 8), (8, 8)])
def test_a_ring_that_is_too_large_is_halved(has: int, gets: int) -> None:
    """The size of the ring is halved until the kernel has enough memory."""
    asked: list[int] = []

    def ask(octets: int) -> None:
        asked.append(octets)
        if octets > has:
            raise OSError(errno.ENOMEM, "no memory")

    assert ask_for_less(ask, 64, least=8) == gets == asked[-1]


def test_a_kernel_without_any_memory_is_an_error() -> None:
    """A kernel without memory for the smallest ring is an error."""

    def ask(_octets: int) -> None:
        raise OSError(errno.ENOMEM, "no memory")

    with pytest.raises(CaptureError, match="no memory"):
        ask_for_less(ask, 64, least=8)


def test_other_refusals_are_not_asked_again() -> None:
    """An error other than lack of memory is raised at once."""

    def ask(_octets: int) -> None:
        raise OSError(errno.EINVAL, "not like this")

    with pytest.raises(OSError, match="not like this"):
        ask_for_less(ask, 64, least=8)


def test_without_the_right_to_capture_the_error_says_what_is_needed(ends: tuple[Namespace, Namespace]) -> None:
    """Without permission to capture, the error names the capability and `sudo`."""
    program = (
        "import os\n"
        "from shodohflo.capture.live.packet_socket import PacketSocket\n"
        "os.setuid(65534)\n"
        "try: PacketSocket()\n"
        "except Exception as error: print(type(error).__name__, error)"
    )

    said = ends[1].run(sys.executable, "-c", program)

    assert said.startswith(CaptureNotPermittedError.__name__)
    assert "CAP_NET_RAW" in said
    assert "sudo" in said
