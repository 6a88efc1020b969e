"""Verdicts: the decision of the rules on each row of a batch, as columns; the interface from rules to attribution."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from shodohflo.columns.table import Table, column, shared, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.model import Address


class Decision(IntEnum):
    """The outcome of the rules for one packet."""

    NO_NETWORK = 0
    """An address is in no network: no rule was tried."""
    NO_RULE = 1
    """No rule had an opinion."""
    DROPPED = 2
    """A rule dropped the packet: `drop=True`, or a custom action."""
    SRC_IS_CLIENT = 3
    DST_IS_CLIENT = 4
    ANSWERED = 5
    """A custom action named other ends than the packet's; see `Verdicts.answers`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The ends of a flow, as named by a custom action; addresses of either family."""

    client: Address
    service: Address


@table
class Verdicts(Table):
    """One verdict for each row of a batch; all columns are 0 in rows that the rules were not asked about."""

    answers: tuple[Answer, ...] = shared()
    """One for each `ANSWERED` row, in the order of the rows."""
    decision: NDArray[np.uint8] = column(np.uint8)
    """A `Decision`."""
    port: NDArray[np.uint16] = column(np.uint16)
    """The port of interest where there is a client; undefined elsewhere."""
    rule: NDArray[np.uint16] = column(np.uint16)
    """The deciding rule, numbered from 0 as in the configuration; 0 where none decided."""
    observed: NDArray[np.uint16] = column(np.uint16)
    """The number + 1 of the `Observed` rule that comes before the deciding one, or is it; 0 if there is none.

    Evidence, where there is any, decides in its place: that rule then is the one that decided.
    """
    rung: NDArray[np.uint8] = column(np.uint8)
    """A `model.Rung`: what the verdict rests on, where there is a client; undefined elsewhere."""
    src_network: NDArray[np.uint16] = column(np.uint16)
    dst_network: NDArray[np.uint16] = column(np.uint16)
    """The network id of each end, 0 where the address is in none."""
