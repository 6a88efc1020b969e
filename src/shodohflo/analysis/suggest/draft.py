"""Entries and rules as source text in the configuration language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from shodohflo.rules.actions import is_built_in
from shodohflo.rules.networks import OurNetworks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shodohflo.rules.mapping import Rule
    from shodohflo.rules.networks import Entry

INDENT: Final = " " * 4

_SPACES: Final = re.compile(r" (?!%)")
"""Where lines may break: a per cent sign stays with its number."""

WIDTH: Final = 110
"""The maximal length of a line."""


PRICE: Final = "memory EVIDENCE_MEMORY, and processor time for each new flow, which an agent spends with either"
"""What `Observed` costs more than `LowerPort`; measured as docs/explanation/measurements.md says."""


def import_lines(names: Iterable[str]) -> Iterator[str]:
    """Yield the import statement for names of the configuration language, constants first."""
    yield "from shodohflo.pcap_config import ("
    yield from (f"{INDENT}{name}," for name in sorted(names, key=lambda name: (not name.isupper(), name)))
    yield ")"


def entry_lines(entry: Entry) -> Iterator[str]:
    """Yield the lines of an entry of NETWORK_ENUMERATION; a long one has a line for each part."""
    prefixes = [repr(part) if isinstance(part, OurNetworks) else _quoted(str(part)) for part in entry.given]
    line = f"{INDENT}({', '.join([_quoted(entry.name), *prefixes])}{',' if not prefixes else ''}),"
    if len(line) <= WIDTH:
        yield line
        return
    yield f"{INDENT}("
    yield from (f"{INDENT * 2}{part}," for part in (_quoted(entry.name), *prefixes))
    yield f"{INDENT}),"


def rule_code(rule: Rule) -> str:
    """Return the source of a rule, whose action must be built-in."""
    networks = [_quoted(name) if name is not None else "None" for name in (rule.src, rule.dst)]
    return f"({', '.join([*networks, action_code(rule.action)])})"


def action_code(action: object) -> str:
    """Return the constructor call of a built-in action, or raise TypeError for a custom one."""
    if not is_built_in(action):
        raise TypeError(f"{action!r} is not among the actions that can be written")
    return action.to_code()


def comment(text: str) -> Iterator[str]:
    """Yield `text` as indented comment lines."""
    line = f"{INDENT}#"
    for word in _SPACES.split(text):
        if len(line) + 1 + len(word) > WIDTH:
            yield line
            line = f"{INDENT}#"
        line = f"{line} {word}"
    yield line


def _quoted(text: str) -> str:
    return f'"{text}"'
