"""Addresses as people write them: prefixes, and names of the networks that the agents publish."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

from shodohflo.cli.options import prefix
from shodohflo.errors import closest
from shodohflo.model import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shodohflo.query.networks import NetworkDirectory

NetworkWord = Network | str
"""A prefix, or the name of a network."""

_LIKE_A_PREFIX: Final = re.compile(r"[0-9.]*|.*[/:].*", re.ASCII)
"""No name, but a prefix with a mistake in it."""


def parse_networks(text: str) -> tuple[NetworkWord, ...]:
    """Parse a list such as `10.0.0.0/8,fe80::/10,ernie`; `click.BadParameter` says which prefix is wrong."""
    return tuple(_parse(part.strip()) for part in text.split(","))


def resolve(words: Iterable[NetworkWord], directory: Callable[[], NetworkDirectory]) -> tuple[Network, ...]:
    """Return prefixes for `words`; `directory` is called only if there is a name among them.

    A ValueError says which name is unknown, and which are known.
    """
    found: list[Network] = []
    for word in words:
        found.extend((word,) if not isinstance(word, str) else _named(word, directory()))
    return tuple(found)


def _parse(part: str) -> NetworkWord:
    try:
        return ip_network(part)
    except ValueError:
        return prefix(part) if _LIKE_A_PREFIX.fullmatch(part) else part


def _named(name: str, directory: NetworkDirectory) -> tuple[Network, ...]:
    if prefixes := directory.prefixes(name):
        return prefixes
    if not directory.names:
        raise ValueError(
            f"{name!r} is not a prefix, and no agent has published networks here; write one like 192.0.2.0/24"
        )
    if name in directory.names:
        raise ValueError(f"the network {name!r} has no addresses: it has no prefix, or earlier networks take them all")
    near = closest(name, directory.names)
    known = f"did you mean {near}?" if near else f"the networks are {', '.join(directory.names)}"
    raise ValueError(f"{name!r} is neither a prefix nor a configured network; {known}")
