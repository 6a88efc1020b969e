"""Services that are in a store, whoever wrote them, for agents at their start and later.

An agent that starts in the middle of long connections asks for all services, and then once a minute for those that were
written since: their remaining lifetime says so. Names are found by scanning, which takes the time of all keys of the
store, but never blocks it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from valkey.exceptions import InvalidResponse, ResponseError

from shodohflo.keys import SERVICE, StoredService, service_end
from shodohflo.keys.detail import EVIDENCE, FIRST, LAST
from shodohflo.keys.services import CLIENTS
from shodohflo.model import ServiceSeen
from shodohflo.store.dialogue import TooLarge
from shodohflo.store.hashes import SERVICE_LIFETIME
from shodohflo.store.scanning import Scan
from shodohflo.store.write_script import AHEAD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.store.dialogue import Command, Dialogue


MOST: Final = 100_000
"""Services that an agent takes from a store."""

PATIENCE: Final = 10.0
"""Seconds that it takes for that, unless a single answer takes longer."""

_FIELDS: Final = (FIRST, LAST, EVIDENCE, CLIENTS)


def read_services(
    dialogue: Dialogue, within: float | None = None, *, most: int = MOST, seconds: float = PATIENCE
) -> list[ServiceSeen]:
    """Return the services of a store that were shown by proof, at most `most`, as far as `seconds` allow.

    With `within`, only those that were written in the last so many seconds, by the clock of the store. What cannot be
    is left out: a key or a field that is not ours, or a time of more than an hour ahead. An answer that no store gives
    is an error of the client library.
    """
    end = time.monotonic() + seconds
    found: list[ServiceSeen] = []
    for names in Scan(dialogue, SERVICE + "*"):
        ours = [name for name in names if service_end(name) is not None]
        if within is not None:
            ours = _written_within(dialogue, ours, within)
        answers = dialogue.ask([("HMGET", name, *_FIELDS) for name in ours])
        latest = time.time() + AHEAD
        for name, answer in zip(ours, answers, strict=True):
            seen = _service(name, answer)
            if seen is not None and seen.last <= latest * 1e9:
                found.append(seen)
        if len(found) >= most or time.monotonic() > end:
            break
    return found[:most]


def _written_within(dialogue: Dialogue, names: Sequence[str], seconds: float) -> list[str]:
    """Return the names of hashes whose lifetime was set in the last so many seconds."""
    commands: list[Command] = [("PTTL", name) for name in names]
    least = (SERVICE_LIFETIME - seconds) * 1000
    return [
        name for name, left in zip(names, dialogue.ask(commands), strict=True) if type(left) is int and left >= least
    ]


def _service(name: str, answer: Any) -> ServiceSeen | None:  # noqa: ANN401 - anything at all
    """Return the service that the answer to HMGET tells of, `None` if it tells of none."""
    if isinstance(answer, (TooLarge, ResponseError)):
        return None
    if not isinstance(answer, list) or len(answer) != len(_FIELDS):
        raise InvalidResponse("an odd answer to HMGET")
    fields = {field: value for field, value in zip(_FIELDS, answer, strict=True) if type(value) is str}
    stored = StoredService.from_fields(name, fields)
    if stored is None or not stored.rung.is_proof:
        return None
    first, last = (round(seconds * 1_000_000) * 1_000 for seconds in (stored.seen.first, stored.seen.last))
    return ServiceSeen(stored.end, first, last, stored.rung, stored.clients, stored.claimed)
