"""Ends as text, in keys and in names of fields: `end_text` writes one, `parse_end` parses one.

    End(10.0.0.9, 6, 54321)      <->   10.0.0.9;tcp;54321
    End(2001:db8::53, 17, 53)    <->   2001:db8::53;udp;53

Each end has exactly one spelling, as keys have.
"""

from __future__ import annotations

from typing import Final

from shodohflo.keys.grammar import parse_address, parse_port
from shodohflo.model import PORT_PROTOCOLS, End, address_text

_NAMES: Final = {number: name for name, number in PORT_PROTOCOLS.items()}

_LONGEST: Final = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255;udp;65535")
"""Characters; what is longer is not parsed."""


def end_text(end: End) -> str:
    """Return `end` as text; raise `KeyError` if it is not one of TCP or UDP."""
    return f"{address_text(end.address)};{_NAMES[end.protocol]};{end.port}"


def parse_end(text: str) -> End | None:
    """Return the end that `end_text` writes as `text`, or `None`."""
    parts = text.split(";") if len(text) <= _LONGEST else []
    if len(parts) != 3 or parts[1] not in PORT_PROTOCOLS:
        return None
    address, protocol, port = parts
    try:
        return End(parse_address(address), PORT_PROTOCOLS[protocol], parse_port(port))
    except ValueError:
        return None
