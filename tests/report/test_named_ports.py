"""The names of ports as /etc/services has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shodohflo.report import named_ports
from shodohflo.report.named_ports import NamedPort

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the file that is read in place of /etc/services."""
    path = tmp_path / "services"
    monkeypatch.setattr(named_ports, "SERVICES", path)
    named_ports.named_ports.cache_clear()
    yield path
    named_ports.named_ports.cache_clear()


def test_a_line_has_a_name_a_port_and_aliases(services: Path) -> None:
    """Comments are left out, and so are leading blanks and zeros, which the C library does not mind either."""
    services.write_text("# all of it\nssh 22/tcp # shell\n  http\t080/tcp www web#x\nquake 26000/udp\n")

    assert named_ports.named_ports() == (
        NamedPort(("ssh",), "22", "tcp"),
        NamedPort(("http", "www", "web"), "80", "tcp"),
        NamedPort(("quake",), "26000", "udp"),
    )


@pytest.mark.parametrize(
    "line", ["", "lonely", "ssh 22", "ssh /tcp", "ssh 22/", "ssh tcp/22", "22/tcp ssh", "#ssh 22/tcp"]
)
def test_a_damaged_line_names_nothing(services: Path, line: str) -> None:
    """What is no entry is left out, and the lines beside it are read."""
    services.write_bytes(b"a 1/tcp\n" + line.encode() + b"\n\xff\xfe 2/udp\n")

    assert [named.port for named in named_ports.named_ports() or ()] == ["1", "2"]


def test_without_the_file_nothing_is_known(services: Path) -> None:
    """None is not the same as no names: they may come from elsewhere."""
    assert not services.exists()
    assert named_ports.named_ports() is None
