"""Values of the store are taken within bounds, and never by converting what is out of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys.values import LATEST, LONGEST_TEXT, MOST, is_protocol, parse_count, parse_text, parse_time


@given(st.integers(0, MOST))
def test_every_count_that_a_store_can_reach_is_read(count: int) -> None:
    """A count is read as it is written, up to the last that INCRBY reaches."""
    assert parse_count(str(count)) == count


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1.0", "1e3", "1_000", "\u0663", str(MOST + 1), "9" * 5_000])
def test_what_is_no_count_is_none(text: str) -> None:
    """Signs, fractions, other digits than ASCII and more than 63 bits are no count."""
    assert parse_count(text) is None


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("1700000000.250000", 1_700_000_000.25), ("7.5", 7.5)])
def test_a_time_is_seconds_with_or_without_a_fraction(text: str, seconds: float) -> None:
    """A time is read as the writer and other programs write it."""
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "-1", "1e308", "1e5", ".5", "1.", "1_0", " 1", "9" * 5_000, str(LATEST), "\u0663"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    """Only plain decimals before the year 10000 are times, so that each can be shown as a date."""
    assert parse_time(text) is None


@given(st.text() | st.floats().map(str) | st.integers().map(str))
def test_any_text_is_in_bounds_or_none(text: str) -> None:
    """No text raises, and what is read is within its bounds."""
    count, seconds = parse_count(text), parse_time(text)

    assert count is None or 0 <= count <= MOST
    assert seconds is None or 0 <= seconds < LATEST


def test_a_text_is_taken_as_it_is_unless_it_is_too_long() -> None:
    """Escaping is left to those who show a text."""
    assert parse_text("\x1b" * LONGEST_TEXT) == "\x1b" * LONGEST_TEXT
    assert parse_text("x" * (LONGEST_TEXT + 1)) is None


def test_a_protocol_is_a_short_word() -> None:
    """The names and numbers of protocols pass, other text does not."""
    assert all(map(is_protocol, ["tcp", "udp", "icmpv6", "132", "ipv6-icmp"]))
    assert not any(map(is_protocol, ["", "TCP", "tcp\x1b]0;", "t c p", "x" * 17, "tcp\n"]))
