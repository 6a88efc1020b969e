"""What the keys of the live table do: `press` returns the state after a key. Pure.

s, S    sort by the next column, by the one before     p, blank  pause, and go on
r       sort the other way round                       ?, h      show the keys
/       type a filter                                  q         end the run, as Ctrl-C does
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from shodohflo.report.busiest import ORDERS, Search

ENTER: Final = ("\r", "\n")
ESCAPE: Final = "\x1b"
BACKSPACE: Final = ("\x7f", "\b")
CLEAR: Final = "\x15"
"""Ctrl-U: clears the line, as shells do."""

LONGEST: Final = 200
"""Characters of a filter."""

HELP: Final = (
    ("s, S", "sort by the next column, by the one before"),
    ("r", "sort the other way round"),
    ("/", "filter, such as: port=ssh,http not-client=10.0.0.0/8 office; an empty line shows all"),
    ("p, blank", "pause, and go on; packets are counted meanwhile"),
    ("?, h", "show the keys; any key goes back"),
    ("q", "end the run, as Ctrl-C does"),
)

_ORDERS: Final = tuple(ORDERS)


@dataclass(frozen=True, slots=True)
class Controls:
    """The state of the live table that keys change."""

    sort: str = _ORDERS[0]
    reverse: bool = False
    paused: bool = False
    helping: bool = False
    editing: str | None = None
    """The filter as far as it is typed; None if none is being typed."""
    typed: str = ""
    """The filter in force, as it was typed."""
    search: Search = field(default_factory=Search)
    """The same, parsed."""
    complaint: str = ""
    """What is wrong with the filter that was typed last."""
    ending: bool = False
    """Whether the run should end."""


Effect = Callable[[Controls], Controls]


def press(state: Controls, key: str, parse: Callable[[str], Search]) -> Controls:
    """Return the state after `key`, one character; `parse` parses a filter, and raises ValueError if it is wrong."""
    if state.editing is not None:
        return _edit(state, state.editing, key, parse)
    if state.helping:
        return replace(state, helping=False, ending=key == "q")
    effect = _EFFECTS.get(key)
    return effect(state) if effect else state


def _sort_by_neighbour(step: int) -> Effect:
    """Return what makes the column `step` places further the one to sort by."""

    def effect(state: Controls) -> Controls:
        return replace(state, sort=_ORDERS[(_ORDERS.index(state.sort) + step) % len(_ORDERS)])

    return effect


def _pause(state: Controls) -> Controls:
    return replace(state, paused=not state.paused)


def _help(state: Controls) -> Controls:
    return replace(state, helping=True)


_EFFECTS: Final[dict[str, Effect]] = {
    "s": _sort_by_neighbour(1),
    "S": _sort_by_neighbour(-1),
    "r": lambda state: replace(state, reverse=not state.reverse),
    "/": lambda state: replace(state, editing=state.typed, complaint=""),
    "p": _pause,
    " ": _pause,
    "?": _help,
    "h": _help,
    "q": lambda state: replace(state, ending=True),
}


def _edit(state: Controls, line: str, key: str, parse: Callable[[str], Search]) -> Controls:
    """Return the state after a key while a filter is typed."""
    if key in ENTER:
        try:
            return replace(state, editing=None, typed=line.strip(), search=parse(line), complaint="")
        except ValueError as error:
            return replace(state, complaint=str(error))
    if key == ESCAPE:
        return replace(state, editing=None, complaint="")
    if key in BACKSPACE:
        return replace(state, editing=line[:-1])
    if key == CLEAR:
        return replace(state, editing="")
    return replace(state, editing=(line + key)[:LONGEST]) if key.isprintable() else state
