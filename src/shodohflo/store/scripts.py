"""Calls of scripts: what a store does in one step, and repeats without harm if the writer says so.

A store remembers each script that it was sent, and takes its digest in the place of its text from then on. On a cluster
there may be a call for every slot, so the text of some kilobytes is sent once to each node.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha1
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.store.dialogue import Command


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """A script with its keys and arguments; on a cluster, all keys are in one slot."""

    text: str
    keys: Sequence[str]
    arguments: Sequence[str | int]

    @property
    def whole(self) -> Command:
        """Return the command with the text of the script, which the store then remembers."""
        return ("EVAL", self.text, len(self.keys), *self.keys, *self.arguments)

    @property
    def short(self) -> Command:
        """Return the command for a store that remembers the script."""
        return ("EVALSHA", _digest(self.text), len(self.keys), *self.keys, *self.arguments)


@lru_cache(maxsize=16)
def _digest(text: str) -> str:
    return sha1(text.encode(), usedforsecurity=False).hexdigest()  # the name that stores give a script
