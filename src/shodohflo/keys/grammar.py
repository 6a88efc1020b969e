"""Key names: `to_key` writes one, `from_key` parses one, `key_pattern` matches many.

`FORMS` is the grammar. Every name is made from it and parsed by it, so a new kind of key is one more row:

    FlowKey(10.0.0.1, 8.8.8.8, 53)   <->   10.0.0.1;8.8.8.8;53;flow
    "{client};{service};{port};flow"       the form: each name in braces is replaced by that field

Addresses are RFC 5952 text and numbers are decimal. Each key has exactly one spelling: `10.0.0.1;8.8.8.8;053;flow` is
not a key of ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import lru_cache
from ipaddress import IPv4Address, ip_address
from operator import call
from typing import TYPE_CHECKING, Final

from shodohflo.model import Address, ClientKey, FlowKey, Key, PeerKey, ResetKey, UnreachableKey, address_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DETAIL: Final = "detail;"
"""Prefix of the hash with the times, rule and agents of a flow; see `keys.detail`."""

AGENT: Final = "agent;"
"""Prefix of the hash with the counters and the heartbeat of an agent."""

WRITER: Final = "writer;"
"""Prefix of the number of the last write of a writer; see `store.write`."""

SERVICE: Final = "service;"
"""Prefix of the hash of a service that answered; see `keys.services`."""

KNOCK: Final = "knock;"
"""Prefix of the hash of an origin of attempts that led to nothing; see `keys.knocks`."""

FORMS: Final[Mapping[type, str]] = {
    FlowKey: "{client};{service};{port};flow",
    PeerKey: "{address};{peer};peer",
    ResetKey: "{client};{remote};{client_port}:{remote_port};rst",
    UnreachableKey: "{client};{remote};{client_port}:{remote_port};{code};icmp",
    ClientKey: "client;{client}",
}
"""The form of each kind of key; its fields are in braces, in their order."""


def to_key(key: Key) -> str:
    """Return the name of `key` in the store."""
    return _GRAMMARS[type(key)].write(key)


def from_key(text: str) -> Key | None:
    """Return the key that `to_key` writes as `text`, or `None` for a name that is not a key of ours."""
    grammar = _BY_WORD.get(text.rpartition(";")[2]) or _BY_WORD.get(text.partition(";")[0])
    return grammar.parse(text) if grammar else None


def key_pattern(kind: type, wanted: Mapping[str, str]) -> str:
    """Return the glob pattern for keys of a kind; a field that is not in `wanted` matches anything."""
    return FORMS[kind].format_map({field.name: "*" for field in fields(kind)} | dict(wanted))


def key_template(kind: type) -> str:
    """Return the form of a kind of key as a template for `%`: addresses are text, numbers integers."""
    return FORMS[kind].format_map({field.name: "%d" if field.name in _PARSERS else "%s" for field in fields(kind)})


def detail_key(key: FlowKey) -> str:
    """Return the name of the `detail` hash of a flow."""
    return DETAIL_TEMPLATE % (address_text(key.client), address_text(key.service), key.port)


def detail_name(flow: str) -> str:
    """Return the name of the `detail` hash of the flow whose key is written `flow`."""
    return DETAIL + flow.rpartition(";")[0]


DETAIL_TEMPLATE: Final = DETAIL + "%s;%s;%d"
"""The template of `detail` keys, for `%` with client, service and port."""


_OCTETS: Final = {str(octet): octet for octet in range(256)}


# Half of what reading a key costs is its addresses, nearly all of which are IPv4.
@lru_cache(maxsize=1 << 16)
def parse_address(text: str) -> Address:
    """Parse an address in its canonical spelling, or raise `ValueError`.

    It does as `_any_address` does; dotted decimals are looked up octet by octet.
    """
    try:
        a, b, c, d = text.split(".", 4)
        return IPv4Address(_OCTETS[a] << 24 | _OCTETS[b] << 16 | _OCTETS[c] << 8 | _OCTETS[d])
    except (ValueError, KeyError):
        return _any_address(text)


# Another spelling of an address or of a number would be a second key for the same thing.
def _any_address(text: str) -> Address:
    address = ip_address(text)
    if address_text(address) != text or "%" in text:
        raise ValueError("not the canonical spelling")
    return address


@lru_cache(maxsize=1 << 16)
def parse_port(text: str) -> int:
    """Parse a port in its canonical spelling, or raise `ValueError`."""
    return _number(text, 0xFFFF)


def _code(text: str) -> int:
    return _number(text, 0xFF)


def _number(text: str, largest: int) -> int:
    number = int(text)
    if str(number) != text or not 0 <= number <= largest:
        raise ValueError("not the canonical spelling")
    return number


_PARSERS: Final[Mapping[str, Callable[[str], int]]] = {
    "port": parse_port,
    "client_port": parse_port,
    "remote_port": parse_port,
    "code": _code,
}
"""The parser of each numeric field; all other fields are addresses."""


@dataclass(frozen=True, slots=True)
class _Grammar:
    """One kind of key from `FORMS`, compiled for writing and parsing."""

    kind: Callable[..., Key]
    template: str
    names: tuple[str, ...]
    parsers: tuple[Callable[[str], Address | int], ...]
    expression: re.Pattern[str]

    @classmethod
    def compile(cls, kind: type) -> _Grammar:
        names = tuple(field.name for field in fields(kind))
        parsers = tuple(_PARSERS.get(name, parse_address) for name in names)
        # Colons separate numbers but are part of IPv6 addresses, so the two need different character classes.
        groups = {name: "([0-9]{1,5})" if name in _PARSERS else "([^;]+)" for name in names}
        return cls(kind, key_template(kind), names, parsers, re.compile(FORMS[kind].format_map(groups)))

    @property
    def word(self) -> str:
        """Return the word that all keys of the kind have in common: their first or last part."""
        first, *_, last = self.template.split(";")
        return first if "%" in last else last

    def write(self, key: Key) -> str:
        values = [getattr(key, name) for name in self.names]
        return self.template % tuple(value if isinstance(value, int) else address_text(value) for value in values)

    def parse(self, text: str) -> Key | None:
        found = self.expression.fullmatch(text)
        if not found:
            return None
        try:
            return self.kind(*map(call, self.parsers, found.groups()))
        except ValueError:
            return None


_GRAMMARS: Final = {kind: _Grammar.compile(kind) for kind in FORMS}
_BY_WORD: Final = {grammar.word: grammar for grammar in _GRAMMARS.values()}
