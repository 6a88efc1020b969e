"""Tables: frozen dataclasses whose fields are columns of equal length, each declared once with its role.

Everything that follows from the list of columns is derived from the declaration: length, rows, `keep`,
`empty`, `concatenate`, the key that rows are grouped by (`columns.labels`) and what merging makes of each
column (`columns.merging`). For example:

    @table
    class Sightings(Table):
        port: NDArray[np.uint16] = column(np.uint16, Role.KEY)
        packets: NDArray[np.int64] = column(np.int64, Role.SUM)
        last: NDArray[np.int64] = column(np.int64, Role.LATEST)

The rows (port 53, 2 packets, last 10), (53, 3, 7) and (80, 1, 8) merge into (53, 5, 10) and (80, 1, 8).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum, auto
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from numpy.typing import NDArray

    T = TypeVar("T", bound="Table")


class Role(Enum):
    """What merging does with a column where several rows become one."""

    KEY = auto()
    """Only rows that are equal in all key columns are merged."""
    SUM = auto()
    """The values are added up; exact below 2**53."""
    EARLIEST = auto()
    """The least value is kept."""
    LATEST = auto()
    """The greatest value is kept."""
    ANY = auto()
    """The value of any one of the rows is kept. Also the role of columns of tables that are never merged."""


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """The declaration of a column."""

    name: str
    dtype: Any
    """A NumPy type, a `Table` for columns within a column, or a mapping from the value of the table's
    shared field to one of these."""
    role: Role

    def zeros(self, count: int, shared: Sequence[Any]) -> Any:  # noqa: ANN401 - an array or a table
        """Return `count` zeros of the column's type, in a table with the fields `shared`."""
        dtype = self.dtype[shared[0]] if isinstance(self.dtype, dict) else self.dtype
        return dtype.zeros(count) if _is_table(dtype) else np.zeros(count, dtype)


def column(dtype: Any, role: Role = Role.ANY) -> Any:  # noqa: ANN401 - stands for a value of the field's type
    """Declare a field of a table to be a column; see `ColumnSpec.dtype`.

    Keys must be unsigned integers, booleans, tables, or byte strings of a multiple of 8 bytes.
    """
    for each in dtype.values() if isinstance(dtype, dict) else [dtype]:
        if role is Role.KEY and not _is_table(each) and not _can_be_key(np.dtype(each)):
            message = f"a column of {np.dtype(each)} cannot be a key: make it an unsigned integer"
            raise TypeError(message)
    return field(metadata={"dtype": dtype, "role": role})


def shared() -> Any:  # noqa: ANN401 - stands for a value of the field's type
    """Declare a field of a table to be one value that holds for all rows; shared fields come first."""
    return field()


@dataclass_transform(frozen_default=True, field_specifiers=(column, shared))
def table(cls: type[T]) -> type[T]:
    """Make a subclass of `Table` a frozen dataclass with slots, and collect its columns."""
    made = dataclass(frozen=True, slots=True)(cls)
    declared = fields(made)
    made.shared_fields = tuple(each.name for each in declared if not each.metadata)
    made.columns = tuple(
        ColumnSpec(each.name, each.metadata["dtype"], each.metadata["role"]) for each in declared if each.metadata
    )
    made.names = tuple(each.name for each in made.columns)
    # The first field twice: an `attrgetter` of one name returns no tuple.
    made.values = attrgetter(*made.shared_fields, *made.names, (*made.shared_fields, *made.names)[0])
    return made


class Table:
    """Columns of equal length, and perhaps values that all rows share; subclasses are decorated with `table`."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]
    columns: ClassVar[tuple[ColumnSpec, ...]] = ()
    """The declared columns, in their order."""
    names: ClassVar[tuple[str, ...]] = ()
    """The names of the columns."""
    values: ClassVar[attrgetter[tuple[Any, ...]]]
    """Returns the values of all fields of a table, and the first once more, in one step: decoders do it most often."""
    shared_fields: ClassVar[tuple[str, ...]] = ()
    """The names of the fields that are no columns."""

    @classmethod
    def zeros(cls, count: int, *shared: Any) -> Self:  # noqa: ANN401 - the values of the shared fields
        """Return `count` rows of zeros in new arrays; `shared` are the values of the shared fields."""
        if len(shared) != len(cls.shared_fields):
            message = f"{cls.__name__} needs a value for each of {cls.shared_fields}, not {len(shared)}"
            raise TypeError(message)
        return cls(*shared, *(each.zeros(count, shared) for each in cls.columns))

    @classmethod
    def empty(cls, *shared: Any) -> Self:  # noqa: ANN401 - the values of the shared fields
        """Return a table without rows; `shared` are the values of the shared fields."""
        return cls.zeros(0, *shared)

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Put the rows of `parts` one after the other; nothing is copied if only one has rows.

        The shared fields of all `parts` must be equal. A table that has some needs at least one part.
        """
        if len(parts) == 1:
            return parts[0]
        filled = [part for part in parts if len(part)]
        if len(filled) == 1:
            return filled[0]
        if not filled:
            return parts[0] if parts else cls.empty()
        return cls(*filled[0].shared(), *[_joined([getattr(part, name) for part in filled]) for name in cls.names])

    def shared(self) -> list[Any]:
        """Return the values of the shared fields."""
        return [getattr(self, name) for name in self.shared_fields]

    def map(self, change: Callable[[ColumnSpec, Any], Any]) -> Self:
        """Return a table with `change(column, values)` in the place of each column's values."""
        return type(self)(*self.shared(), *[change(each, getattr(self, each.name)) for each in self.columns])

    def __len__(self) -> int:
        """Count the rows."""
        return len(getattr(self, self.names[0]))

    def __getitem__(self, rows: Any) -> Self:  # noqa: ANN401 - whatever indexes an array
        """Return some rows: a slice, a mask or row numbers. A slice copies nothing."""
        values, shared = self.values(self), len(self.shared_fields)
        return type(self)(*values[:shared], *[column[rows] for column in values[shared:-1]])

    def keep(self, mask: NDArray[np.bool_]) -> Self:
        """Return the rows where `mask` is true; all of them without copying."""
        return self if np.count_nonzero(mask) == len(mask) else self[mask.nonzero()[0]]

    def keys(self) -> Iterator[NDArray[Any]]:
        """Yield the key columns as arrays, those of nested tables one by one."""
        for each in self.columns:
            if each.role is Role.KEY:
                values = getattr(self, each.name)
                yield from values.keys() if isinstance(values, Table) else [values]


def _joined(parts: list[Any]) -> Any:  # noqa: ANN401 - an array or a table
    return parts[0].concatenate(parts) if isinstance(parts[0], Table) else np.concatenate(parts)


def _is_table(dtype: Any) -> bool:  # noqa: ANN401 - whatever was declared
    return isinstance(dtype, type) and issubclass(dtype, Table)


def _can_be_key(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "ub" or (dtype.kind == "S" and dtype.itemsize % 8 == 0)
