"""A scribe: an outbox whose writes a test sends by itself, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.store.lanes import OneLane
from shodohflo.store.outbox import Outbox
from shodohflo.store.write import NumberPlace, Write, Writing, Written, send, to_write

if TYPE_CHECKING:
    from valkey import Valkey

    from shodohflo.columns.corrections import Corrections
    from shodohflo.columns.observations import Observations

LIFETIME = 900
OCTETS = 64_000_000
WRITING = Writing(session="0123", agent="bert", lifetime=LIFETIME)
START = 10**15
"""When it begins, in ns of the outbox's clock."""


class Scribe:
    """Adds rows and corrections, and makes numbered writes of them."""

    def __init__(self) -> None:
        """Begin with an empty outbox."""
        self.outbox = Outbox(OCTETS, LIFETIME)
        self.now = START
        self.number = 0
        self.until = 10**12

    def write(
        self,
        observations: Observations | None = None,
        corrections: Corrections | None = None,
        rule_texts: tuple[str, ...] = (),
        *,
        before: int | None = None,
    ) -> Write:
        """Return the next write: of these rows, then of these corrections; all of it is one write."""
        if observations is not None:
            self.outbox.add(observations, rule_texts, self.now)
        if corrections is not None:
            self.outbox.correct(corrections, rule_texts, self.now, self.now)
        portions = self.outbox.take(10**6, self.now)
        self.number += 1
        expected = self.number - 1 if before is None else before
        place = NumberPlace(0, OneLane().number_key(WRITING.session, 0), self.number, expected, self.until)
        write = to_write(portions, place, WRITING, self.now)
        for portion in portions:
            self.outbox.settle(portion)
        return write

    def send(
        self,
        client: Valkey,
        observations: Observations | None = None,
        corrections: Corrections | None = None,
        rule_texts: tuple[str, ...] = (),
    ) -> Written:
        """Send the next write, and return the answer."""
        return send(client, self.write(observations, corrections, rule_texts))
