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
    """Keys, or pairs of keys, that the store has not confirmed yet."""
    waiting_packets: int = 0
    """Recorded packets that it has not confirmed yet."""
    packets: int = 0
    """Recorded packets in the writes that the store confirmed, and still has or had until they expired."""
    writes: int = 0
    repeated: int = 0
    """Writes that were sent again although the store had applied them: their first answer was lost."""
    refused: int = 0
    """Keys that were left unchanged: a value of another program, or no permission."""
    offered: Mapping[str, int] = field(default_factory=Counter)
    """Counts by kind of key, as are those below: a packet counts once in each of its keys."""
    written: Mapping[str, int] = field(default_factory=Counter)
    """Counts in confirmed writes, which the store has, or had until they expired."""
    expired: Mapping[str, int] = field(default_factory=Counter)
    """Counts that waited until their keys would have expired in the store, too."""
    no_room: Mapping[str, int] = field(default_factory=Counter)
    """Counts of new keys for which there was no memory."""
    given_up: Mapping[str, int] = field(default_factory=Counter)
    """Counts that were not written when the writer closed."""
    lost: Mapping[str, int] = field(default_factory=Counter)
    """Counts that the store had confirmed and has lost, and that could not be written again."""
    losses: int = 0
    """Times that the store was found to have lost writes: restarted without data, restored, emptied, failed over."""
    rewritten: int = 0
    """Counts that were written again, or are to be, because the store had lost them."""
    unsure: int = 0
    """Counts that the store may have lost: another agent has written their keys since."""
    evicted: int = 0
    """Keys that the store evicted because its memory was full, as the store itself reports."""
    keys: int = 0
    """Living keys, or pairs of keys, of which the writer knows what the store should have."""
    octets: int = 0
    """The memory that they occupy, in bytes."""
    corrections: int = 0
    """Corrections: flows that were counted with client and service swapped."""
    corrected: int = 0
    """Packets that they moved to the right keys."""
    corrections_vanished: int = 0
    """Corrections that moved nothing, because the wrong keys had expired or are not known any more."""
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
