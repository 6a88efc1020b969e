"""The packet socket of a ring: set up and stopped in an order that loses and repeats no packet.

One socket sees every interface of the network namespace, including those created later; a filter in the kernel passes
the packets of the interfaces listened to. So the ring's memory does not grow with their number, and an interface that
is deleted and created again needs no new socket.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shodohflo.capture.filters.instructions import MOST_INSTRUCTIONS
from shodohflo.capture.filters.kernel import ETHERNET, EVERYTHING, dispatching
from shodohflo.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shodohflo.capture.filters.instructions import Program

SLOT_OCTETS: Final = 512
"""Bytes of a slot, a power of two; the slot's headers take 80, and the rest is the snapshot length."""

RING_OCTETS: Final = 64 << 20
"""Bytes of a ring, if the kernel has that much memory."""

MOST_INTERFACES: Final = 2000
"""Interfaces that fit into a filter program (BPF_MAXINSNS is 4096)."""

PASSING_ALL: Final = {ETHERNET: EVERYTHING}
"""The programs without a filter of the operator: every interface is entered as Ethernet, whatever it is."""

_BLOCK_OCTETS: Final = 64 << 10
_SOL_PACKET: Final = 263
_PACKET_ADD_MEMBERSHIP: Final = 1
_PACKET_DROP_MEMBERSHIP: Final = 2
_PACKET_RX_RING: Final = 5
_PACKET_STATISTICS: Final = 6
_PACKET_VERSION: Final = 10
_PACKET_IGNORE_OUTGOING: Final = 23
_PACKET_MR_PROMISC: Final = 1
_TPACKET_V2: Final = 1
_SO_ATTACH_FILTER: Final = 26
_ETH_P_ALL: Final = 0x0003
_ETH_P_EXPERIMENT: Final = 0x88B5
# linux/if_packet.h, asm-generic/socket.h, linux/if_ether.h; 0x88B5 is for local experiments (IEEE 802)


class CaptureNotPermittedError(CaptureError):
    """The process may not capture."""


@dataclass(frozen=True, slots=True)
class KernelCount:
    """Packets that passed the filter."""

    packets: int
    """All of them, dropped ones included."""
    dropped: int
    """Those for which the ring had no room."""


class PacketSocket:
    """A packet socket with a ring, which receives nothing until `accept` names interfaces."""

    def __init__(self, ring_octets: int = RING_OCTETS, slot_octets: int = SLOT_OCTETS) -> None:
        """Set up a ring of `ring_octets`, halved until the kernel has the memory; raises `CaptureError`."""
        self._socket = _open()
        try:
            self.memory = self._make_ring(ring_octets, slot_octets)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            self.accept({})
            self._bind(_ETH_P_ALL)
        except OSError as error:
            self.close()
            raise CaptureError(f"the kernel refused to capture: {error.strerror}") from error
        except CaptureError:
            self.close()
            raise
        self._packets = self._dropped = 0

    def fileno(self) -> int:
        """Return the descriptor to poll: readable while the ring holds frames."""
        return self._socket.fileno()

    def accept(self, interfaces: Mapping[int, int], programs: Mapping[int, Program] = PASSING_ALL) -> None:
        """From now on, receive only of `interfaces`, link types by index, what `programs` let through, by link type.

        For a packet, either this holds or what held before. If it raises `CaptureError`, what held before still does.
        """
        program = dispatching(interfaces, programs)
        if len(program) > MOST_INSTRUCTIONS:
            raise CaptureError(f"{len(interfaces)} interfaces are too many: name up to {most_interfaces(programs)}")
        code = ctypes.create_string_buffer(
            b"".join(struct.pack("=HBBI", step.code, step.jt, step.jf, step.k) for step in program)
        )
        try:
            # struct sock_fprog: the number of instructions and their address
            self._socket.setsockopt(
                socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(code))
            )
        except OSError as error:
            way_out = " (sysctl net.core.optmem_max bounds it)" if error.errno == errno.ENOMEM else ""
            raise CaptureError(
                f"the kernel refused a filter of {len(program)} instructions: {error.strerror}{way_out}"
            ) from error

    def set_promiscuous(self, interface: int, *, on: bool) -> None:
        """Switch promiscuous mode of an interface on or off for this socket; raises `OSError` if it is gone."""
        # struct packet_mreq; the kernel ends a membership by itself when the interface or the socket is gone
        request = struct.pack("=iHH8x", interface, _PACKET_MR_PROMISC, 0)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP if on else _PACKET_DROP_MEMBERSHIP, request)

    def count(self) -> KernelCount:
        """Return the kernel's counts since the socket was created; call it at least every few minutes."""
        # struct tpacket_stats: reading clears its counters, which are 32 bits wide and can overflow
        packets, dropped = struct.unpack("=II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self._packets += packets
        self._dropped += dropped
        return KernelCount(self._packets, self._dropped)

    def stop(self) -> None:
        """Stop receiving; afterwards the ring and `count` agree and do not change any more."""
        self.accept({})
        # A packet that passed the old filter may still be on its way into the ring on another processor.
        # Binding to another protocol waits for such packets (synchronize_net in packet_do_bind).
        self._bind(_ETH_P_EXPERIMENT)

    def close(self) -> None:
        """Close the socket; the kernel keeps the ring until the last reference to `memory` is gone."""
        self._socket.close()

    def _make_ring(self, ring_octets: int, slot_octets: int) -> mmap.mmap:
        """Set up and map the largest ring that the kernel grants."""
        self._socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V2)
        block_octets = max(min(_BLOCK_OCTETS, ring_octets), mmap.PAGESIZE, slot_octets)

        def ask(octets: int) -> None:
            # struct tpacket_req
            request = struct.pack("=IIII", block_octets, octets // block_octets, slot_octets, octets // slot_octets)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_RX_RING, request)

        return mmap.mmap(self._socket.fileno(), ask_for_less(ask, ring_octets, block_octets), mmap.MAP_SHARED)

    def _bind(self, protocol: int) -> None:
        """Bind to `protocol` on every interface."""
        # struct sockaddr_ll with interface 0; Python's own bind requires the name of an interface
        address = struct.pack("=HHi12x", socket.AF_PACKET, socket.htons(protocol), 0)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.bind(self._socket.fileno(), address, len(address)) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


def refuse_without_right() -> None:
    """Raise `CaptureNotPermittedError` if this process may not capture."""
    _open().close()


def ask_for_less(ask: Callable[[int], None], octets: int, least: int) -> int:
    """Call `ask` with `octets`, halved until the kernel has the memory; return the number it granted.

    Raises `CaptureError` if the kernel has not even `least` bytes.
    """
    while octets >= least:
        try:
            ask(octets)
        except OSError as error:
            if error.errno != errno.ENOMEM:
                raise
            octets //= 2
        else:
            return octets
    raise CaptureError("the kernel has no memory for a ring, however small: free some and start again")


def _open() -> socket.socket:
    """Open a socket that receives nothing yet: protocol 0 until it is bound."""
    try:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError as error:
        raise CaptureNotPermittedError(
            "capturing needs the right to open packet sockets (CAP_NET_RAW): run this with sudo"
        ) from error
    except OSError as error:
        raise CaptureError(f"this kernel has no packet sockets: {error.strerror}") from error


def most_interfaces(programs: Mapping[int, Program] = PASSING_ALL) -> int:
    """Return how many interfaces one filter can hear, beside `programs`."""
    return min(MOST_INTERFACES, (MOST_INSTRUCTIONS - 2 - sum(map(len, programs.values()))) // 2)
