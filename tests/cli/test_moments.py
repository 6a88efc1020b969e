"""Moments as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shodohflo.cli.moments import parse_moment

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86_400), ("1h30m", 5400)]
)
def test_an_age_is_before_now(text: str, seconds: int) -> None:
    """Units are days, hours, minutes and seconds, the largest first."""
    assert parse_moment(text, NOW) == NOW - seconds


@pytest.mark.parametrize("text", ["2026-11-29T10:00Z", "2026-11-29T11:00+01:00", "2026-11-29 10:00:00.000Z"])
def test_a_time_with_a_zone_is_the_same_everywhere(text: str) -> None:
    """ISO 8601 with a zone."""
    assert parse_moment(text, NOW) == NOW - 7200


def test_a_time_without_a_zone_is_that_of_this_machine() -> None:
    """A date alone is its midnight, in local time."""
    assert parse_moment("2026-11-01", NOW) == datetime(2026, 11, 1).astimezone().timestamp()
    assert parse_moment("2026-11-01T10:30", NOW) == datetime(2026, 11, 1, 10, 30).astimezone().timestamp()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("10", "10 of what? write 10s, 10m, 10h or 10d"),
        ("", "'' is not a time; write an age such as 10m"),
        ("m", "'m' is not a time"),
        ("30m1h", "'30m1h' is not a time"),
        ("yesterday", "'yesterday' is not a time"),
        ("2026-13-01", "'2026-13-01' is not a time"),
        ("0001-01-01", "'0001-01-01' is not a time"),
        ("2027-01-01", "2027-01-01 is in the future"),
    ],
)
def test_a_mistake_is_answered_with_what_to_write(text: str, complaint: str) -> None:
    """The message has the text and a correct form."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        parse_moment(text, NOW)

    assert complaint in str(caught.value)
