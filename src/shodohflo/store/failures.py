"""Failures of a store in words: what the store said, whether the failure lasts, and the way out.

A failure lasts if only somebody can end it: a wrong password, a database that does not exist, TLS on one side only.
Every other one may pass: the store restarts, a network heals, a disk is cleared. What a store says is shown escaped.
"""

from __future__ import annotations

import re
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from valkey.exceptions import AuthenticationError, NoPermissionError, ResponseError, ValkeyError

from shodohflo.errors import LastingStoreError, StoreError, foreign_text

if TYPE_CHECKING:
    from collections.abc import Iterator

_WRONG_LOGIN: Final = "correct user and password in the URL of the store, or in the place that it names"

_BY_TYPE: Final[dict[type[BaseException], str]] = {
    ssl.SSLCertVerificationError: "name its authority with ?ssl_ca_certs=FILE, or trust any with ?ssl_cert_reqs=none",
    NoPermissionError: "the user lacks a permission; docs/how-to/several-stores.md has the list",
    UnicodeError: "the name of the host is malformed: correct it",
    PermissionError: "the user of this process may not open it: give the socket's group to the user",
}
"""The way out of a failure that lasts, by the type of the error or of one that led to it."""

_BY_TEXT: Final[dict[re.Pattern[str], str]] = {
    re.compile(pattern, re.IGNORECASE): way_out
    for pattern, way_out in {
        r"authentication required|NOAUTH": "the store asks for a password: name its file with ?password_file=PATH",
        r"invalid (username|password)|WRONGPASS|user is disabled": _WRONG_LOGIN,
        r"without any password configured|no password is set": "the store has no password: leave it out of the URL",
        r"DB index|invalid database": "the store has no database of that number: correct it, or leave it out",
        r"^Protocol Error": "no Valkey or Redis listens there: correct host and port",
        r"CERTIFICATE_REQUIRED": "the store asks for a certificate: name it with ?ssl_certfile=FILE&ssl_keyfile=FILE",
        r"protected mode": "the store lets only its own host in: set a password or `protected-mode no` there",
        r"unknown command": "it lacks a command that is necessary: use another store, or write valkey+sentinel:// if a"
        " Sentinel listens there",
        r"read.only replica": "it is a replica, which takes no writes: name its primary",
        r"\bMOVED \d|CROSSSLOT": "it is a node of a cluster: write valkey+cluster:// instead of valkey://",
    }.items()
}
"""The way out of a failure that lasts, by what the store or the system said."""


@contextmanager
def store_errors(name: str) -> Iterator[None]:
    """Turn any error of the client library or the system into a `StoreError` of one line that begins with `name`."""
    try:
        yield
    except (ValkeyError, OSError, UnicodeError) as error:
        raise store_error(name, error) from error


@contextmanager
def any_errors(name: str) -> Iterator[None]:
    """Do as `store_errors` does with any exception: the client library raises many kinds at an odd answer.

    Only commands and their answers belong into the block: a mistake of ours would be taken for one of the store.
    """
    try:
        with store_errors(name):
            yield
    except StoreError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {one_line(error)}"
        raise StoreError(f"store {name}: the answer cannot be understood ({told})") from error


def store_error(name: str, error: Exception) -> StoreError:
    """Return the `StoreError` for `error` of the store `name`: a `LastingStoreError` if only somebody can end it."""
    way_out = _way_out(error)
    if way_out is None:
        return StoreError(f"store {name}: {one_line(error)}")
    return LastingStoreError(f"store {name}: {one_line(error)}: {way_out}")


def is_refusal(error: BaseException | None) -> bool:
    """Return whether the store answered and refused a command, so that the connection is as good as before."""
    return isinstance(error, ResponseError)


def one_line(error: Exception) -> str:
    """Return `error` as one line without a final full stop; the name of its type if it has no text."""
    return foreign_text(str(error)).rstrip(".") or type(error).__name__


def _way_out(error: Exception) -> str | None:
    """Return what to do about a failure that lasts, `None` for one that may pass."""
    chain = list(_causes(error))
    said = " ".join(str(cause) for cause in chain)
    # What was said tells more than the type, by which it was raised.
    for pattern, way_out in _BY_TEXT.items():
        if pattern.search(said):
            return way_out
    for kind, way_out in _BY_TYPE.items():
        if any(isinstance(cause, kind) for cause in chain):
            return way_out
    return _WRONG_LOGIN if isinstance(error, AuthenticationError) else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and those that led to it."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
