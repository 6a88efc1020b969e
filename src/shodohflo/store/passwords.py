"""Where the password of a store is: read anew for every connection, so that one that was changed is taken up.

No message of this module contains a password.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

LONGEST: Final = 16 * 1024
"""Bytes of a password, at most; tokens that stand for one have some 2,000."""

_CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
"""The variable in which systemd names the directory of the credentials of a service (systemd.exec(5))."""

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_CREDENTIAL: Final = re.compile(r"[A-Za-z0-9_:.-]+", re.ASCII)


class PasswordSource(StrEnum):
    """What holds a password; the value is the option of a URL that says so."""

    FILE = "password_file"
    VARIABLE = "password_env"
    CREDENTIAL = "password_credential"


@dataclass(frozen=True, slots=True)
class PasswordPlace:
    """The place of a password."""

    source: PasswordSource
    place: str
    """The path of a file, or the name of a variable or a credential."""

    def check(self) -> None:
        """Raise a `ValueError` if the place has not the form of such a place; a missing file is no such error."""
        match self.source:
            case PasswordSource.FILE if not self.place.startswith("/"):
                raise ValueError("password_file needs an absolute path, such as /etc/shodohflo/password")
            case PasswordSource.VARIABLE if not _VARIABLE.fullmatch(self.place):
                raise ValueError("password_env needs the name of an environment variable")
            case PasswordSource.CREDENTIAL if not _CREDENTIAL.fullmatch(self.place) or self.place in {".", ".."}:
                raise ValueError("password_credential needs the name of a credential, as in LoadCredential=NAME:PATH")

    def read(self) -> str:
        """Return the password as it is now; raise a `ValueError` of one line with the place and the way out."""
        match self.source:
            case PasswordSource.FILE:
                return _of_file(Path(self.place), f"password_file {self.place}", "name another file")
            case PasswordSource.VARIABLE:
                return _of_variable(self.place)
            case PasswordSource.CREDENTIAL:
                return _of_credential(self.place)


def _of_variable(name: str) -> str:
    if password := os.environ.get(name):
        return password
    raise ValueError(f"password_env {name}: the variable is {'empty' if name in os.environ else 'not set'}: set it")


def _of_credential(name: str) -> str:
    place = f"password_credential {name}"
    directory = os.environ.get(_CREDENTIALS)
    if not directory:
        raise ValueError(
            f"{place}: there are no credentials ({_CREDENTIALS} is not set): write LoadCredential={name}:PATH in the"
            " unit, or name the file with password_file"
        )
    return _of_file(Path(directory) / name, place, f"write LoadCredential={name}:PATH in the unit")


def _of_file(path: Path, place: str, or_else: str) -> str:
    """Return the text of a file without its final newline; `or_else` is a way out if it can't be read."""
    try:
        # Opening a named pipe without O_NONBLOCK waits for its other end.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123 - of a descriptor
            octets = file.read(LONGEST + 1) or b""
    except OSError as error:
        raise ValueError(f"{place}: {error.strerror}: let the user of this process read it, or {or_else}") from error
    if len(octets) > LONGEST:
        raise ValueError(f"{place}: more than {LONGEST:,} bytes are no password: name another file")
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        # Without the cause, which quotes bytes of the file.
        raise ValueError(f"{place}: it is not text in UTF-8: name another file") from None
    password = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
    if not password:
        raise ValueError(f"{place}: the file is empty: write the password there")
    return password
