"""Moves: the keys that a correction takes packets from, and those that it adds them to.

12 TCP packets were counted as those of the client 10.0.0.9, which then turned out to be the service, on port 54321:

    taken from                         added to
    10.0.0.9;10.0.0.5;40000;flow       10.0.0.5;10.0.0.9;54321;flow
    client;10.0.0.9                    client;10.0.0.5
    detail;10.0.0.9;10.0.0.5;40000     detail;10.0.0.5;10.0.0.9;54321

The `peer` keys stay, since they are the same in both directions. Of a flow with an end in `IGNORE_FLOW`, which has no
flow key and no `detail` hash, only the `client` keys are corrected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shodohflo.keys.detail import Detail, rung_word
from shodohflo.keys.grammar import DETAIL_TEMPLATE, key_template
from shodohflo.model import PROTOCOL_NAMES, ClientKey, FlowKey, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shodohflo.columns.corrections import Corrections


@dataclass(frozen=True, slots=True)
class Move:
    """One correction in terms of keys."""

    wrong: tuple[str, ...]
    """The keys that the packets are taken from: flow, client and detail, or client alone."""
    right: tuple[str, ...]
    """The keys that they are added to, in the same order."""
    added: Detail
    """What is moved, as it is added to the `detail` hash."""


def moves(corrections: Corrections, rule_texts: Sequence[str] = ()) -> list[Move]:
    """Return the keys of `corrections`, in their order; `rule_texts` has a text per rule."""
    if not len(corrections):  # nearly always
        return []
    names = zip(
        corrections.client.texts(),
        corrections.service.texts(),
        corrections.port.tolist(),
        corrections.wrong_port.tolist(),
        (corrections.kind == Kind.FLOW_IGNORED).tolist(),
        strict=True,
    )
    keys = [
        (_keys(service, client, wrong_port, ignored=ignored), _keys(client, service, port, ignored=ignored))
        for client, service, port, wrong_port, ignored in names
    ]
    protocols = [PROTOCOL_NAMES.get(number, str(number)) for number in corrections.protocol.tolist()]
    numbers = (
        column.tolist()
        for column in (corrections.packets, corrections.octets, corrections.first, corrections.last, corrections.rule)
    )
    sentences = [rule_texts[rule] if rule < len(rule_texts) else "" for rule in corrections.rule.tolist()]
    evidence = [rung_word(rung) for rung in corrections.rung.tolist()]
    added = map(Detail, [right[-1] for _, right in keys], protocols, *numbers, sentences, evidence)
    return [Move(wrong, right, detail) for (wrong, right), detail in zip(keys, added, strict=True)]


def _keys(client: str, service: str, port: int, *, ignored: bool) -> tuple[str, ...]:
    """Return the keys of a flow that can be wrong."""
    if ignored:
        return (_CLIENT % client,)
    return _FLOW % (client, service, port), _CLIENT % client, DETAIL_TEMPLATE % (client, service, port)


_FLOW, _CLIENT = key_template(FlowKey), key_template(ClientKey)
