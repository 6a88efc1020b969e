"""What a replay saw, for people and for scripts: its flows, without a store between."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from shodohflo.model import PROTOCOL_NAMES, Kind
from shodohflo.report.numbers import port_name, size_text
from shodohflo.report.table import Column, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shodohflo.columns.observations import Observations

COLUMNS: Final = (
    Column("CLIENT"),
    Column("SERVICE"),
    Column("PORT", right=True),
    Column("", from_width=70, style="dim"),
    Column("PACKETS", right=True),
    Column("BYTES", right=True, from_width=80),
    Column("PROTOCOL", from_width=100),
    Column("RULE", from_width=100),
)


@dataclass(slots=True)
class SeenFlow:
    """A flow of the captures, its packets of all protocols and rules together."""

    client: str
    service: str
    port: int
    packets: int = 0
    octets: int = 0
    first: int = 2**63 - 1
    last: int = 0
    """In ns since 1970."""
    protocols: set[str] = field(default_factory=set)
    rules: set[int] = field(default_factory=set)

    def plus(self, later: SeenFlow) -> SeenFlow:
        """Return both as one."""
        return SeenFlow(
            self.client,
            self.service,
            self.port,
            self.packets + later.packets,
            self.octets + later.octets,
            min(self.first, later.first),
            max(self.last, later.last),
            self.protocols | later.protocols,
            self.rules | later.rules,
        )

    def to_json(self) -> str:
        """Write one line for scripts; times are seconds since 1970."""
        fields: dict[str, Any] = {
            "client": self.client,
            "service": self.service,
            "port": self.port,
            "packets": self.packets,
            "octets": self.octets,
            "first": self.first / 1e9,
            "last": self.last / 1e9,
            "protocols": sorted(self.protocols),
            "rules": [f"FLOW_MAPPING[{rule}]" for rule in sorted(self.rules)],
        }
        return json.dumps(fields)

    def to_row(self) -> Row:
        """Write one row of the table."""
        protocols = sorted(self.protocols)
        return (
            self.client,
            self.service,
            str(self.port),
            port_name(self.port, protocols[0]),
            f"{self.packets:,}",
            size_text(self.octets),
            ",".join(protocols),
            ",".join(str(rule) for rule in sorted(self.rules)),
        )


def seen_flows(observations: Observations) -> list[SeenFlow]:
    """Put the rows of each flow together, the flow with most packets first."""
    flows: dict[tuple[str, str, int], SeenFlow] = {}
    for client, service, port, protocol, rule, packets, octets, first, last in _rows(observations):
        flow = flows.setdefault((client, service, port), SeenFlow(client, service, port))
        flow.packets += packets
        flow.octets += octets
        flow.first, flow.last = min(flow.first, first), max(flow.last, last)
        flow.protocols.add(PROTOCOL_NAMES[protocol])
        flow.rules.add(rule)
    return sorted(flows.values(), key=lambda flow: (-flow.packets, flow.client, flow.service, flow.port))


def _rows(observations: Observations) -> Iterator[tuple[Any, ...]]:
    flows = observations[observations.kind == Kind.FLOW]
    numbers = (flows.port, flows.protocol, flows.rule, flows.packets, flows.octets, flows.first, flows.last)
    columns: Iterable[list[Any]] = (flows.client.texts(), flows.remote.texts(), *(n.tolist() for n in numbers))
    yield from zip(*columns, strict=True)
