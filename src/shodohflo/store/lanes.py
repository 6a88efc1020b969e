"""Lanes: the parts of a store in which writes are numbered independently of each other.

What a script does is atomic within one server, so a single store is one lane. A cluster moves slots between its
servers, each with its keys, so there every slot is a lane, and the number of its last write is in the same slot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from shodohflo.keys import WRITER
from shodohflo.store.slots import SLOTS, TAGS, slot_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Lanes(Protocol):
    """Divides keys among lanes, which are numbered from 0."""

    @property
    def number(self) -> int:
        """The number of lanes, at most 65,536."""

    def of(self, names: Sequence[str]) -> NDArray[np.uint16]:
        """Return the lane of each key."""

    def number_key(self, session: str, lane: int) -> str:
        """Return the key in a lane that has the number of the last write of a session."""


class OneLane:
    """All keys in one lane."""

    number = 1

    def of(self, names: Sequence[str]) -> NDArray[np.uint16]:
        """Return the lane of each key."""
        return np.zeros(len(names), np.uint16)

    def number_key(self, session: str, lane: int) -> str:  # noqa: ARG002 - there is one
        """Return the key that has the number of the last write of a session."""
        return WRITER + session


class SlotLanes:
    """A lane for each slot of a cluster, with the number of its last write in the same slot."""

    number = SLOTS

    def of(self, names: Sequence[str]) -> NDArray[np.uint16]:
        """Return the lane of each key."""
        return np.fromiter(map(slot_of, names), np.uint16, len(names))

    def number_key(self, session: str, lane: int) -> str:
        """Return the key in a lane that has the number of the last write of a session."""
        return f"{WRITER}{session};{{{TAGS[lane]}}}"
