"""Ends as text: each has one spelling, and anything else is none."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys.ends import end_text, parse_end
from shodohflo.model import TCP, UDP, End
from support.observing import ADDRESSES, PORTS

ENDS = st.builds(End, ADDRESSES, st.sampled_from([TCP, UDP]), PORTS)


@given(ENDS)
def test_an_end_is_parsed_from_its_text(end: End) -> None:
    """Every end of both families and protocols comes back."""
    assert parse_end(end_text(end)) == end


@given(st.text(alphabet="0123456789.:;tcpudf ") | ENDS.map(end_text).map(lambda text: text[1:]))
def test_what_is_parsed_is_spelt_like_that(text: str) -> None:
    """There is no second spelling of an end."""
    end = parse_end(text)

    assert end is None or end_text(end) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";;",
        "10.0.0.9;tcp",
        "10.0.0.9;tcp;80;",
        "10.0.0.09;tcp;80",
        "10.0.0.9;tcp;080",
        "10.0.0.9;tcp;65536",
        "10.0.0.9;tcp;-1",
        "10.0.0.9;tcp;\u0663",
        "10.0.0.9;icmp;3",
        "10.0.0.9;TCP;80",
        "2001:DB8::1;tcp;80",
        "fe80::1%eth0;tcp;80",
        "10.0.0.9;tcp;" + "9" * 10_000,
    ],
)
def test_anything_else_is_no_end(text: str) -> None:
    """Another spelling, another protocol, or a number out of bounds."""
    assert parse_end(text) is None


def test_the_longest_end_is_parsed() -> None:
    """No end is longer than what is parsed."""
    longest = End(ip_address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), TCP, 65535)

    assert parse_end(end_text(longest)) == longest


def test_an_end_of_another_protocol_has_no_text() -> None:
    """Nothing is written that could not be read again."""
    with pytest.raises(KeyError):
        end_text(End(ip_address("10.0.0.9"), 1, 3))
