"""The permissions that the documentation names for a user of a store, as commands that make this user."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/how-to/several-stores.md"


def documented_user(*places: str) -> list[str]:
    """Return the command that makes the user `shodohflo`, with what is named right behind the texts `places` too."""
    page = PAGE.read_text(encoding="utf-8")
    command = page[page.index("ACL SETUSER") :].partition("\n\n")[0].split()
    return command + [word for place in places for word in named_behind(place)]


def named_behind(place: str) -> list[str]:
    """Return the permissions between the first backticks behind the text `place`."""
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    found = re.search(rf"{re.escape(place)} `([^`]+)`", page)
    assert found, f"the documentation does not say {place!r}"
    return found[1].split()
