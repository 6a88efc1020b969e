"""Walk a long chain of records in many places at once, with the same result as `records.walk`.

A chain must be walked from its beginning, because only a record shows where the next one begins. So the start of a
lane is a guess: the first place after a given point that looks like a record. All lanes are then followed together, one
array operation per step, until each reaches the start of the next. Only then is it known which guesses were right. The
first lane starts at a record; and if a lane that is right ends exactly at the start of the next one, that one is right
too. If it does not, the plain walk continues from its end until it arrives at the start of another lane. So a wrong
guess, even a planted one, costs time and changes nothing.

An example: 12 pcap records of 100 bytes, in 4 lanes. The packet of the record at 600 contains the copy of a record
header, at 650:

    probe         the record at 0, found by the plain walk
    points        100    371    642    913     where the search for each start begins, 271 bytes apart
    starts        100    400    650   1000     the first places that look like records; 650 is wrong
    lane 100      100    200    300            ends at 400, so lane 400 is right too
    lane 400      400    500    600            ends at 700, beyond 650, so lane 650 is dropped
    lane 650      650                          ends at 750, where no record can begin
    plain walk    700    800    900            ends at 1000, so lane 1000 is right
    lane 1000    1000   1100                   ends at 1200; all 12 records are found
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from shodohflo.capture.files.records import ByteOrder, Records, walk

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WIDTHS: Final = (128, 256, 512, 1024)
"""The bytes after a point that are searched for a start, one stretch after the other until there is one."""


class Fields(Protocol):
    """32-bit words at any byte of the data."""

    def __len__(self) -> int:
        """Return the number of bytes at which a word can begin."""

    def __getitem__(self, offsets: Any) -> Any:  # noqa: ANN401 - as for any array: a column, or one number
        """Return the word at each offset."""


class LaneRecords(Records, Protocol):
    """`Records` with operations on columns of offsets; at each offset, the data contain a whole header."""

    @property
    def order(self) -> ByteOrder:
        """The byte order of their words."""

    @property
    def stride(self) -> int:
        """The distance between two records is a multiple of this many bytes."""

    def sizes(self, fields: Fields, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what `size` returns for each offset."""

    def plausible(self, fields: Fields, offsets: NDArray[np.int64], like: np.int64) -> NDArray[np.bool_]:
        """Return a mask of the offsets at which a record may begin, given that one begins at `like`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """When to walk in lanes, and in how many."""

    lanes: int = 512
    probe: int = 1 << 13
    """Bytes covered by the plain walk first, to measure how long the records are."""
    worthwhile: int = 1 << 14
    """With fewer records left than this, searching for starts takes longer than the plain walk."""


USUAL: Final = Plan()
"""Measured with chunks of 8 and 16 MiB and records of 60 to 1,500 bytes."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The records found from one start."""

    start: int
    offsets: NDArray[np.int64]
    """Where each record begins."""
    end: int
    """Where the last of them ends: at or after the lane's stop, unless the chain ends before."""


def walk_in_lanes(
    records: LaneRecords, data: memoryview, offset: int, plan: Plan = USUAL
) -> tuple[NDArray[np.int64], int]:
    """Follow the chain from `offset` to the end of `data`; return what `walk` returns, the offsets as a column."""
    probed, end = walk(records, data, offset, offset + plan.probe)
    if end < offset + plan.probe or len(probed) * (len(data) - end) < plan.worthwhile * (end - offset):
        rest, end = walk(records, data, end, len(data))
        return np.array(probed + rest, np.int64), end
    fields = np.ndarray((len(data) - 3,), f"{records.order}u4", data, strides=(1,))
    last = len(data) - records.header
    spacing = (last - end) // plan.lanes // records.stride * records.stride
    starts = _starts(records, fields, end + spacing * np.arange(plan.lanes), last)
    # Without a start for the next lane, stop about where that one would: a single lane is slower than the plain walk.
    stops = np.minimum(np.append(starts[1:], last + 1), starts + 2 * spacing)
    pieces, end = _stitch(records, data, _run(records, fields, starts, stops))
    return np.concatenate([np.array(probed, np.int64), *pieces]), end


def _starts(records: LaneRecords, fields: NDArray[Any], points: NDArray[np.int64], last: int) -> NDArray[np.int64]:
    """Return the guessed start of a record after each point; the first point is known to be one."""
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
    """Follow all lanes together, each to its stop or the end of its chain; lanes that meet are joined to one."""
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
    # All records of a lane begin between its start and its stop, so sorting puts the lanes one after the other.
    offsets = np.sort(np.concatenate(places), kind="stable")
    # If a lane is right and ends at the start of the next, that one is right too: join them, usually into one.
    breaks = np.flatnonzero(ends[:-1] != starts[1:])
    starts, ends = starts[np.append(0, breaks + 1)], ends[np.append(breaks, len(ends) - 1)]
    pieces = np.split(offsets, np.searchsorted(offsets, starts[1:]))
    return [Lane(*row) for row in zip(starts.tolist(), pieces, ends.tolist(), strict=True)]


def _stitch(records: LaneRecords, data: memoryview, lanes: list[Lane]) -> tuple[list[NDArray[np.int64]], int]:
    """Follow the chain from the first lane's start, and take over each lane at whose start it arrives."""
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
