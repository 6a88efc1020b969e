"""Decode frames into packets with the lookup table of all decoders."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shodohflo.columns.batch import Batch, Messages
from shodohflo.wire.decoding import Decoding
from shodohflo.wire.layers import LINK
from shodohflo.wire.refusals import Refusal
from shodohflo.wire.registry import TABLE
from shodohflo.wire.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.columns.frames import Frames
    from shodohflo.wire.decoding import DecoderTable

MOST_TUNNELS = 2
"""The most UDP tunnels, one inside the other, that are looked into."""

MAX_DEPTH_INSIDE = 16
"""The most headers followed inside a UDP tunnel."""


@dataclass(slots=True)
class Packets:
    """Decoded packets: each is one row of a batch or of messages, or counts once in `refused` or `sent`."""

    batches: list[Batch] = field(default_factory=list)
    messages: list[Messages] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    """By `Refusal`."""
    unread: Counter[int] = field(default_factory=Counter)
    """Of these, by layer, the packets whose next header is not read (`Decoding.unread`)."""
    sent: int = 0
    """Packets that the capture marks as sent by the capturing host."""

    def collect(self, decoding: Decoding[Batch | Messages]) -> None:
        """Add the results of `decoding`."""
        for found in filter(len, decoding.decoded):
            if isinstance(found, Batch):
                self.batches.append(found)
            else:
                self.messages.append(found)
        for reason, rows in decoding.refused:
            self.refused[reason] += len(rows)
        self.sent += decoding.sent
        self.unread.update(decoding.unread)

    @classmethod
    def join(cls, several: Sequence[Packets]) -> Packets:
        """Concatenate `several` into one, with one batch and one table of messages for each family."""
        batches, messages = defaultdict(list), defaultdict(list)
        refused: Counter[str] = Counter()
        unread: Counter[int] = Counter()
        for packets in several:
            for batch in packets.batches:
                batches[batch.family].append(batch)
            for message in packets.messages:
                messages[message.family].append(message)
            refused.update(packets.refused)
            unread.update(packets.unread)
        return cls(
            batches=[Batch.concatenate(each) for each in batches.values()],
            messages=[Messages.concatenate(each) for each in messages.values()],
            refused=refused,
            sent=sum(packets.sent for packets in several),
            unread=unread,
        )


@dataclass(slots=True)
class Decoded(Packets):
    """The result of `decode`: one packet for each frame, and the packets inside its UDP tunnels."""

    inside: Packets = field(default_factory=Packets)
    """The packets inside UDP tunnels; their frames already count as one packet each."""
    opened: Counter[str] = field(default_factory=Counter)
    """The number of packets that were tunnels, of all kinds, by name of the tunnel."""


def decode(
    frames: Frames, tunnels: frozenset[str] = frozenset(), table: DecoderTable = TABLE, *, listens: bool = True
) -> Decoded:
    """Decode `frames`, and the packets inside the UDP `tunnels` named. Never raises, whatever their bytes.

    What only evidence needs is left out unless the caller `listens` for it. Tests pass another `table` to compare
    decoders with each other.
    """
    decoded = Decoded()
    decoding: Decoding[Batch | Messages] = Decoding(table, tunnels, listens=listens)
    decoding.dispatch(Rows.from_frames(frames), LINK, frames.layer)
    into: Packets = decoded
    for _ in range(1 + MOST_TUNNELS):
        decoding.run()
        into.collect(decoding)
        decoded.opened.update(decoding.opened)
        if not decoding.inside:
            return decoded
        into, decoding = decoded.inside, _inside(decoding)
    decoded.inside.refused[Refusal.TOO_DEEP] += decoding.waiting()
    return decoded


def _inside(decoding: Decoding[Batch | Messages]) -> Decoding[Batch | Messages]:
    """Return a decoding of the packets inside the tunnels that `decoding` has met."""
    inner: Decoding[Batch | Messages] = Decoding(
        decoding.table, decoding.tunnels, MAX_DEPTH_INSIDE, listens=decoding.listens
    )
    for layer, rows in decoding.inside:
        inner.next_header(rows, layer)
    return inner
