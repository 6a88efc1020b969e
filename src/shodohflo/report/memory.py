"""The content of the stores for one key, as lines with a name and a value."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shodohflo.attribution.evidence.ladder import LADDER, NO_EVIDENCE
from shodohflo.keys.services import ONE_WAY
from shodohflo.model import MOST_CLIENTS, ClientKey, FlowKey, Key, PeerKey, ResetKey, UnreachableKey, address_text
from shodohflo.query.rows import FlowRow
from shodohflo.report.knocks import end_words, knock_sentence
from shodohflo.report.numbers import age_text, counted, port_name, size_text, unreachable_name
from shodohflo.report.table import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shodohflo.query.rows import KeyRow, KnockRow, ServiceRow


def memory_lines(key: Key, row: KeyRow, now: float) -> Iterator[str]:
    """Yield the lines about `key` and its `row`; `now` is in seconds since 1970."""
    return (f"  {shown(name):<10}  {shown(value)}" for name, value in _known(key, row, now))


def service_lines(row: ServiceRow, now: float) -> Iterator[str]:
    """Yield the lines about a service."""
    name = port_name(row.port, row.protocol)
    service = f"{address_text(row.address)}, port {row.port}/{row.protocol}{f' ({name})' if name else ''}"
    clients = f"{row.clients:,}" if row.clients < MOST_CLIENTS else f"{MOST_CLIENTS:,} or more"
    return _lines([("service", service), ("evidence", _explained(row.evidence)), ("clients", clients)], row, now)


def origin_lines(row: KnockRow, now: float) -> Iterator[str]:
    """Yield the lines about an origin of knocks, with all ends that are known."""
    told = [("knocks", knock_sentence(row))]
    told += [("tried", f"{end_words(target)}, {age_text(now - target.last)} ago") for target in row.targets]
    return _lines(told, row, now)


def _lines(told: Iterable[tuple[str, str]], row: ServiceRow | KnockRow, now: float) -> Iterator[str]:
    """Yield lines, and after them those of what has times and agents."""
    seen = [("first seen", _moment(row.first, now)), ("last seen", _moment(row.last, now))]
    expires = [] if row.expires_in is None else [("expires", f"in {age_text(row.expires_in)}")]
    every = [*told, *seen, ("agents", ", ".join(row.agents)), *expires, ("stores", ", ".join(row.stores))]
    return (f"  {shown(name):<10}  {shown(value)}" for name, value in every if value)


def _known(key: Key, row: KeyRow, now: float) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each line; unknown values are left out."""
    yield from _meant(key)
    yield "packets", f"{row.packets:,}"
    if isinstance(row, FlowRow):
        yield from _remembered(row, now)
    elif row.age is not None:
        yield "written", f"{age_text(row.age)} ago"
    if row.expires_in is not None:
        yield "expires", f"in {age_text(row.expires_in)}"
    yield "stores", ", ".join(row.stores)


def _meant(key: Key) -> Iterator[tuple[str, str]]:
    match key:
        case FlowKey(client, service, port):
            name = port_name(port)
            yield "client", address_text(client)
            yield "service", f"{address_text(service)}, port {port}{f' ({name})' if name else ''}"
        case PeerKey(address, peer):
            yield "address", address_text(address)
            yield "peer", address_text(peer)
        case ClientKey(client):
            yield "client", address_text(client)
        case ResetKey(client, remote, client_port, remote_port):
            yield "client", f"{address_text(client)}, port {client_port}"
            yield "reset by", f"{address_text(remote)}, port {remote_port}"
        case UnreachableKey(client, remote, client_port, remote_port, code):
            yield "client", f"{address_text(client)}, port {client_port}"
            yield "tried", f"{address_text(remote)}, port {remote_port}"
            yield "reason", unreachable_name(code, client.version)


def _remembered(row: FlowRow, now: float) -> Iterator[tuple[str, str]]:
    """Yield the lines about the content of the `detail` hash."""
    for protocol in row.protocols:
        yield protocol.protocol, f"{counted(protocol.packets, 'packet')}, {size_text(protocol.octets)}"
    for name, seconds in (("first seen", row.first), ("last seen", row.last)):
        if seconds is not None:
            yield name, _moment(seconds, now)
    if row.agents:
        yield "agents", ", ".join(row.agents)
    if row.rule:
        yield "decided by", f"{row.rule}, as it was then: {row.sentence}" if row.sentence else row.rule
    if row.evidence:
        yield "evidence", _explained(row.evidence)
    if row.corrected is not None:
        yield (
            "corrected",
            f"{_moment(row.corrected, now)}: evidence showed that client and service had been written swapped",
        )


def _explained(evidence: str) -> str:
    """Return what said which end is the service, with what it means; a word that is not known by itself."""
    sentences = {each.rung.word: each.sentence for each in LADDER}
    sentences |= {rung.word: sentence for rung, sentence in NO_EVIDENCE.items()}
    word = evidence.removesuffix(ONE_WAY)
    if word not in sentences:
        return evidence
    return f"{evidence}: {sentences[word]}{'; one direction was seen, which can be forged' if word != evidence else ''}"


def _moment(seconds: float, now: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC, {age_text(now - seconds)} ago"
