"""The reference page of the JSON output: field, type, meaning; those of rows are generated from their declarations."""  # noqa: INP001 - a script's module, not a package

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from shodohflo.keys.detail import ProtocolSum
from shodohflo.query.rows import (
    ClientRow,
    DisagreeingRow,
    FlowRow,
    KeyRow,
    KnockRow,
    KnockTarget,
    ListedRow,
    PeerRow,
    ReconRow,
    ServiceRow,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS: Final = {
    FlowRow: "`shodohflo flows --json` and `shodohflo replay --json`",
    PeerRow: "`shodohflo peers --json`",
    ClientRow: "`shodohflo clients --json`",
    ServiceRow: "`shodohflo services --json`",
    ReconRow: "`shodohflo recon --json`",
    KnockRow: "`shodohflo recon --kind knock --json`",
}
"""The rows that are printed as JSON, and by which commands."""

TYPES: Final = {
    "Address": "string",
    "int": "number",
    "float": "number",
    "str": "string",
    "bool": "boolean",
    "Network": "string",
    "tuple[KnockTarget, ...]": "list of objects",
    "int | None": "number or null",
    "float | None": "number or null",
    "tuple[str, ...]": "list of strings",
    "tuple[ProtocolSum, ...]": "list of objects",
}
"""The JSON type of each annotation."""

INTRODUCTION: Final = """\
# JSON output

With `--json`, `flows`, `replay`, `peers`, `clients`, `services` and `recon` print one object for each row, `check` one
for each finding and `rules` one for each rule, each on a line of its own (`jq` reads them directly). `explain` and
`compare` print a single object. No other command has `--json`.

Later versions may add fields but not rename any; fields have the order of the tables below. Addresses are RFC 5952
text, times are seconds since 1970 with at most six decimals, and bytes are those of the network layer.
"""

OTHERS: Final = """\
## `shodohflo check --json`

A finding; accepted ones come last.

| field | type | meaning |
|---|---|---|
| `level` | string | `error`, `warning` or `note`. |
| `code` | string | One of the [codes](findings.md). |
| `place` | string | Its subject, such as `FLOW_MAPPING[2]`. |
| `where` | string or null | The position in the file, as `file:line:column` as far as known; null if unknown. |
| `sentence` | string | What was found. |
| `witness` | string or null | A packet that demonstrates it, as text; null if there is none. |
| `outcome` | string or null | The outcome of that packet. |
| `accepted` | string or null | The reason in `ACCEPTED_FINDINGS`; null if the finding is not accepted. |

## `shodohflo rules --json`

A rule. The last four fields are there with captures or `--running` only.

| field | type | meaning |
|---|---|---|
| `place` | string | The rule, such as `FLOW_MAPPING[3]`. |
| `sentence` | string | Its description. |
| `packets` | number | Packets of flows that the rule decided. |
| `flows` | number | Flows that the rule decided. |
| `dropped` | number | Packets that the rule dropped. |
| `contradicted` | number | Flows that the rule decided against evidence, which stands below it. |

With `--grade`, an object is about a rule about ports that was graded: asked about flows that had shown client and
service by evidence.

| field | type | meaning |
|---|---|---|
| `place` | string | The rule, such as `FLOW_MAPPING[3]`. |
| `action` | string or null | Its action, shortened; null if only the agents know it. |
| `graded` | number | Flows that it was asked about. |
| `disagreed` | number | Flows of which it would take the client for the service. |
| `worst_port` | number or null | The port of services at which it was wrong most often; null if it never was. |
| `worst_graded` | number | Flows at that port that it was asked about. |
| `worst_disagreed` | number | Flows at that port that it was wrong about. |
| `agents` | list of strings | The agents that graded it; empty with captures. |

## `shodohflo explain --json`

What becomes of one packet. With `--key`, the object has `key`, then the fields of that key's row as `flows`, `peers`,
`clients` or `recon` print them.

| field | type | meaning |
|---|---|---|
| `packet` | string | The packet as text. |
| `source` | object | Its `address`, `network`, `entry` and `prefix`; the last three are null in no network. |
| `destination` | object | The same for the destination. |
| `before` | list of objects | The questions asked before the rules, up to the one that applies. |
| `rules` | list of objects | The rules up to the one that decides; empty if the packet does not reach the rules. |
| `after` | list of objects | `IGNORE_FLOW`, if it is set and the rules made a flow. |
| `evidence` | string or null | The `Observed` rule that decides by evidence, if there is any; the rest is without. |
| `outcome` | string | One of the [outcomes](outcomes.md). |
| `meaning` | string | The explanation of that outcome. |
| `keys` | list of strings | All keys under which the packet is counted. |

Each object of `before`, `rules` and `after` has `name`, `applies` (true or false), `because` (the reason) and, for a
rule, `sentence`.

## `shodohflo compare --json`

The whole difference, with all keys.

| field | type | meaning |
|---|---|---|
| `packets` | number | Packets in the captures. |
| `keys` | object | The number of keys under the `old` and the `new` configuration. |
| `added` | object | The count of each key that only the new configuration has. |
| `gone` | object | The count of each key that only the old configuration has. |
| `recounted` | object | The old and the new count, as a list, of each key whose count differs. |
| `inside` | object | The same, for keys whose difference `changes` does not account for. |
| `changes` | list of objects | Packets that the two record differently, summed by both decisions; most first. |

`inside` has the keys of packets in tunnels that only one configuration opens.

Each object of `changes` has `what`, `packets`, `old` and `new`. `what` is `newly recorded`, `newly dropped`, `no longer
recorded`, `moved` (to another key), `exchanged` (client and service), `newly ignored` or `no longer ignored` (by
`IGNORE_FLOW`). `old` and `new` are objects with `outcome`, `key` (the flow key; null if no flow is recorded), `rule`
and `sentence` (both null if no rule decided), and `evidence` (what named the service; null if no flow is recorded).
"""
"""The chapters about objects that are not rows."""


def json_page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield INTRODUCTION
    for row, commands in ROWS.items():
        yield from (f"## {commands}", "", textwrap.dedent(row.__doc__ or "").partition("\n")[0], "")
        yield from _table(ordered(row))
        if row is FlowRow:
            yield from ("Each object of `protocols`:", "")
            yield from _table(documented(ProtocolSum))
            yield from ("With `--disagreeing`, each object has these fields before `packets`:", "")
            yield from _table(documented(DisagreeingRow))
        if row is KnockRow:
            yield from ("`recon` without `--kind` prints these objects after the others. Each object of `targets`:", "")
            yield from _table(documented(KnockTarget))
    yield OTHERS


def ordered(row: type[ListedRow]) -> dict[str, tuple[str, str]]:
    """Return type and meaning of each field, in the order in which they are printed."""
    common = (documented(KeyRow) if issubclass(row, KeyRow) else {}) | documented(ListedRow)
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
