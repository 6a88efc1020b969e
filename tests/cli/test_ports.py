"""Ports as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from shodohflo.cli.ports import parse_ports, port_names
from shodohflo.report import named_ports
from support.machine import missing

if not Path("/etc/services").exists():
    missing("/etc/services (Debian's netbase)")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22", {22}),
        ("0", {0}),
        ("22,80,22", {22, 80}),
        ("8000-8003", set(range(8000, 8004))),
        ("22, 53", {22, 53}),
        ("ssh,http", {22, 80}),
        ("www", {80}),
        ("65535,65534-65535", {65534, 65535}),
    ],
)
def test_numbers_ranges_and_names_make_a_list(text: str, expected: set[int]) -> None:
    """A list has numbers, ranges with both ends, and names and aliases of /etc/services, in any mixture."""
    assert parse_ports(text) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sssh", "there is no port called 'sssh'; did you mean ssh?"),
        ("22,qqqqqqqq", "there is no port called 'qqqqqqqq'; write a number, a range"),
        ("65536", "65536 is not a port (0-65535)"),
        ("99999-1", "99999 is not a port"),
        ("8100-8000", "the range 8100-8000 is backwards; write 8000-8100"),
        ("", "there is no port called ''"),
        ("22,", "there is no port called ''"),
        ("-22", "there is no port called '-22'"),
        ("s\x00h", "there is no port called 's\\x00h'"),
        ("\ud800", "there is no port called '\\ud800'"),
        ("²", "there is no port called '²'"),
    ],
)
def test_a_mistake_is_named_with_what_to_write(text: str, complaint: str) -> None:
    """The message has the wrong part of the list, and the nearest name if there is one."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        parse_ports(text)

    assert complaint in str(caught.value)


def test_the_names_are_those_of_tcp_and_udp_with_their_aliases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments, damaged lines and other protocols are left out; without the file there are no names."""
    services = tmp_path / "services"
    services.write_text("ssh 22/tcp # shell\nhttp\t80/tcp www web\nquake 26000/udp\nlonely\n\nother 1/sctp\n")
    monkeypatch.setattr(named_ports, "SERVICES", services)
    named_ports.named_ports.cache_clear()

    assert port_names() == ("http", "quake", "ssh", "web", "www")
    services.unlink()
    named_ports.named_ports.cache_clear()
    assert port_names() == ()
    named_ports.named_ports.cache_clear()
