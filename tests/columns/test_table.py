"""Properties that every declared table must have."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.batch import Batch
from shodohflo.columns.merging import merge_rows
from shodohflo.columns.observations import Observations
from shodohflo.columns.table import Role, Table, column, shared, table
from support.tables import as_rows, declared_tables, made, shared_fields, tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

EVERY_TABLE = pytest.mark.parametrize("kind", declared_tables(), ids=lambda kind: kind.__name__)


@table
class Sightings(Table):
    """A small table with a column of each role."""

    place: str = shared()
    port: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    packets: NDArray[np.int64] = column(np.int64, Role.SUM)
    first: NDArray[np.int64] = column(np.int64, Role.EARLIEST)
    last: NDArray[np.int64] = column(np.int64, Role.LATEST)
    size: NDArray[np.int64] = column(np.int64)


@table
class Ports(Table):
    """A table of one column."""

    port: NDArray[np.uint16] = column(np.uint16, Role.KEY)


def test_the_tables_that_travel_are_found_by_introspection() -> None:
    """Introspection finds all tables, so that the tests below cover each of them."""
    names = {kind.__name__ for kind in declared_tables()}

    assert names >= {"Frames", "Batch", "Messages", "Observations", "Addresses"}


@EVERY_TABLE
@given(data=st.data())
def test_some_rows_of_a_table_are_those_of_the_list_of_its_rows(kind: type[Table], data: st.DataObject) -> None:
    """Slices, masks and row numbers choose rows as they choose items of a list."""
    made = data.draw(shared_fields(kind).flatmap(lambda shared: tables(kind, *shared)))
    rows = as_rows(made)
    chosen = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    mask = np.array(chosen, np.bool_)
    expected = [row for row, kept in zip(rows, chosen, strict=True) if kept]

    assert len(made) == len(rows)
    assert as_rows(made.keep(mask)) == as_rows(made[mask]) == as_rows(made[np.flatnonzero(mask)]) == expected
    assert as_rows(made[1:3]) == rows[1:3]
    assert as_rows(made[::-1]) == rows[::-1]
    assert made.keep(mask).shared() == made.shared()


@EVERY_TABLE
@given(data=st.data())
def test_concatenating_tables_concatenates_their_rows(kind: type[Table], data: st.DataObject) -> None:
    """Empty parts change nothing, and types stay as they were declared."""
    shared = data.draw(shared_fields(kind))
    parts = data.draw(st.lists(tables(kind, *shared), min_size=1, max_size=4))

    joined = kind.concatenate([kind.empty(*shared), *parts])

    assert as_rows(joined) == [row for part in parts for row in as_rows(part)]
    assert types(joined) == types(kind.empty(*shared))
    assert joined.shared() == shared


@EVERY_TABLE
@given(data=st.data())
def test_an_empty_table_has_no_rows_and_all_columns(kind: type[Table], data: st.DataObject) -> None:
    """Concatenating empty tables gives an empty table."""
    shared = data.draw(shared_fields(kind))
    empty = kind.empty(*shared)

    assert len(empty) == len(kind.concatenate([empty, empty])) == 0
    assert len(empty.keep(np.zeros(0, np.bool_))) == 0
    assert all(len(getattr(empty, each.name)) == 0 for each in kind.columns)


def types(made: Table) -> list[object]:
    """Return the type of each column, nested ones included."""
    columns = (getattr(made, each.name) for each in made.columns)
    return [types(values) if isinstance(values, Table) else values.dtype for values in columns]


@EVERY_TABLE
def test_keeping_all_rows_and_concatenating_one_part_copy_nothing(kind: type[Table]) -> None:
    """Keeping all rows and concatenating one part return the same arrays."""
    made = kind.zeros(3, *(4 for _ in kind.shared_fields))

    assert made.keep(np.ones(3, np.bool_)) is made
    assert kind.concatenate([made[:0], made]) is made


@EVERY_TABLE
def test_tables_are_frozen(kind: type[Table]) -> None:
    """The columns of a table cannot be replaced."""
    made = kind.zeros(1, *(4 for _ in kind.shared_fields))

    with pytest.raises(FrozenInstanceError):
        setattr(made, kind.columns[0].name, None)


def test_concatenating_nothing_needs_a_table_without_shared_fields() -> None:
    """Concatenating no parts fails for tables with shared fields, whose values would be unknown."""
    assert len(Observations.concatenate([])) == 0
    with pytest.raises(TypeError):
        Batch.concatenate([])


def test_the_type_of_a_column_may_depend_on_the_shared_field() -> None:
    """Address columns of IPv4 batches are 32-bit numbers, those of IPv6 batches 16 bytes."""
    assert Batch.empty(4).src_addr.dtype == np.uint32
    assert Batch.empty(6).src_addr.dtype == np.dtype("S16")


def test_keys_are_the_columns_of_that_role_with_nested_ones_in_their_place() -> None:
    """The keys of a table include those of nested tables: an address gives three."""
    assert [key.dtype for key in Sightings.zeros(1, "here").keys()] == [np.uint16]  # noqa: SIM118 - no mapping
    assert len(list(Observations.zeros(1).keys())) == 7 + 2 * 3


def test_a_table_of_one_column_is_indexed_as_any_other() -> None:
    """A single column is no special case: slices, masks and row numbers return tables."""
    ports = made(Ports, 3, port=[53, 80, 443])

    assert as_rows(ports[1:]) == [(80,), (443,)]
    assert as_rows(ports[np.array([True, False, True])]) == [(53,), (443,)]
    assert as_rows(ports[np.array([2, 0])]) == [(443,), (53,)]
    assert as_rows(ports.keep(np.array([False, True, False]))) == [(80,)]
    assert as_rows(Ports.concatenate([ports, ports[:1]])) == [(53,), (80,), (443,), (53,)]
    assert (len(ports), len(Ports.empty()), len(ports[:0])) == (3, 0, 0)


@pytest.mark.parametrize("dtype", [np.int64, np.float64, "S3", object, "U4"])
def test_a_type_that_labels_cannot_hold_is_refused_as_a_key(dtype: object) -> None:
    """A type that labels cannot pack, such as a signed number or a float, is refused as a key."""
    with pytest.raises(TypeError, match="cannot be a key"):
        column(dtype, Role.KEY)


def test_the_example_of_the_module_is_true() -> None:
    """Two sightings of port 53 merge into one: packets are summed, and the latest time is kept."""
    rows = made(Sightings, 3, "here", port=[53, 53, 80], packets=[2, 3, 1], first=[9, 6, 8], last=[10, 7, 8])

    merged = merge_rows(rows)

    assert sorted(row[:4] for row in as_rows(merged)) == [(53, 5, 6, 10), (80, 1, 8, 8)]
    assert merged.place == "here"
