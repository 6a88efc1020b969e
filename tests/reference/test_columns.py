"""The columns of evidence give the verdicts of the plain ladder."""

from __future__ import annotations

import pytest

from reference.evidence_cases import ADDRESS_PLANS, Case, batches, cases
from reference.ladder import Ladder, read_listed
from support.judging import Columns

LISTED = read_listed()
SIZES = pytest.mark.parametrize("size", [1, 2, 3, None], ids=lambda size: f"{size or 'all'} at once")
CASES = pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{how} {case}") for how in ADDRESS_PLANS for case in cases(how)]
)


@CASES
@SIZES
def test_the_columns_write_what_the_plain_ladder_writes(case: Case, size: int | None) -> None:
    """After every batch, whatever its size, the same flows have the same verdicts by the same rungs."""
    ladder, columns = Ladder(LISTED, otherwise=lambda _flow: None), Columns()
    for moment in case.moments:
        for batch in batches(moment.packets, size):
            assert columns.take_in(batch) == ladder.take_in(batch)
