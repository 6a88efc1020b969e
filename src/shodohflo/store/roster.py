"""A roster: a file that names stores, one a line.

    # our sensors
    valkey://bert.example.org
    valkeys://reader:secret@ernie.example.org:6380    # with TLS
    dns:stores.example.net

Its lines may hold passwords, so no error quotes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shodohflo.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

PREFIX: Final = "@"
"""What stands before the name of the file where a store may be named."""

LARGEST: Final = 1 << 20
"""Bytes; a line has about 50."""


@dataclass(frozen=True, slots=True)
class NamedStore:
    """A store as somebody wrote it."""

    text: str = field(repr=False)
    """It may have a password in it."""
    place: str = ""
    """The file and the line; empty for the command line."""


def read_roster(path: Path) -> tuple[NamedStore, ...]:
    """Return the stores that the file at `path` names, at least one; raise `ConfigurationError` if it cannot be used.

    A path may begin with `~`. The file may be a pipe.
    """
    named = [store for number, line in enumerate(_lines(path), start=1) for store in _named(line, f"{path}:{number}")]
    if not named:
        raise ConfigurationError(f"{path}: it names no store: write one a line, such as valkey://bert.example.org")
    return tuple(named)


def _lines(path: Path) -> list[str]:
    try:
        with path.expanduser().open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, RuntimeError, ValueError) as error:  # no such user; a zero byte
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError(f"{path}: {reason}: after @ stands a file that names stores, one a line") from error
    if len(content) > LARGEST:
        raise ConfigurationError(f"{path}: it has more than {LARGEST:,} bytes: name a file that has one store a line")
    try:
        return content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: it is no UTF-8 text: name a file that has one store a line") from error


def _named(line: str, place: str) -> list[NamedStore]:
    """Return the store that a line names, if it does; what follows a # at the beginning of a word is a comment."""
    words = line.split()
    comment = next((number for number, word in enumerate(words) if word.startswith("#")), len(words))
    if comment > 1:
        raise ConfigurationError(f"{place}: there are several words: write one store a line, and %20 for a space")
    if words[:comment] and words[0].startswith(PREFIX):
        raise ConfigurationError(f"{place}: a file of stores cannot name another one: write its stores here")
    return [NamedStore(word, place) for word in words[:comment]]
