"""Who may do what in an embedded store: its agents everything, everybody else who can open the socket only reading.

The group that may open the socket connects as the user `default`, without a password, so that any client can read. The
agents authenticate as `shodohflo`, with a random key from a file that only their own user can read. The server is given
the digest of the key, because its arguments are visible to every user of the machine.
"""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from shodohflo.process.opening import read_own, write_own

if TYPE_CHECKING:
    from pathlib import Path

USER: Final = "shodohflo"
"""The user of the agents."""

KEY_FILE: Final = "store.key"

_PREFIX: Final = "shodohflo:"
"""Says what the file holds, so that no other secret is ever sent to a store by mistake."""

_KEY: Final = re.compile(rf"{_PREFIX}([0-9a-f]{{64}})\n")
_LONGEST: Final = 200

READING: Final = (
    *("~*", "-@all", "+@read", "-@dangerous", "+info", "+keys"),
    *("+multi", "+exec", "+discard", "+time"),
    *("+ping", "+echo", "+hello", "+auth", "+select", "+reset", "+quit", "+command"),
    *("+client|setname", "+client|setinfo", "+client|getname", "+client|id"),
)
"""What `default` may do (valkey.io, "ACL"). No scripts: one that never ends would keep the store from the agents."""

EVERYTHING: Final = ("~*", "&*", "+@all")


def users(key: str) -> dict[str, tuple[str, ...]]:
    """Return the users of a store with the agents' `key`, each with the words that define it.

    `default` is the last: who sets them one by one, as `default`, may set no more users after that.
    """
    digest = sha256(key.encode()).hexdigest()
    return {
        USER: ("reset", "on", f"#{digest}", *EVERYTHING),
        "default": ("reset", "on", "nopass", *READING),
    }


def make_key(directory: Path) -> str:
    """Return the key of the store in `directory`; a missing one is made, readable for our user only."""
    if known := read_key(directory):
        return known
    key = secrets.token_hex(32)
    write_own(directory / KEY_FILE, f"{_PREFIX}{key}\n", 0o600)
    return key


def read_key(directory: Path) -> str:
    """Return the key of the store in `directory`; empty if there is none, or none that we may read."""
    with suppress(OSError):
        found = _KEY.fullmatch(read_own(directory / KEY_FILE, _LONGEST).decode(errors="replace"))
        return found[1] if found else ""
    return ""


def credentials(socket: Path) -> dict[str, str]:
    """Return the user and the password for the store at `socket`; none if it is no store of our user."""
    key = read_key(socket.parent)
    return {"username": USER, "password": key} if key else {}
