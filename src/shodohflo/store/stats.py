"""The counters of a writer, for the agent's status and heartbeat."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class WriterStats:
    """The counters of a writer since it started."""

    connected: bool = False
    waiting: int = 0
    """Rows in the outbox."""
    packets: int = 0
    """Packets in the writes that the store confirmed."""
    writes: int = 0
    repeated: int = 0
    """Writes that were sent again although the store had applied them: their first answer was lost."""
    refused: int = 0
    """Keys that were left unchanged: a value of another program, or no permission."""
    evicted: int = 0
    """Keys that the store evicted because its memory was full, as the store itself reports."""
    outages: int = 0
    """Failed attempts: the store could not be reached, did not answer, or refused a write."""
    last_error: str = ""
    given_up: Mapping[str, int] = field(default_factory=Counter)
    """Packets that were not written, by kind: the outbox was full, or the writer closed before they were written."""
