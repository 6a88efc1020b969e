"""Sending known packets on a link, round after round, in a thread of its own."""

from __future__ import annotations

import socket
import time
from collections import Counter
from dataclasses import dataclass
from threading import Condition, Thread
from typing import TYPE_CHECKING, Final, Self

from chaos.traffic import ROUNDS

if TYPE_CHECKING:
    from chaos.traffic import Traffic
    from support.networks import Namespace

_ROOM: Final = 8 << 20
"""Bytes of packets on their way that the kernel holds for the socket."""


@dataclass(frozen=True, slots=True)
class Round:
    """What was sent at once: how often each key should have been counted."""

    when: float
    """The monotonic time after it."""
    known: Counter[str]
    """Of packets of established flows."""
    fresh: Counter[str]
    """Of all others."""


class Sending:
    """Sends the packets of `traffic` for so many rounds; knows how often each key should have been counted by now."""

    def __init__(self, space: Namespace, interface: str, traffic: Traffic, rounds: int) -> None:
        """Open a socket on `interface` in `space`; nothing is sent before `resume`."""
        self._traffic = traffic
        self._rounds = rounds
        self._changed = Condition()
        self._done: list[Round] = []
        self._may_send = False
        self._ends = False
        self.packets = 0
        """The number of packets sent."""
        with space.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)
        self._socket.bind((interface, 0))
        self._thread = Thread(target=self._run, name="sending")

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop sending."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()
        self._thread.join()
        self._socket.close()

    @property
    def rounds(self) -> int:
        """The number of rounds in all."""
        return self._rounds

    @property
    def steady(self) -> Counter[str]:
        """The keys of the flows that go on all the time."""
        return self._traffic.steady

    def counts(self) -> Counter[str]:
        """Return how often each key should have been counted by now."""
        return self.unwritten(0.0, 0.0)

    def unwritten(self, known_since: float, fresh_since: float) -> Counter[str]:
        """Return what may not be written yet, of what was sent since `known_since`.

        Of flows that began, one packet is written at once, so all of them may only since `fresh_since`. Both are
        monotonic times.
        """
        sent = Counter[str]()
        with self._changed:
            for done in self._done:
                if done.when >= known_since:
                    is_fresh = done.when >= fresh_since
                    sent.update(done.known)
                    sent.update(done.fresh if is_fresh else {key: count - 1 for key, count in done.fresh.items()})
        return sent

    def wait_for(self, number: int) -> None:
        """Wait until so many rounds have been sent, or all of them."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._done) >= min(number, self._rounds) or self._ends)

    def pause(self) -> None:
        """Send nothing from now on; a round that has begun is sent first."""
        with self._changed:
            self._may_send = False

    def resume(self) -> None:
        """Begin to send, or go on."""
        with self._changed:
            self._may_send = True
            self._changed.notify_all()

    def _run(self) -> None:
        due = time.monotonic()
        for _ in range(self._rounds):
            with self._changed:
                self._changed.wait_for(lambda: self._may_send or self._ends)
                if self._ends:
                    return
                self._send_round()
                self._changed.notify_all()
            # A round that is late is not made up for: the load must not come in bursts after a pause.
            due = max(due + 1 / ROUNDS, time.monotonic())
            time.sleep(max(due - time.monotonic(), 0.0))

    def _send_round(self) -> None:
        known, fresh = Counter[str](), Counter[str]()
        for packet in self._traffic.round():
            self._socket.send(packet.frame)
            (known if packet.goes_on else fresh).update(packet.keys)
            self.packets += 1
        self._done.append(Round(time.monotonic(), known, fresh))
