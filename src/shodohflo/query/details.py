"""What `detail` hashes remember of a flow, read with patience: a hash may hold anything. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Self

from shodohflo.query.rows import ProtocolSum

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PACKETS = "packets."
_OCTETS = "octets."
_AGENT = "agent."


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is known of a flow beside its packets."""

    first: float | None
    last: float | None
    protocols: tuple[ProtocolSum, ...]
    rule: str
    sentence: str
    agents: tuple[str, ...]

    @property
    def octets(self) -> int | None:
        """Return the bytes of all protocols, if any is known."""
        return sum(protocol.octets for protocol in self.protocols) if self.protocols else None

    @classmethod
    def of(cls, detail: Mapping[str, str]) -> Self:
        """Read one hash; fields that are not ours, or make no sense, are left out."""
        names = sorted(name.removeprefix(_PACKETS) for name in detail if name.startswith(_PACKETS))
        return cls(
            first=_seconds(detail.get("first")),
            last=_seconds(detail.get("last")),
            protocols=tuple(
                ProtocolSum(name, _number(detail.get(_PACKETS + name)), _number(detail.get(_OCTETS + name)))
                for name in names
            ),
            rule=detail.get("rule", ""),
            sentence=detail.get("sentence", ""),
            agents=tuple(sorted(name.removeprefix(_AGENT) for name in detail if name.startswith(_AGENT))),
        )

    @classmethod
    def joined(cls, several: Sequence[Self]) -> Self:
        """Sum up what several stores remember of one flow; the rule is the one that decided last."""
        packets: Counter[str] = Counter()
        octets: Counter[str] = Counter()
        for protocol in (protocol for one in several for protocol in one.protocols):
            packets[protocol.protocol] += protocol.packets
            octets[protocol.protocol] += protocol.octets
        latest = max(several, key=lambda one: one.last or 0.0)
        return cls(
            first=min((one.first for one in several if one.first is not None), default=None),
            last=latest.last,
            protocols=tuple(ProtocolSum(name, packets[name], octets[name]) for name in sorted(packets)),
            rule=latest.rule,
            sentence=latest.sentence,
            agents=tuple(sorted({agent for one in several for agent in one.agents})),
        )


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else 0


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if isfinite(seconds) else None
