"""A configuration file: executed, and parsed to give every error its file, line and column."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

from shodohflo import pcap_config
from shodohflo.config.limits import LIMIT, TimeIsUp, time_limit
from shodohflo.errors import ConfigurationError, closest
from shodohflo.rules.actions import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

_LISTS: Final = ("NETWORK_ENUMERATION", "FLOW_MAPPING")
_ARGUMENTS: Final = {action.__name__: tuple(inspect.signature(action).parameters) for action in BUILT_IN}
_PLACE: Final = re.compile(rf"({'|'.join(_LISTS)})\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of a file and their syntax tree; nothing has been executed."""

    path: Path
    data: bytes
    tree: ast.Module

    @classmethod
    def parse(cls, path: Path, data: bytes) -> Source:
        """Parse `data`, the bytes of `path`; raise `ConfigurationError` if that fails."""
        try:
            return cls(path, data, ast.parse(data, str(path)))
        except SyntaxError as error:
            where = f"{path}:{error.lineno}:{error.offset}" if error.lineno else path  # a null byte has no line
            raise ConfigurationError(f"{where}: {error.msg}") from error
        except ValueError as error:  # null bytes, in some versions of Python
            raise ConfigurationError(f"{path}: {error}") from error
        except (MemoryError, RecursionError) as error:  # what the parser raises for too many levels
            raise ConfigurationError(f"{path}: it is nested too deeply for Python to parse") from error

    def run(self, limit: float = LIMIT) -> dict[str, Any]:
        """Execute the file and return the names that it defines; an exception becomes a `ConfigurationError`.

        So does code that takes longer than `limit` seconds, in the main thread. What it prints goes to standard error,
        because standard output belongs to the command.
        """
        names: dict[str, Any] = {"__name__": "shodohflo_configuration", "__file__": str(self.path)}
        names["print"] = partial(print, file=sys.stderr)
        try:
            # In another thread, all other threads would be redirected too, for as long as the code takes.
            with time_limit(limit) as alone, redirect_stdout(sys.stderr) if alone else nullcontext():
                exec(compile(self.tree, str(self.path), "exec"), names)  # noqa: S102 - a configuration is code; `trust` checks whose
        except TimeIsUp as late:
            spots = list(_spots(late.__traceback__, str(self.path)))
            where = f"{self.path}:{spots[-1][0]}" if spots else self.path
            raise ConfigurationError(f"{where}: it did not end within {limit:g} seconds") from None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the operator's code raises
            self._explain(error)
        return names

    def assigned(self) -> dict[str, str]:
        """Return the names that the file assigns, each with the first position, as `file:line:column`."""
        found: dict[str, str] = {}
        for name in _assigned_names(self.tree.body):
            found.setdefault(name.id, self._where(name.lineno, name.col_offset))
        return found

    def places(self) -> dict[str, str]:
        """Return the position of each assigned name, and of each network and rule that is written out in the file."""
        entries = {
            f"{name}[{index}]": self._where(entry.lineno, entry.col_offset)
            for name in _LISTS
            for index, entry in self._entries(name)
        }
        return self.assigned() | entries

    def refuse(self, message: str) -> NoReturn:
        """Raise `ConfigurationError` with the position of the entry or setting that `message` is about."""
        place, name = _PLACE.search(message), re.match(r"\w+", message)
        known = self.places()
        where = known.get(place[0] if place else "") or known.get(name[0] if name else "")
        raise ConfigurationError(f"{where or self.path}: {message}")

    def _where(self, line: int, column: int | None) -> str:
        """Return a position as text; columns are characters from 1, whereas Python counts bytes from 0."""
        if column is None:
            return f"{self.path}:{line}"
        before = self.data.splitlines()[line - 1][:column]
        return f"{self.path}:{line}:{len(before.decode(errors='replace')) + 1}"

    def _entries(self, name: str) -> Iterator[tuple[int, ast.expr]]:
        """Yield the entries that are written out, with their numbers; after a `*more` the numbers are unknown."""
        calls = [value for target, value in _assignments(self.tree) if target == name and isinstance(value, ast.Call)]
        for index, entry in enumerate(calls[-1].args if calls else ()):
            if isinstance(entry, ast.Starred):
                return
            yield index, entry

    def _explain(self, error: BaseException) -> NoReturn:
        """Raise `error`, which the file raised, as a `ConfigurationError` with its line and entry."""
        message = _in_words(error, self.assigned())
        spots = list(_spots(error.__traceback__, str(self.path)))
        places = [place for spot in spots for name in _LISTS for place in self._place(name, spot)]
        if _PLACE.search(message):
            self.refuse(message)
        where = self._where(*spots[-1]) if spots else str(self.path)
        about = f"{places[-1]}: " if places else ""
        raise ConfigurationError(f"{where}: {about}{message}") from error

    def _place(self, name: str, spot: tuple[int, int | None]) -> Iterator[str]:
        line, column = spot
        for index, entry in self._entries(name):
            begin, end = (entry.lineno, entry.col_offset), (entry.end_lineno or 0, entry.end_col_offset or 0)
            if begin <= (line, column or 0) < end:
                yield f"{name}[{index}]"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean ...?)` with the other known name closest to `name`; empty if none is close."""
    close = closest(name, (one for one in known if one != name))
    return f" (did you mean {close}?)" if close else ""


def _assigned_names(statements: Iterable[ast.stmt]) -> Iterator[ast.Name]:
    """Yield the names assigned at module level, also within `if`, `for`, `try`, `with` and `match`."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for node in ast.iter_child_nodes(statement):
            if isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
                yield from _assigned_names([node])  # type: ignore[list-item] # handlers contain statements as well
            else:
                yield from (n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and node.value and isinstance(node.target, ast.Name):
            yield node.target.id, node.value


def _spots(traceback: TracebackType | None, filename: str) -> Iterator[tuple[int, int | None]]:
    """Yield the positions in `filename`, outermost first: lines from 1, columns from 0 or None if unknown."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == filename:
            positions = list(code.co_positions())[traceback.tb_lasti // 2]
            yield traceback.tb_lineno, positions[2]
        traceback = traceback.tb_next


def _in_words(error: BaseException, own: Iterable[str]) -> str:
    """Return the message of `error`; all but `ValueError`, which our vocabulary raises, get their type and a hint."""
    if isinstance(error, ValueError):
        return str(error)
    text = f": {error}" if str(error) else ""
    return f"{type(error).__name__}{text}{_hint(error, own)}"


def _hint(error: BaseException, own: Iterable[str]) -> str:
    """Return the way out if the error is about a name: usually the known name that is closest to it."""
    match error:
        case ModuleNotFoundError(name=str(name)):
            return nearest(name, [pcap_config.__name__])
        case ImportError(name=pcap_config.__name__):
            misspelt = re.search(r"cannot import name '(\w+)'", str(error))
            return nearest(misspelt[1], pcap_config.__all__) if misspelt else ""
        case NameError(name=str(name)):
            return _name_hint(name, list(own))
        case AttributeError(name=str(name), obj=obj):
            return nearest(name, dir(obj))
        case TypeError():
            misspelt = re.search(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", str(error))
            return _argument_hint(misspelt[1], misspelt[2]) if misspelt else ""
    return ""


def _name_hint(name: str, own: list[str]) -> str:
    """Return the way out for a name that is not defined; `own` are the names that the file assigns."""
    if name in pcap_config.__all__:
        return f" (write: from {pcap_config.__name__} import {name})"
    if name in own:
        return " (the file assigns it later)"
    return nearest(name, [*pcap_config.__all__, *own])


def _argument_hint(action: str, argument: str) -> str:
    """Return the way out for an unknown `argument` of an action: the closest one, or all that it takes."""
    arguments = _ARGUMENTS.get(action, ())
    return nearest(argument, arguments) or (f" ({action} takes {', '.join(arguments)})" if arguments else "")
