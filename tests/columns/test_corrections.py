"""Corrections: which rows are merged, and what is added up."""

from __future__ import annotations

from shodohflo.columns.corrections import Corrections
from shodohflo.columns.table import Role


def test_the_columns_of_corrections_have_their_roles() -> None:
    """What names the keys and the evidence is the key; counts are summed, and the time span is widened."""
    roles = {each.name: each.role for each in Corrections.columns}

    assert {name: role for name, role in roles.items() if role is not Role.KEY} == {
        "packets": Role.SUM,
        "octets": Role.SUM,
        "first": Role.EARLIEST,
        "last": Role.LATEST,
    }
