"""The `detail` hash of a flow: `details` returns what a writer adds to it, `FlowDetail` is what a reader gets from it.

The field names are defined only here: the script of `store.write` is built from them, and `FlowDetail.from_fields`
reads them. One row of 3 UDP packets with 200 bytes, decided by rule 1 and seen by the agent `bert`, becomes these
fields of `detail;10.0.0.1;8.8.8.8;53`:

    packets.udp  3           first       1700000000.250000     rule      FLOW_MAPPING[1]
    octets.udp   200         last        1700000009.500000     sentence  the lower port is the service
                             agent.bert  1700000009.500000

A further row adds to `packets.` and `octets.`, keeps the earliest `first` and the latest `last`, and replaces `rule`
and `sentence` unless the hash has a later `last`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final, Self

from shodohflo.keys.counting import AddressIndex
from shodohflo.keys.grammar import DETAIL_TEMPLATE
from shodohflo.model import PROTOCOL_NAMES, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shodohflo.columns.observations import Observations

FIRST: Final = "first"
"""When the first packet was received: seconds since 1970 with six decimals."""

LAST: Final = "last"
"""When the last packet was received: seconds since 1970 with six decimals."""

RULE: Final = "rule"
"""The rule that decided the row with the latest `last`, such as `FLOW_MAPPING[3]`."""

SENTENCE: Final = "sentence"
"""The description of that rule in the configuration of that time; may be empty."""

PACKETS: Final = "packets."
"""Prefix of the packet counts by protocol, such as `packets.udp`."""

OCTETS: Final = "octets."
"""Prefix of the byte counts by protocol, such as `octets.udp`."""

SEEN_BY: Final = "agent."
"""Prefix of the time at which each agent last saw the flow, such as `agent.bert`."""


@dataclass(frozen=True, slots=True)
class Detail:
    """What one row adds to a `detail` hash: packets of one protocol that one rule decided."""

    key: str
    protocol: str
    packets: int
    octets: int
    first: int
    """Nanoseconds since 1970, as is `last`."""
    last: int
    rule: int
    sentence: str
    """The rule as a sentence at the time of the decision; may be empty."""


def details(observations: Observations, rule_texts: Sequence[str] = ()) -> list[Detail]:
    """Return what the flows among `observations` add to their `detail` hashes; `rule_texts` has a text per rule."""
    flows = observations[observations.kind == Kind.FLOW]
    ends = AddressIndex.of(flows)
    names = zip(ends.client.tolist(), ends.remote.tolist(), flows.port.tolist(), strict=True)
    keys = [DETAIL_TEMPLATE % (ends.texts[client], ends.texts[service], port) for client, service, port in names]
    protocols = [PROTOCOL_NAMES.get(number, str(number)) for number in flows.protocol.tolist()]
    numbers = (column.tolist() for column in (flows.packets, flows.octets, flows.first, flows.last, flows.rule))
    sentences = [rule_texts[rule] if rule < len(rule_texts) else "" for rule in flows.rule.tolist()]
    return list(map(Detail, keys, protocols, *numbers, sentences))


def seconds_text(nanoseconds: int) -> str:
    """Return a time in ns since 1970 as seconds with six decimals, cut off below the microsecond."""
    return f"{nanoseconds // 10**9}.{nanoseconds // 1000 % 10**6:06d}"


@dataclass(frozen=True, slots=True)
class ProtocolSum:
    """Packets and bytes of a flow by one protocol."""

    protocol: str
    """`tcp` or `udp`."""
    packets: int
    """Packets of the flow by this protocol."""
    octets: int
    """Bytes of the network layer, headers included."""


@dataclass(frozen=True, slots=True)
class FlowDetail:
    """The content of a `detail` hash; a field that is missing or malformed is `None` or empty."""

    first: float | None
    """Seconds since 1970, as is `last`."""
    last: float | None
    protocols: tuple[ProtocolSum, ...]
    rule: str
    """The rule that decided the row with the latest `last`, such as `FLOW_MAPPING[3]`."""
    sentence: str
    agents: tuple[str, ...]

    @property
    def octets(self) -> int | None:
        """Return the bytes of all protocols together, or `None` if no protocol is known."""
        return sum(protocol.octets for protocol in self.protocols) if self.protocols else None

    @classmethod
    def from_fields(cls, detail: Mapping[str, str]) -> Self:
        """Parse the fields of one hash; skip unknown fields and bad values, because any program may write to it."""
        protocols = _names_after(PACKETS, detail)
        return cls(
            first=_seconds(detail.get(FIRST)),
            last=_seconds(detail.get(LAST)),
            protocols=tuple(
                ProtocolSum(name, _number(detail.get(PACKETS + name)), _number(detail.get(OCTETS + name)))
                for name in protocols
            ),
            rule=detail.get(RULE, ""),
            sentence=detail.get(SENTENCE, ""),
            agents=tuple(_names_after(SEEN_BY, detail)),
        )


def _names_after(prefix: str, detail: Mapping[str, str]) -> list[str]:
    return sorted(name.removeprefix(prefix) for name in detail if name.startswith(prefix))


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else 0


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if isfinite(seconds) else None
