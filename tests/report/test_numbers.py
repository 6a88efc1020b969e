"""Numbers as text for tables."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

import pytest

from shodohflo.report.numbers import age_text, counted, duration_text, port_name, rate_text, size_text
from support.machine import missing


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0s"), (0, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86_399, "23h"), (200_000, "2d")],
)
def test_an_age_is_said_in_its_largest_unit(seconds: float, text: str) -> None:
    """An age is given in its largest unit, and a negative age is 0 seconds."""
    assert age_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1 s"),
        (12.9, "12 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172_799, "47 h"),
        (172_800, "2 days"),
    ],
)
def test_a_duration_is_said_in_words(seconds: float, text: str) -> None:
    """A duration has two digits or more, and nothing takes no time."""
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1234, "1.23 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (5 * 10**15, "5 PB"),
    ],
)
def test_a_size_has_three_digits(octets: int, text: str) -> None:
    """A size has at most three digits and a decimal unit."""
    assert size_text(octets) == text


def test_a_port_has_the_name_of_its_protocol() -> None:
    """The name of a port depends on the protocol: 514 is syslog over UDP and shell over TCP."""
    if not Path("/etc/services").exists():
        missing("/etc/services (Debian's netbase)")

    assert port_name(443) == "https"
    assert port_name(514, "udp") == "syslog"
    assert port_name(514, "tcp") == "shell"


def test_a_port_without_a_name_has_none() -> None:
    """A port that /etc/services does not list has an empty name."""
    assert port_name(49_151) == ""
    assert port_name(0) == ""


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_names_are_those_of_the_c_library(protocol: str) -> None:
    """Every port has the name that the library finds for its protocol, or else for the other one, or none."""

    def plainly(port: int) -> str:
        for asked in (protocol, "tcp", "udp"):
            with suppress(OSError):
                return socket.getservbyport(port, asked)
        return ""

    ports = [*range(2_000), *range(2_000, 1 << 16, 97)]  # those without a name take the library long
    assert [port_name(port, protocol) for port in ports] == [plainly(port) for port in ports]


def test_one_is_singular() -> None:
    """A count has its noun, in the singular for one, and thousands have commas."""
    assert [counted(number, "packet") for number in (0, 1, 1234)] == ["0 packets", "1 packet", "1,234 packets"]
    assert [counted(number, "query", "queries") for number in (1, 2)] == ["1 query", "2 queries"]


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0, "0"),
        (0.04, "<0.1"),
        (0.4, "0.4"),
        (9.94, "9.9"),
        (9.96, "10.0"),
        (29.36, "29.4"),
        (999.4, "999"),
        (999.6, "1 k"),
        (1_234_567, "1.23 M"),
        (1e30, "1e+12 E"),
    ],
)
def test_a_rate_has_three_digits(rate: float, text: str) -> None:
    """A rate has at most three digits and a decimal prefix; below 10, one decimal."""
    assert rate_text(rate) == text
