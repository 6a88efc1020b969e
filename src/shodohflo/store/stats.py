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
    failing: bool = False
    """Whether the last attempt failed: the store could not be reached, did not answer, or refused a write."""
    waiting: int = 0
    """Rows that the store has not confirmed yet."""
    waiting_packets: int = 0
    """The packets of these rows."""
    packets: int = 0
    """Packets in the writes that the store confirmed."""
    writes: int = 0
    repeated: int = 0
    """Writes that were sent again although the store had applied them: their first answer was lost."""
    refused: int = 0
    """Keys that were left unchanged: a value of another program, or no permission."""
    lost: int = 0
    """Packets that the store had confirmed and no longer has: it was restarted without them, restored or emptied."""
    evicted: int = 0
    """Keys that the store evicted because its memory was full, as the store itself reports."""
    corrections: int = 0
    """Corrections in the writes that the store confirmed: flows that were counted with client and service swapped."""
    corrected: int = 0
    """Packets that they moved to the right keys, as far as the answers arrived."""
    corrections_vanished: int = 0
    """Corrections that moved nothing, because the wrong keys were there no more."""
    corrections_given_up: int = 0
    """Packets that were not moved, because the corrections did not reach the store; they are still under wrong keys."""
    hashes: int = 0
    """Hashes of services and knocks that the store took."""
    hashes_given_up: int = 0
    """Hashes of services and knocks that were not written: too many waited, or the store refused them."""
    outages: int = 0
    """Times that the writer began to fail after it had worked; each lasts until it works again."""
    attempts: int = 0
    """Failed attempts, of which an outage has one or more."""
    heartbeats_refused: int = 0
    """Heartbeats that the store answered but did not take."""
    unsaved: str = ""
    """Why what the store has would be lost at its restart, as it says itself; empty if it does not say so."""
    last_error: str = ""
    given_up: Mapping[str, int] = field(default_factory=Counter)
    """Packets that were not written, by kind: the outbox was full, or the writer closed before they were written."""
