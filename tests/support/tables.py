"""Tables for tests, made from the declarations of their columns."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

import shodohflo
from shodohflo.columns.addresses import Addresses
from shodohflo.columns.table import Table

T = TypeVar("T", bound=Table)

Row = tuple[Any, ...]


def declared_tables() -> list[type[Table]]:
    """Return every table that the source declares, sorted by name."""
    for module in pkgutil.walk_packages(shodohflo.__path__, "shodohflo."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    # `dataclass(slots=True)` creates the class a second time; the first one has no columns.
    return sorted((each for each in Table.__subclasses__() if each.columns), key=lambda each: each.__name__)


def made(kind: type[T], count: int, /, *shared: Any, **given: Any) -> T:  # noqa: ANN401 - values of any column
    """Return `count` rows of a table with the columns that are `given`, and zeros in all others.

    A column is given as one value per row, or as a table; the `shared` values come first.
    """
    unknown = given.keys() - {column.name for column in kind.columns}
    assert not unknown, f"{kind.__name__} has no {unknown}"

    def given_or_zeros(column: Any, zeros: Any) -> Any:  # noqa: ANN401 - an array or a table
        if column.name not in given:
            return zeros
        values = given[column.name]
        if isinstance(values, Table):
            return values
        return Addresses.from_objects(values) if column.dtype is Addresses else np.array(values, zeros.dtype)

    return kind.zeros(count, *shared).map(given_or_zeros)


def as_rows(table: Table) -> list[Row]:
    """Return the values of each row; byte strings keep their trailing zeros, nested tables are tuples."""
    return list(zip(*(_values(getattr(table, column.name)) for column in table.columns), strict=True))


def _values(column: Any) -> list[Any]:  # noqa: ANN401 - an array or a table
    if isinstance(column, Table):
        return as_rows(column)
    if column.dtype.kind == "S":
        return [value.ljust(column.dtype.itemsize, b"\0") for value in column.tolist()]
    values: list[Any] = column.tolist()
    return values


@st.composite
def tables(draw: st.DrawFn, kind: type[T], *shared: Any, most: int = 12) -> T:  # noqa: ANN401 - of any type
    """Draw tables of any values, including extreme ones; few distinct values, so that some rows are equal."""
    count = draw(st.integers(0, most))
    return kind.zeros(count, *shared).map(lambda _, zeros: _drawn(draw, zeros))


def shared_fields(kind: type[Table]) -> st.SearchStrategy[list[Any]]:
    """Draw values for the shared fields of `kind`: an address family, or `None` for other fields."""
    families = st.sampled_from([4, 6])
    return st.tuples(*(families if name == "family" else st.none() for name in kind.shared_fields)).map(list)


def _drawn(draw: st.DrawFn, zeros: Any) -> Any:  # noqa: ANN401 - an array or a table
    if isinstance(zeros, Table):
        return zeros.map(lambda _, column: _drawn(draw, column))
    values = draw(st.lists(_scalars(zeros.dtype), min_size=len(zeros), max_size=len(zeros)))
    return np.array(values, zeros.dtype)


def extremes(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """Return the smallest and largest value to draw for `dtype`."""
    if dtype.kind == "S":
        return bytes(dtype.itemsize), b"\xff" * dtype.itemsize
    if dtype.kind == "b":
        return False, True
    # Sums are exact below 2**53 only.
    return (-(2**40), 2**40) if dtype.kind == "i" else (0, int(np.iinfo(dtype).max))


def _scalars(dtype: np.dtype[Any]) -> st.SearchStrategy[Any]:
    least, greatest = extremes(dtype)
    if dtype.kind == "S":
        return st.sampled_from([least, greatest]) | st.binary(min_size=dtype.itemsize, max_size=dtype.itemsize)
    return st.sampled_from([least, greatest]) | st.integers(least, greatest)
