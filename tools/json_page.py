"""The reference page of the JSON rows, generated from their declarations: field, type, meaning."""  # noqa: INP001 - a script's module, not a package

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from shodohflo.keys.detail import ProtocolSum
from shodohflo.query.rows import ClientRow, FlowRow, KeyRow, PeerRow, ReconRow

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS: Final = {
    FlowRow: "`shodohflo flows --json` and `shodohflo replay --json`",
    PeerRow: "`shodohflo peers --json`",
    ClientRow: "`shodohflo clients --json`",
    ReconRow: "`shodohflo recon --json`",
}
"""The rows that are printed as JSON, and by which commands."""

TYPES: Final = {
    "Address": "string",
    "int": "number",
    "float": "number",
    "str": "string",
    "int | None": "number or null",
    "float | None": "number or null",
    "tuple[str, ...]": "list of strings",
    "tuple[ProtocolSum, ...]": "list of objects",
}
"""The JSON type of each annotation."""

INTRODUCTION: Final = """\
# JSON rows

With `--json`, a command prints one object per line (`jq` reads them directly). Later versions may add fields but not
rename any; fields have the order of the tables below. Addresses are RFC 5952 text, times are seconds since 1970 with at
most six decimals, and bytes are those of the network layer. `shodohflo COMMAND --help` shows whether a command has
`--json`.
"""


def json_page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield INTRODUCTION
    for row, commands in ROWS.items():
        yield from (f"## {commands}", "", textwrap.dedent(row.__doc__ or "").partition("\n")[0], "")
        yield from _table(ordered(row))
        if row is FlowRow:
            yield from ("Each object of `protocols`:", "")
            yield from _table(documented(ProtocolSum))


def ordered(row: type[KeyRow]) -> dict[str, tuple[str, str]]:
    """Return type and meaning of each field, in the order in which they are printed."""
    common = documented(KeyRow)
    return {**{name: told for name, told in documented(row).items() if name not in common}, **common}


def documented(declaration: type) -> dict[str, tuple[str, str]]:
    """Return JSON type and meaning of each field that a dataclass declares itself, from its attribute docstrings."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(declaration))).body
    assert isinstance(node, ast.ClassDef)
    told = {}
    for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            match following:
                case ast.Expr(value=ast.Constant(value=str(meaning))):
                    told[statement.target.id] = TYPES[ast.unparse(statement.annotation)], " ".join(meaning.split())
                case _:
                    raise ValueError(f"{declaration.__name__}.{statement.target.id}: write what it means below it")
    assert set(told) <= {field.name for field in fields(declaration)}
    return told


def _table(told: dict[str, tuple[str, str]]) -> Iterator[str]:
    yield from ("| field | type | meaning |", "|---|---|---|")
    yield from (f"| `{name}` | {kind} | {meaning} |" for name, (kind, meaning) in told.items())
    yield ""
