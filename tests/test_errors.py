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
    closest,
    foreign_text,
)


@pytest.mark.parametrize(
    ("word", "known", "however_far", "expected"),
    [
        ("gessed", ["rule", "guessed"], False, "guessed"),
        ("xyz", ["rule", "guessed"], False, None),
        ("xyz", ["rule"], True, "rule"),
        ("xyz", [], True, None),
        ("", ["rule"], False, None),
    ],
)
def test_the_closest_word_is_offered(
    word: str,
    known: list[str],
    however_far: bool,  # noqa: FBT001 - one of the cases
    expected: str | None,
) -> None:
    """A misspelling has a closest word, rubbish has none, unless any will do."""
    assert closest(word, iter(known), however_far=however_far) == expected


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
        ("plain text, \u00e9\u6f22", "plain text, \u00e9\u6f22"),
        ("two\r\nlines\tand  more", "two lines and more"),
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("\x9b31m\x7f\x00", r"\x9b31m\x7f\x00"),
        ("a\u202eb\u2066c\u200b\ufeff", r"a\u202eb\u2066c\u200b\ufeff"),
        ("\ud800", r"\ud800"),
        ("x" * 400, "x" * 300 + "..."),
        ("", ""),
    ],
)
def test_a_foreign_text_is_one_printable_line(text: str, shown: str) -> None:
    """Control characters, marks of direction, of no width and surrogates are escaped; what is too long is cut."""
    assert foreign_text(text) == shown


@given(st.text() | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_no_foreign_text_steers_a_terminal(text: str) -> None:
    """Whatever a text holds, what is shown of it is printable and of bounded length."""
    shown = foreign_text(text, 50)

    assert shown.isprintable()
    assert len(shown) <= 53
