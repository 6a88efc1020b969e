"""The errors of the program: their exit statuses and their common base class."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.errors import (
    CaptureError,
    ConfigurationError,
    LastingStoreError,
    ShodohfloError,
    StoreError,
    foreign_text,
)


@pytest.mark.parametrize(
    ("error", "exit_code"), [(ShodohfloError, 1), (ConfigurationError, 2), (CaptureError, 1), (StoreError, 1)]
)
def test_each_error_has_its_exit_status(error: type[ShodohfloError], exit_code: int) -> None:
    """A configuration error exits with 2, like a wrong option, and all other errors with 1."""
    assert error.exit_code == exit_code


@pytest.mark.parametrize("error", [ConfigurationError, CaptureError, StoreError])
def test_every_error_is_caught_as_one_and_none_as_another(error: type[ShodohfloError]) -> None:
    """Every error is caught as the base class and none as another error: retrying a store hides no broken capture."""
    with pytest.raises(ShodohfloError, match="place: what; way out"):
        raise error("place: what; way out")

    others = {ConfigurationError, CaptureError, StoreError} - {error}
    assert not any(issubclass(error, other) for other in others)


def test_a_failure_that_lasts_is_one_of_the_store() -> None:
    """Who catches errors of a store catches those that last, too."""
    assert issubclass(LastingStoreError, StoreError)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("  two\r\n lines\t", "two lines"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb", "a\\u202eb"),
        ("\ud800", "\\ud800"),
        ("\u03bb", "\u03bb"),
        ("x" * 301, "x" * 300 + "..."),
        ("x" * 300, "x" * 300),
        ("", ""),
    ],
)
def test_a_foreign_text_is_one_safe_line(text: str, shown: str) -> None:
    """Text of another program is shown in one line, what is not printable escaped, and what is too long cut off."""
    assert foreign_text(text) == shown


@given(st.text())
def test_no_foreign_text_reaches_a_terminal_raw(text: str) -> None:
    """Whatever the text, what is shown is printable and bounded."""
    shown = foreign_text(text)

    assert shown.isprintable()
    assert len(shown) <= 303
