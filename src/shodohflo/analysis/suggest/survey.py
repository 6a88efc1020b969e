"""The packets of captures in memory, one row for each conversation, so that rules can be tried on them repeatedly."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.attribution.order import decide
from shodohflo.attribution.pipeline import BLOCK
from shodohflo.attribution.policy import CompiledPolicy, Policy
from shodohflo.attribution.results import observe
from shodohflo.columns.addresses import Addresses
from shodohflo.columns.batch import Batch, Messages
from shodohflo.columns.grouping import group_by
from shodohflo.columns.merging import merge, merge_packets
from shodohflo.columns.pile import Pile
from shodohflo.model import Network, covers
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.mapping import FlowMapping
from shodohflo.rules.networks import NetworkEnumeration, parse_prefix
from shodohflo.wire.decode import Packets, decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shodohflo.columns.batch import Family
    from shodohflo.columns.frames import Frames
    from shodohflo.columns.observations import Observations
    from shodohflo.rules.mapping import Rule
    from shodohflo.rules.networks import Entry

_MANY: Final = 1 << 18
"""Rows that may be kept unmerged."""

AGGREGATES: Final = {4: 24, 6: 64}
"""The length of the prefixes that addresses are grouped by, by IP version."""

_HALF: Final = 2**64


@dataclass(frozen=True, slots=True)
class Trial:
    """A configuration to be tried on a survey."""

    entries: tuple[Entry, ...]
    rules: tuple[Rule, ...]
    our_nets: tuple[Network, ...]

    @property
    def enumeration(self) -> NetworkEnumeration:
        """The networks, with OUR_4NETS and OUR_6NETS bound to `our_nets`."""
        return NetworkEnumeration(*((entry.name, *entry.given) for entry in self.entries)).bound(self.our_nets)

    @property
    def mapping(self) -> FlowMapping:
        """The rules, in the configuration's own type."""
        return FlowMapping(*((rule.src, rule.dst, rule.action) for rule in self.rules))


class Survey:
    """Packets of captures, one row for each conversation."""

    def __init__(self) -> None:
        """Create an empty survey."""
        self.received = 0
        self._batches: dict[Family, Pile[Batch]] = {}
        self._messages: dict[Family, Pile[Messages]] = {}

    def ingest(self, frames: Frames) -> None:
        """Decode `frames`; their memory may be reused afterwards."""
        self.received += len(frames)
        for begin in range(0, len(frames), BLOCK):
            decoded = decode(frames[begin : begin + BLOCK])
            for batch in decoded.batches:
                self._batches.setdefault(batch.family, Pile(_merge, _MANY)).add(merge_packets(batch))
            for messages in decoded.messages:
                self._messages.setdefault(messages.family, Pile(Messages.concatenate, _MANY)).add(messages)

    @property
    def packets(self) -> Packets:
        """All packets so far, one batch and one table of messages for each family."""
        return Packets(
            [pile.merged() for pile in self._batches.values()], [pile.merged() for pile in self._messages.values()]
        )

    def attempt(self, trial: Trial) -> Observations:
        """Return what a configuration would record of the packets."""
        rules = CompiledRules(trial.enumeration, trial.mapping)
        policy = CompiledPolicy(Policy(trial.our_nets))
        tables: list[Batch | Messages] = [*self.packets.batches, *self.packets.messages]
        return merge([observe(table, decide(table, rules, policy)) for table in tables])

    def prefixes(self) -> Counter[Network]:
        """Return the /24 and /64 prefixes of all ends with their packets; a packet counts once for each of its ends."""
        found: Counter[Network] = Counter()
        packets = self.packets
        counted: list[tuple[Batch | Messages, NDArray[np.int64]]] = [
            *((batch, batch.packets) for batch in packets.batches),
            *((messages, np.ones(len(messages), np.int64)) for messages in packets.messages),
        ]
        for rows, number in counted:
            for column in (rows.src_addr, rows.dst_addr):
                found.update(_prefixes(Addresses.from_column(rows.family, column), number))
        return found


def _merge(parts: Sequence[Batch]) -> Batch:
    return merge_packets(Batch.concatenate(parts))


def _prefixes(addresses: Addresses, packets: NDArray[np.int64]) -> dict[Network, int]:
    """Sum `packets` by prefix; `addresses` are of one family."""
    if not len(addresses):
        return {}
    version = int(addresses.version[0])
    starts = addresses.high if version == 6 else addresses.low >> np.uint64(8)
    groups = group_by([starts])
    numbers = starts[groups.leaders].tolist()
    ends = [(number * _HALF) if version == 6 else (number << 8) for number in numbers]
    networks = [parse_prefix((end if version == 4 else end.to_bytes(16, "big"), AGGREGATES[version])) for end in ends]
    return dict(zip(networks, groups.sum(packets).tolist(), strict=True))


def holds(networks: Sequence[Network], network: Network) -> bool:
    """Return whether one of `networks` contains all of `network`."""
    return any(covers(one, network) for one in networks)
