"""A long chain of records walked in many places at once, with the same result as `records.walk`.

A chain must be walked from its beginning, since only a record tells where the next one begins. So we guess:
somewhere after each of many points of the data, a place that looks like a record. From all these
the chain is followed together, one array operation for a step of all lanes, until each lane reaches
the start of the next. Only then do we know which guesses were right: the first lane starts where a
record begins; and where a lane that is right lands exactly on the start of the next, that one is right too. Where it
does not, the plain walk goes on from there, up to the next start it lands on. So a wrong guess, even one
that somebody planted, costs time and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from shodohflo.capture.files.records import ByteOrder, Records, walk

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WIDTHS: Final = (128, 256, 512, 1024)
"""Steps in which the places after a point are searched for a start."""


class Fields(Protocol):
    """32-bit words at any byte of the data."""

    def __len__(self) -> int:
        """Count the bytes a word can begin at."""

    def __getitem__(self, offsets: Any) -> Any:  # noqa: ANN401 - as for any array: a column, or one number
        """Read the word at each offset."""


class LaneRecords(Records, Protocol):
    """`Records` that can be asked for columns of offsets; all of them have a whole header in the data."""

    @property
    def order(self) -> ByteOrder:
        """The byte order of their words."""

    @property
    def stride(self) -> int:
        """Records begin at multiples of this, counted from any other record."""

    def sizes(self, fields: Fields, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what `size` returns for each offset."""

    def plausible(self, fields: Fields, offsets: NDArray[np.int64], like: np.int64) -> NDArray[np.bool_]:
        """Guess where records begin, knowing that one begins at `like`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """When to walk in lanes, and in how many."""

    lanes: int = 512
    probe: int = 1 << 13
    """Bytes that are walked plainly, to see how long the records are."""
    worthwhile: int = 1 << 14
    """With fewer records to come, looking for starts takes longer than the plain walk."""


USUAL: Final = Plan()
"""Measured with chunks of 8 and 16 MiB and records of 60 to 1,500 bytes."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What follows from one start."""

    start: int
    offsets: NDArray[np.int64]
    """Where each record begins."""
    end: int
    """Where the last of them ends: at or beyond its stop, unless the chain cannot go on."""


def walk_in_lanes(
    records: LaneRecords, data: memoryview, offset: int, plan: Plan = USUAL
) -> tuple[NDArray[np.int64], int]:
    """Follow the chain from `offset` to the end of the data; the answer is that of `walk`, as a column."""
    probed, end = walk(records, data, offset, offset + plan.probe)
    if end < offset + plan.probe or len(probed) * (len(data) - end) < plan.worthwhile * (end - offset):
        rest, end = walk(records, data, end, len(data))
        return np.array(probed + rest, np.int64), end
    fields = np.ndarray((len(data) - 3,), f"{records.order}u4", data, strides=(1,))
    last = len(data) - records.header
    spacing = (last - end) // plan.lanes // records.stride * records.stride
    starts = _starts(records, fields, end + spacing * np.arange(plan.lanes), last)
    # A lane whose neighbour has not been found ends where it would have: the plain walk is faster than one lane.
    stops = np.minimum(np.append(starts[1:], last + 1), starts + 2 * spacing)
    pieces, end = _stitch(records, data, _run(records, fields, starts, stops))
    return np.concatenate([np.array(probed, np.int64), *pieces]), end


def _starts(records: LaneRecords, fields: NDArray[Any], points: NDArray[np.int64], last: int) -> NDArray[np.int64]:
    """Guess a record after each point; the first of them is known to be one."""
    known, points = points[0], points[1:]
    found = [np.array([known])]
    for width in _WIDTHS:
        places = (points[:, np.newaxis] + np.arange(0, width, records.stride)).reshape(-1)
        places = places[places <= last]
        places = places[records.plausible(fields, places, known)]
        # The first plausible place from each point on, if it is within the width.
        nearest = np.append(places, last + width)[np.searchsorted(places, points)]
        is_found = nearest < points + width
        found.append(nearest[is_found])
        points = points[~is_found] + width
        points = points[points <= last]
    return np.unique(np.concatenate(found))


def _run(records: LaneRecords, fields: NDArray[Any], starts: NDArray[np.int64], stops: NDArray[np.int64]) -> list[Lane]:
    """Follow all lanes together, each until it reaches its stop or cannot go on."""
    data_end = len(fields) + 3
    ends = np.empty_like(starts)
    places = []
    lane, here, stop = np.arange(len(starts)), starts, stops
    while len(here):
        after = here + records.sizes(fields, here)
        goes_on = after < stop
        if goes_on.all():
            places.append(here)
            here = after
            continue
        is_record = after <= data_end
        places.append(here[is_record])
        ends[lane] = np.where(is_record, after, here)
        lane, here, stop = lane[goes_on], after[goes_on], stop[goes_on]
    # All records of a lane begin between its start and its stop, so sorting puts the lanes in a row.
    offsets = np.sort(np.concatenate(places), kind="stable")
    # Lanes that land on each other's starts are right or wrong together: most chunks are one lane in the end.
    breaks = np.flatnonzero(ends[:-1] != starts[1:])
    starts, ends = starts[np.append(0, breaks + 1)], ends[np.append(breaks, len(ends) - 1)]
    pieces = np.split(offsets, np.searchsorted(offsets, starts[1:]))
    return [Lane(*row) for row in zip(starts.tolist(), pieces, ends.tolist(), strict=True)]


def _stitch(records: LaneRecords, data: memoryview, lanes: list[Lane]) -> tuple[list[NDArray[np.int64]], int]:
    """Follow the chain from the first lane's start, taking each lane that it lands on."""
    pieces = []
    here = lanes[0].start
    for lane in lanes:
        gap, here = walk(records, data, here, lane.start)
        pieces.append(np.array(gap, np.int64))
        if here == lane.start:
            pieces.append(lane.offsets)
            here = lane.end
    rest, here = walk(records, data, here, len(data))
    pieces.append(np.array(rest, np.int64))
    return pieces, here
