"""Listed ports are those of the file, and for TCP all that systems reserve."""

from __future__ import annotations

from reference.ladder import read_listed
from shodohflo.attribution.evidence.listed import listed_ports
from shodohflo.model import TCP, UDP


def test_the_columns_list_what_the_file_lists() -> None:
    """Every line of the file counts, and low TCP ports beside it."""
    listed = listed_ports()

    from_columns = {(protocol, port) for protocol in listed for port in listed[protocol].nonzero()[0].tolist()}

    assert from_columns == set(read_listed()) | {(TCP, port) for port in range(1024)}


def test_low_ports_are_listed_for_tcp_alone() -> None:
    """A UDP client may well have port 1023; nothing has port 40000."""
    listed = listed_ports()

    assert listed[TCP][1023]
    assert not listed[UDP][1023]
    assert not listed[TCP][40000]


def test_an_operator_adds_ports() -> None:
    """They are listed for their protocol, beside those of the list."""
    listed = listed_ports([(UDP, 54321)])

    assert (listed[UDP][54321], listed[TCP][54321], listed[UDP][53]) == (True, False, True)
