"""The filters that all listings of rows share: `flows`, `peers`, `clients`, `services`, `recon` and `replay`.

An option takes a comma-separated list and may be repeated; the same option with `--not-` excludes. Every shell passes
both on as they are, which a sign such as `!` would not survive.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click

from shodohflo.cli.lists import ListType, option
from shodohflo.cli.moments import parse_moment
from shodohflo.cli.networks import NetworkWord, parse_networks, resolve
from shodohflo.cli.ports import parse_ports, port_names
from shodohflo.errors import closest
from shodohflo.model import RUNGS, Rung
from shodohflo.query.filters import Filter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shodohflo.model import Network
    from shodohflo.query.networks import NetworkDirectory

Command = Callable[..., int]
Networks = tuple[tuple[NetworkWord, ...], ...]

PROTOCOLS: Final = ("tcp", "udp")
"""The protocols of flows."""

KINDS: Final = ("rst", "icmp", "knock")
"""The kinds of failed attempts, as in their keys."""


def _words_of(known: tuple[str, ...]) -> Callable[[str], frozenset[str]]:
    """Return a parser of lists of `known` words, in any case."""

    def parse(text: str) -> frozenset[str]:
        words = frozenset(word.strip().lower() for word in text.split(","))
        for word in sorted(words.difference(known)):
            near = closest(word, known)
            raise ValueError(f"{word!r} is not one of {', '.join(known)}{f'; did you mean {near}?' if near else ''}")
        return words

    return parse


def parse_evidence(text: str) -> frozenset[str]:
    """Parse a list of words of evidence, such as `guessed,own-socket`; a ValueError says which is unknown."""
    return frozenset(
        _EVIDENCE[word] for word in _typed_evidence(",".join("-".join(word.split()) for word in text.split(",")))
    )


_EVIDENCE: Final = {word.replace(" ", "-"): word for word in RUNGS}
"""The words of evidence by how they are typed, without quotation marks: `own-socket` for `own socket`."""

_typed_evidence: Final = _words_of(tuple(_EVIDENCE))

parse_protocols: Final = _words_of(PROTOCOLS)
"""Parse a list of protocols; a ValueError says which is unknown."""

_NETS: Final = ListType("NETS", parse_networks)
_PORTS: Final = ListType("PORTS", parse_ports, port_names)
_PROTOCOLS: Final = ListType("PROTOCOLS", parse_protocols, lambda: PROTOCOLS)
_WORDS: Final = ListType("WORDS", parse_evidence, lambda: _EVIDENCE)
_KINDS: Final = ListType("KINDS", _words_of(KINDS), lambda: KINDS)


@dataclass(frozen=True, slots=True)
class AskedFor:
    """The values of the filter options, one for each time an option was given."""

    client: Networks = ()
    not_client: Networks = ()
    service: Networks = ()
    not_service: Networks = ()
    address: Networks = ()
    """Of services, where there are no clients."""
    not_address: Networks = ()
    port: tuple[frozenset[int], ...] = ()
    not_port: tuple[frozenset[int], ...] = ()
    protocol: tuple[frozenset[str], ...] = ()
    not_protocol: tuple[frozenset[str], ...] = ()
    evidence: tuple[frozenset[str], ...] = ()
    not_evidence: tuple[frozenset[str], ...] = ()
    guessed: bool = False
    """Whether only flows without evidence are wanted."""
    kind: tuple[frozenset[str], ...] = ()
    since: float | None = None
    """Seconds since 1970."""

    def to_filter(self, directory: Callable[[], NetworkDirectory], now: float) -> Filter:
        """Return the filter; `directory` is called only if a network is named, and `now` is in seconds since 1970."""
        return Filter(
            clients=_resolved("--client", self.client, directory),
            services=(
                *_resolved("--service", self.service, directory),
                *_resolved("--address", self.address, directory),
            ),
            ports=frozenset().union(*self.port),
            protocols=frozenset().union(*self.protocol),
            kinds=frozenset().union(*self.kind),
            evidence=frozenset().union(*self.evidence, {Rung.GUESSED.word} if self.guessed else ()),
            not_clients=_resolved("--not-client", self.not_client, directory),
            not_services=(
                *_resolved("--not-service", self.not_service, directory),
                *_resolved("--not-address", self.not_address, directory),
            ),
            not_ports=frozenset().union(*self.not_port),
            not_protocols=frozenset().union(*self.not_protocol),
            not_evidence=frozenset().union(*self.not_evidence),
            within=None if self.since is None else now - self.since,
        )


def _resolved(name: str, lists: Networks, directory: Callable[[], NetworkDirectory]) -> tuple[Network, ...]:
    try:
        return resolve((word for words in lists for word in words), directory)
    except ValueError as error:
        raise click.UsageError(f"{name}: {error}") from None


def moment(_context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """Parse a moment, in seconds since 1970."""
    try:
        return None if text is None else parse_moment(text, time.time())
    except ValueError as error:
        raise click.BadParameter(str(error), _context, parameter) from None


_PORT_FILTERS: Final = (
    option("--port", _PORTS, "Only these service ports, such as 22,http,8000-8100."),
    option("--not-port", _PORTS, "Without these ports."),
)

ENDS: Final = (
    option("--client", _NETS, "Only clients in these networks: prefixes, or names of configured networks."),
    option("--not-client", _NETS, "Without these clients."),
    option("--service", _NETS, "Only services, or other ends, in these networks."),
    option("--not-service", _NETS, "Without these services, or other ends."),
    *_PORT_FILTERS,
)
"""The filters of every listing of what has a client and a service."""

OF_FLOWS: Final = (
    option("--protocol", _PROTOCOLS, "Only flows with packets of these protocols: tcp, udp."),
    option("--not-protocol", _PROTOCOLS, "Without flows that have packets of these protocols."),
    option("--evidence", _WORDS, f"Only flows whose client and service are known by: {', '.join(_EVIDENCE)}."),
    option("--not-evidence", _WORDS, "Without flows whose client and service are known by these."),
    click.option("--guessed", is_flag=True, help="Only flows without evidence, as --evidence guessed."),
)
OF_SERVICES: Final = (
    option("--address", _NETS, "Only services in these networks: prefixes, or names of configured networks."),
    option("--not-address", _NETS, "Without the services in these networks."),
    *_PORT_FILTERS,
    option("--protocol", _PROTOCOLS, "Only services of these protocols: tcp, udp."),
    option("--not-protocol", _PROTOCOLS, "Without services of these protocols."),
    option("--evidence", _WORDS, "Only services whose strongest evidence is one of these, such as handshake,bits."),
    option("--not-evidence", _WORDS, "Without services whose strongest evidence is one of these."),
)
OF_RECON: Final = (option("--kind", _KINDS, "Only resets (rst), unreachables (icmp) or knocks (knock)."),)
SINCE: Final = (
    click.option(
        "--since",
        metavar="TIME",
        callback=moment,
        help="Only seen since then: 10m ago, or 2026-11-29T10:00 local time.",
    ),
)


def filtered(*options: Iterable[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    """Return a decorator that adds `options` to a command, which gets their values as `asked`."""
    names = {field.name for field in fields(AskedFor)}

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_asked(**given: Any) -> int:  # noqa: ANN401 - one for each option
            asked = AskedFor(**{name: given.pop(name) for name in names & given.keys()})
            return command(asked=asked, **given)

        decorated: Command = with_asked
        for add in reversed([each for group in options for each in group]):
            decorated = add(decorated)
        return decorated

    return decorate
