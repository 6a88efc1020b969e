"""The errors that callers distinguish; each message names the place and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class ShodohfloError(Exception):
    """A problem that the user can solve; the message is one line that can be printed as it is."""

    exit_code = 1


class ConfigurationError(ShodohfloError):
    """An invalid configuration or command line."""

    exit_code = 2


class CaptureError(ShodohfloError):
    """An interface or a capture file that cannot be read completely."""


class StoreError(ShodohfloError):
    """A store that cannot be reached, or that rejected a command."""


class LastingStoreError(StoreError):
    """A store that refuses until somebody changes something, such as a wrong password: trying again is of no use."""


LONGEST: Final = 300
"""Characters of a foreign text that are shown."""


def closest(word: str, known: Iterable[str], *, however_far: bool = False) -> str | None:
    """Return the one of `known` that `word` may be a misspelling of, or None; with `however_far`, always one if any."""
    from difflib import get_close_matches  # noqa: PLC0415 - most words are spelled right

    near = get_close_matches(word, list(known), n=1, cutoff=0.0 if however_far else 0.6)
    return near[0] if near else None


def foreign_text(text: str, longest: int = LONGEST) -> str:
    r"""Return `text`, which another program wrote, in one line that is safe to print: the rest is escaped.

    Runs of white space become one space. Control characters, which a terminal obeys, marks that turn the direction of
    text around and lone surrogates are written as escapes (`\x1b`). What exceeds `longest` characters is cut off.
    """
    # The text may have any length: only what can be shown is looked at.
    line = " ".join(text[: 4 * longest].split())
    safe = "".join(character if character.isprintable() else _escape(character) for character in line)
    return safe if len(safe) <= longest and len(text) <= 4 * longest else safe[:longest] + "..."


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
