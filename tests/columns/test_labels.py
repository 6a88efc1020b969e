"""Labels: rows have equal labels exactly if they are equal in all key columns."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.batch import Batch
from shodohflo.columns.grouping import group_by
from shodohflo.columns.labels import from_key_bytes, key_bytes, labels
from shodohflo.columns.observations import Observations
from shodohflo.columns.table import Role, Table, column, table
from support.tables import as_rows, declared_tables, extremes, shared_fields, tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

WITH_KEYS = [kind for kind in declared_tables() if any(each.role is Role.KEY for each in kind.columns)]
EVERY_TABLE = pytest.mark.parametrize("kind", WITH_KEYS, ids=lambda kind: kind.__name__)
ONLY_KEYS = [
    kind for kind in WITH_KEYS if all(each.role is Role.KEY for each in kind.columns) and not kind.shared_fields
]
SHARED = {"Batch": [(4,), (6,)]}

EVERY_KEY = [
    pytest.param(kind, shared, place, id=f"{kind.__name__}{list(shared)}-{place}")
    for kind in WITH_KEYS
    for shared in SHARED.get(kind.__name__, [()])
    for place in range(len(list(kind.empty(*shared).keys())))
]


@table
class Wide(Table):
    """A table whose keys need more than two words."""

    one: NDArray[np.uint64] = column(np.uint64, Role.KEY)
    two: NDArray[np.uint32] = column(np.uint32, Role.KEY)
    three: NDArray[np.uint32] = column(np.uint32, Role.KEY)
    four: NDArray[np.uint8] = column(np.uint8, Role.KEY)
    five: NDArray[np.bool_] = column(np.bool_, Role.KEY)


def with_keys(rows: Table, values: list[Any]) -> Table:
    """Return `rows` with an array from `values` in the place of each key column, in their order."""
    left = iter(values)

    def replaced(rows: Table) -> Table:
        return rows.map(
            lambda each, old: (
                old if each.role is not Role.KEY else replaced(old) if isinstance(old, Table) else next(left)
            )
        )

    return replaced(rows)


def same(rows: list[Any]) -> list[list[bool]]:
    """Return which pairs of `rows` are equal."""
    return [[one == other for other in rows] for one in rows]


@pytest.mark.parametrize(("kind", "shared", "place"), EVERY_KEY)
def test_rows_that_differ_in_one_key_column_never_share_a_group(
    kind: type[Table], shared: tuple[Any, ...], place: int
) -> None:
    """Rows that differ in one key column never share a group, with all others at their least or greatest value."""
    keys = list(kind.zeros(1, *shared).keys())
    for others in (0, 1):
        values = [np.array([extremes(key.dtype)[others]] * 3, key.dtype) for key in keys]
        least, greatest = extremes(keys[place].dtype)
        values[place] = np.array([least, greatest, least], keys[place].dtype)
        rows = with_keys(kind.zeros(3, *shared), values)

        groups = group_by(labels(rows))

        assert len(groups.leaders) == 2
        assert groups.group[0] == groups.group[2] != groups.group[1]
        assert same(key_bytes(rows)) == same([0, 1, 0])


@pytest.mark.parametrize("bit", range(64))
def test_each_single_bit_of_a_key_tells_rows_apart(bit: int) -> None:
    """Numbers that differ in a single bit have different labels, with the greatest values beside them."""
    numbers = np.array([0, 1 << bit], np.uint64)
    full, byte = np.full(2, 2**32 - 1, np.uint32), np.full(2, 0xFF, np.uint8)

    wide = Wide(numbers, full, full, byte, np.ones(2, np.bool_))

    assert len(group_by(labels(wide)).leaders) == 2


@EVERY_TABLE
@given(data=st.data())
def test_labels_are_equal_exactly_where_keys_are(kind: type[Table], data: st.DataObject) -> None:
    """The words of two rows are equal if and only if all their key columns are."""
    rows = data.draw(shared_fields(kind).flatmap(lambda shared: tables(kind, *shared)))
    doubled = kind.concatenate([rows, rows])
    names = [each.name for each in kind.columns if each.role is Role.KEY]
    places = [place for place, each in enumerate(kind.columns) if each.name in names]

    words = list(zip(*(word.tolist() for word in labels(doubled)), strict=True))

    keys = [tuple(row[place] for place in places) for row in as_rows(doubled)]
    assert same(words) == same(keys)
    assert same(key_bytes(doubled)) == same(keys)


def test_labels_are_as_wide_as_their_values_need() -> None:
    """The labels of IPv4 rows take two words, those of IPv6 five."""
    ports, udp = np.full(2, 0xFFFF, np.uint16), np.full(2, 17, np.uint8)
    rest = replace(Observations.zeros(2), client_port=ports, port=ports, protocol=udp)
    four = replace(rest, client=_addresses(4, 2**32 - 1), remote=_addresses(4, 2**32 - 2))
    six = replace(rest, client=_addresses(6, 2**64 - 1), remote=_addresses(6, 2**64 - 2))

    assert (len(labels(rest)), len(labels(four)), len(labels(six))) == (1, 2, 5)


def _addresses(version: int, low: int) -> Addresses:
    high = 2**64 - 1 if version == 6 else 0
    return Addresses(np.full(2, version, np.uint8), np.full(2, high, np.uint64), np.full(2, low, np.uint64))


def test_a_table_whose_keys_are_all_zero_has_one_label() -> None:
    """A table with zero keys, or without rows, still has one column of labels, which grouping needs."""
    assert [word.tolist() for word in labels(Batch.zeros(3, 4))] == [[0, 0, 0]]
    assert [word.tolist() for word in labels(Batch.empty(6))] == [[]]
    assert key_bytes(Observations.empty()) == []


def test_key_bytes_can_be_compared_between_tables() -> None:
    """Equal keys have equal bytes in all tables of a type, so the bytes can be stored."""
    ports = [np.array(each, np.uint16) for each in ([1, 0xFFFF], [1])]
    one, other = (replace(Observations.zeros(len(port)), port=port) for port in ports)

    assert key_bytes(one)[0] == key_bytes(other)[0]
    assert all(a != b for a, b in product(key_bytes(one)[1:], key_bytes(other)))


@pytest.mark.parametrize("kind", ONLY_KEYS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_table_of_keys_is_made_again_from_its_bytes(kind: type[Table], data: st.DataObject) -> None:
    """`from_key_bytes` is the inverse of `key_bytes`, in types and values, also for some rows in another order."""
    rows = data.draw(tables(kind))
    names = key_bytes(rows)

    again = from_key_bytes(kind, names)

    assert as_rows(again) == as_rows(rows)
    assert [key.dtype for key in again.keys()] == [key.dtype for key in rows.keys()]  # noqa: SIM118 - no mapping
    assert as_rows(from_key_bytes(kind, names[::-2])) == as_rows(rows[::-2])
    assert key_bytes(again) == names


def test_the_tables_that_are_made_from_bytes_are_found_by_introspection() -> None:
    """Those of the store's keys are among them, and the addresses within them."""
    assert {kind.__name__ for kind in ONLY_KEYS} >= {"FlowKeys", "PairKeys", "ClientKeys", "UnreachableKeys"}
