"""Sides: how evidence says which end of a flow is the service."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


class Service(IntEnum):
    """The side of a flow that is the service."""

    UNKNOWN = 0
    SIDE_0 = 1
    SIDE_1 = 2


def only(first: Mask, second: Mask) -> NDArray[np.uint8]:
    """Return side 0 where it alone is marked, side 1 where that alone is, else unknown."""
    return np.where(first == second, np.uint8(Service.UNKNOWN), np.where(first, Service.SIDE_0, Service.SIDE_1)).astype(
        np.uint8
    )


def only_one(first: bool, second: bool) -> Service:  # noqa: FBT001 - two marks, by side
    """Return what `only` returns, for one flow."""
    if first == second:
        return Service.UNKNOWN
    return Service.SIDE_0 if first else Service.SIDE_1
