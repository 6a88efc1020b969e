"""The options that the readers share."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import click
from click.testing import CliRunner

from shodohflo.cli.filters import listing, wanted
from shodohflo.query.filters import Filter

if TYPE_CHECKING:
    from typing import Any


def _asked(*words: str) -> dict[str, Any]:
    """Return what a listing gets for `words` on its command line."""
    asked: dict[str, Any] = {}
    command = listing("doors", sort="age", examples="")(lambda **options: asked.update(options) or 0)
    result = CliRunner().invoke(command, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return asked


def test_a_listing_gets_every_option() -> None:
    """Options that may be repeated are tuples; the sort order is that of the listing."""
    given = _asked("--client", "192.0.2.0/24", "--client", "::1", "--port", "22", "--store", "redis://a", "--json")

    assert given == {
        "clients": (ip_network("192.0.2.0/24"), ip_network("::1")),
        "services": (),
        "ports": (22,),
        "sort": "age",
        "as_json": True,
        "stores": ("redis://a",),
    }


def test_filters_are_made_of_the_options() -> None:
    """`wanted` takes the three filters by the names of their options."""
    networks = (ip_network("192.0.2.0/24"),)

    assert wanted(clients=networks, services=(), ports=(22, 22)) == Filter(networks, (), frozenset({22}))


def test_a_listing_is_a_command_with_its_name_and_examples() -> None:
    """The name and the examples are shown by `--help`."""
    command = listing("doors", sort="age", examples="Examples: doors")(lambda **_: 0)

    assert isinstance(command, click.Command)
    assert command.name == "doors"
    assert "Examples: doors" in CliRunner().invoke(command, ["--help"]).output
