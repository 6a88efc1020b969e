"""The counters of a writer, as the agent's status shows them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class WriterStats:
    """What a writer has done since it started."""

    connected: bool = False
    waiting: int = 0
    """Rows in the outbox."""
    packets: int = 0
    """Packets in the writes that the store confirmed."""
    writes: int = 0
    repeated: int = 0
    """Writes that were sent again although the store had applied them: their first answer was lost."""
    refused: int = 0
    """Keys that hold another type of value than ours, and were left alone."""
    evicted: int = 0
    """Keys that the store deleted before they expired because its memory was full, by its own count."""
    outages: int = 0
    """How often the store was lost or could not be reached."""
    last_error: str = ""
    given_up: Mapping[str, int] = field(default_factory=Counter)
    """Packets that were not written, by kind: the outbox was full, or the time to close was over."""
