"""Keys as columns: which keys count a row of observations, before any of them is written as text.

`folded` sums observations by key, one table for each kind; the names of its keys and its sums are those of
`keys.counting.counts`, which is the plain form. A pair of ends is one row, for it counts the same in both directions.

For example, 7 packets of a flow from 10.0.0.1 to 8.8.8.8 port 53, and 2 resets to 10.0.0.1:

    FlowKeys    10.0.0.1  8.8.8.8  53    7
    PairKeys    8.8.8.8   10.0.0.1       7      (the lower address first)
    ClientKeys  10.0.0.1                 9
    ResetKeys   10.0.0.1  8.8.8.8  ...   2
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.grouping import group_by
from shodohflo.columns.labels import labels
from shodohflo.columns.table import Role, Table, column, table
from shodohflo.keys.grammar import DETAIL_TEMPLATE, key_template
from shodohflo.model import ClientKey, FlowKey, Kind, PeerKey, ResetKey, UnreachableKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from shodohflo.columns.grouping import Groups
    from shodohflo.columns.observations import Observations


@table
class FlowKeys(Table):
    """Keys of flows."""

    client: Addresses = column(Addresses, Role.KEY)
    service: Addresses = column(Addresses, Role.KEY)
    port: NDArray[np.uint16] = column(np.uint16, Role.KEY)

    def key_names(self) -> list[str]:
        """Return the names of the flows' keys."""
        return _named(_FLOW, self.client, self.service, self.port)

    def detail_names(self) -> list[str]:
        """Return the names of their `detail` hashes."""
        return _named(DETAIL_TEMPLATE, self.client, self.service, self.port)


@table
class PairKeys(Table):
    """The two keys of each pair of ends; for a host that talks to itself, they are one key."""

    lower: Addresses = column(Addresses, Role.KEY)
    higher: Addresses = column(Addresses, Role.KEY)

    def key_names(self) -> list[str]:
        """Return the names of the keys that begin with the lower address."""
        return _named(_PEER, self.lower, self.higher)

    def reverse_names(self) -> list[str]:
        """Return the names of those that begin with the higher address."""
        return _named(_PEER, self.higher, self.lower)

    def is_single(self) -> NDArray[np.bool_]:
        """Return which pairs are of an address with itself."""
        lower, higher = self.lower, self.higher
        single: NDArray[np.bool_] = (lower.high == higher.high) & (lower.low == higher.low)
        single &= lower.version == higher.version
        return single


@table
class ClientKeys(Table):
    """Keys of clients."""

    client: Addresses = column(Addresses, Role.KEY)

    def key_names(self) -> list[str]:
        """Return the names of the keys."""
        return _named(_CLIENT, self.client)


@table
class ResetKeys(Table):
    """Keys of resets."""

    client: Addresses = column(Addresses, Role.KEY)
    remote: Addresses = column(Addresses, Role.KEY)
    client_port: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    port: NDArray[np.uint16] = column(np.uint16, Role.KEY)

    def key_names(self) -> list[str]:
        """Return the names of the keys."""
        return _named(_RESET, self.client, self.remote, self.client_port, self.port)


@table
class UnreachableKeys(Table):
    """Keys of unreachables."""

    client: Addresses = column(Addresses, Role.KEY)
    remote: Addresses = column(Addresses, Role.KEY)
    client_port: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    port: NDArray[np.uint16] = column(np.uint16, Role.KEY)
    code: NDArray[np.uint8] = column(np.uint8, Role.KEY)

    def key_names(self) -> list[str]:
        """Return the names of the keys."""
        return _named(_UNREACHABLE, self.client, self.remote, self.client_port, self.port, self.code)


@dataclass(frozen=True, slots=True)
class Folded:
    """Distinct keys of one kind, the rows of observations that they count, and which key counts which row."""

    keys: Table
    rows: Observations
    groups: Groups

    @property
    def packets(self) -> NDArray[np.int64]:
        """Return the packets of each key."""
        return self.groups.sum(self.rows.packets)


def folded(observations: Observations) -> dict[type[Table], Folded]:
    """Return the distinct keys of each kind that count `observations`; kinds without any are left out."""
    kind = observations.kind
    is_flow, is_pair = kind == Kind.FLOW, (kind == Kind.FLOW) | (kind == Kind.FLOW_IGNORED)
    every = {
        FlowKeys: _fold(observations.keep(is_flow), flow_keys),
        PairKeys: _fold(observations.keep(is_pair), _pair_keys),
        ClientKeys: _fold(observations, lambda rows: ClientKeys(rows.client)),
        ResetKeys: _fold(observations.keep(kind == Kind.RESET), _reset_keys),
        UnreachableKeys: _fold(observations.keep(kind == Kind.UNREACHABLE), _unreachable_keys),
    }
    return {kind: each for kind, each in every.items() if len(each.keys)}


def _fold(rows: Observations, keys_of: Callable[[Observations], Table]) -> Folded:
    keys = keys_of(rows)
    groups = group_by(labels(keys)) if len(rows) else group_by([np.zeros(0, np.uint64)])
    return Folded(keys[groups.leaders], rows, groups)


def flow_keys(rows: Observations) -> FlowKeys:
    """Return the key of each row of a flow."""
    return FlowKeys(rows.client, rows.remote, rows.port)


def _pair_keys(rows: Observations) -> PairKeys:
    client, remote = rows.client, rows.remote
    is_less = client.version < remote.version
    is_tied = client.version == remote.version
    is_less |= is_tied & ((client.high < remote.high) | ((client.high == remote.high) & (client.low <= remote.low)))
    return PairKeys(_chosen(is_less, client, remote), _chosen(is_less, remote, client))


def _reset_keys(rows: Observations) -> ResetKeys:
    return ResetKeys(rows.client, rows.remote, rows.client_port, rows.port)


def _unreachable_keys(rows: Observations) -> UnreachableKeys:
    return UnreachableKeys(rows.client, rows.remote, rows.client_port, rows.port, rows.code)


def _chosen(mask: NDArray[np.bool_], yes: Addresses, no: Addresses) -> Addresses:
    return yes.map(lambda column, values: np.where(mask, values, getattr(no, column.name)))


def _named(template: str, *columns: Any) -> list[str]:  # noqa: ANN401 - addresses, then numbers
    texts = [each.texts() if isinstance(each, Addresses) else each.tolist() for each in columns]
    return [template % row for row in zip(*texts, strict=True)]


_FLOW: Final = key_template(FlowKey)
_PEER: Final = key_template(PeerKey)
_CLIENT: Final = key_template(ClientKey)
_RESET: Final = key_template(ResetKey)
_UNREACHABLE: Final = key_template(UnreachableKey)
