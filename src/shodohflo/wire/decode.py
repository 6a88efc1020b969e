"""Frames in, packets out: the way through the table of decoders."""

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
"""UDP tunnels within each other that are looked into."""

MAX_DEPTH_INSIDE = 16
"""Headers upon headers that we follow inside such a tunnel."""


@dataclass(slots=True)
class Packets:
    """Decoded packets: each is one row of a batch or of messages, or is counted in `refused`."""

    batches: list[Batch] = field(default_factory=list)
    messages: list[Messages] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    """By `Refusal`."""

    def collect(self, decoding: Decoding[Batch | Messages]) -> None:
        """Add what has become of the rows of `decoding`."""
        for found in filter(len, decoding.decoded):
            if isinstance(found, Batch):
                self.batches.append(found)
            else:
                self.messages.append(found)
        for reason, rows in decoding.refused:
            self.refused[reason] += len(rows)

    @classmethod
    def join(cls, several: Sequence[Packets]) -> Packets:
        """Put `several` together, all batches and all messages of one family into one."""
        batches, messages = defaultdict(list), defaultdict(list)
        refused: Counter[str] = Counter()
        for packets in several:
            for batch in packets.batches:
                batches[batch.family].append(batch)
            for message in packets.messages:
                messages[message.family].append(message)
            refused.update(packets.refused)
        return cls(
            batches=[Batch.concatenate(each) for each in batches.values()],
            messages=[Messages.concatenate(each) for each in messages.values()],
            refused=refused,
        )


@dataclass(slots=True)
class Decoded(Packets):
    """What frames held: each frame is one packet."""

    inside: Packets = field(default_factory=Packets)
    """The packets inside UDP tunnels, which are packets of `frames` already."""
    opened: Counter[str] = field(default_factory=Counter)
    """Tunnels opened, of all kinds, by name."""


def decode(frames: Frames, tunnels: frozenset[str] = frozenset(), table: DecoderTable = TABLE) -> Decoded:
    """Decode `frames`, looking into the UDP `tunnels` named; never raises, whatever their bytes.

    Another `table` than that of all decoders is for holding the two against each other.
    """
    decoded = Decoded()
    decoding: Decoding[Batch | Messages] = Decoding(table, tunnels)
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
    """Return the work that remains inside the tunnels that `decoding` came across."""
    inner: Decoding[Batch | Messages] = Decoding(decoding.table, decoding.tunnels, MAX_DEPTH_INSIDE)
    for layer, rows in decoding.inside:
        inner.next_header(rows, layer)
    return inner
