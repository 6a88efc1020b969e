"""The filter of the live table, as it is typed: the filters of the readers as `name=value`, and any other text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from shodohflo.cli.filters import AskedFor, parse_evidence, parse_protocols
from shodohflo.cli.networks import parse_networks
from shodohflo.cli.ports import parse_ports
from shodohflo.errors import closest
from shodohflo.report.busiest import Search

if TYPE_CHECKING:
    from collections.abc import Callable

    from shodohflo.query.networks import NetworkDirectory

_PARSERS: Final[dict[str, Callable[[str], Any]]] = {
    "client": parse_networks,
    "service": parse_networks,
    "port": parse_ports,
    "protocol": parse_protocols,
    "evidence": parse_evidence,
}


def parse_search(text: str, directory: NetworkDirectory) -> Search:
    """Parse words such as `port=ssh,http not-client=10.0.0.0/8 office`; a ValueError says what is wrong.

    A word without `=` is looked for in the cells. `directory` has the networks that can be named.
    """
    values: dict[str, list[Any]] = {}
    texts: list[str] = []
    for word in text.split():
        name, equals, value = word.partition("=")
        if equals:
            values.setdefault(_field(name), []).append(_value(name, value))
        else:
            texts.append(word)
    lists: dict[str, Any] = {name: tuple(several) for name, several in values.items()}
    asked = AskedFor(**lists)
    try:
        return Search(asked.to_filter(lambda: directory, now=0.0), tuple(texts))
    except click.UsageError as error:
        raise ValueError(error.message.removeprefix("--")) from None


def _field(name: str) -> str:
    """Return the name of the field of `AskedFor`."""
    if name.lower().removeprefix("not-") in _PARSERS:
        return name.lower().replace("-", "_")
    known = [*_PARSERS, *(f"not-{each}" for each in _PARSERS)]
    near = closest(name, known)
    way_out = f"did you mean {near}=?" if near else f"there are {', '.join(f'{each}=' for each in known)}"
    raise ValueError(f"{name}= is no filter; {way_out}")


def _value(name: str, value: str) -> Any:  # noqa: ANN401 - as each parser has it
    try:
        return _PARSERS[name.lower().removeprefix("not-")](value)
    except click.BadParameter as error:
        raise ValueError(f"{name}: {error.message}") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
