"""Isolation: root imports nothing from where the environment says.

`python -I` is the only complete way, because the interpreter itself goes by its variables before it executes a program;
a program that root starts has it in its first line. Without it, what is imported from here on at least does not come
from `PYTHONPATH`, and no bytecode from `PYTHONPYCACHEPREFIX` (python.org, "Command line and environment").
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_ROOT: Final = 0
_HARMLESS: Final = frozenset({"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONUTF8"})


def ignore_variables(environment: MutableMapping[str, str]) -> None:
    """As root, take what `PYTHONPATH` names out of the module path, and the variables out of `environment`."""
    if os.geteuid() != _ROOT:
        return
    named = {os.path.abspath(place) for place in environment.get("PYTHONPATH", "").split(os.pathsep) if place}  # noqa: PTH100 - as `site` makes them absolute
    sys.path[:] = [place for place in sys.path if place not in named]
    sys.pycache_prefix = None
    for name in [name for name in environment if name.startswith("PYTHON") and name not in _HARMLESS]:
        del environment[name]
