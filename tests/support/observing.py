"""Observations written row by row, and strategies that draw rows, addresses and keys."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from hypothesis import strategies as st

from shodohflo.columns.corrections import Corrections
from shodohflo.columns.observations import Observations
from shodohflo.model import TCP, UDP, Address, ClientKey, FlowKey, Key, Kind, PeerKey, ResetKey, Rung, UnreachableKey
from support.tables import made

SECOND = 10**9
"""One second in ns."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One row of observations."""

    client: Address
    remote: Address
    port: int
    kind: Kind = Kind.FLOW
    client_port: int = 0
    protocol: int = TCP
    code: int = 0
    rule: int = 0
    packets: int = 1
    octets: int = 60
    first: int = 0
    last: int = 0
    rung: Rung = Rung.NONE


def flow(client: str, service: str, port: int, packets: int = 1, *, last: int = 0) -> Seen:
    """Return a row of a TCP flow."""
    return Seen(ip_address(client), ip_address(service), port, packets=packets, octets=60 * packets, last=last)


def observed(*rows: Seen) -> Observations:
    """Return `rows` as columns; a column that `Seen` does not have is 0."""
    given = {field.name: [getattr(row, field.name) for row in rows] for field in fields(Seen)}
    return made(Observations, len(rows), **given)


@dataclass(frozen=True, slots=True)
class Swapped:
    """One correction: a flow that was written with client and service swapped."""

    client: Address
    service: Address
    port: int
    wrong_port: int
    kind: Kind = Kind.FLOW
    protocol: int = TCP
    rule: int = 0
    rung: Rung = Rung.HANDSHAKE
    packets: int = 1
    octets: int = 60
    first: int = 0
    last: int = 0

    def as_written(self) -> Seen:
        """Return the row that was written wrong."""
        return replace(self.as_it_is(), client=self.service, remote=self.client, port=self.wrong_port)

    def as_it_is(self) -> Seen:
        """Return the row that would have been right."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        del given["service"], given["wrong_port"]
        return Seen(remote=self.service, **given)


def corrected(*rows: Swapped) -> Corrections:
    """Return `rows` as columns."""
    return made(
        Corrections, len(rows), **{field.name: [getattr(row, field.name) for row in rows] for field in fields(Swapped)}
    )


def swapped_rows(corrections: Corrections) -> list[Swapped]:
    """Return the rows of `corrections` one by one."""
    ends = corrections.client.objects(), corrections.service.objects()
    numbers = [getattr(corrections, field.name).tolist() for field in fields(Swapped)[2:]]
    rows = [Swapped(*row) for row in zip(*ends, *numbers, strict=True)]
    return [replace(row, kind=Kind(row.kind), rung=Rung(row.rung)) for row in rows]


ADDRESSES = st.one_of(
    st.ip_addresses(),
    st.sampled_from([IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"), IPv6Address("::ffff:10.0.0.1")]),
    st.integers(0, 2**32 - 1).map(lambda low: IPv6Address(0xFFFF << 32 | low)),
    # Zero and nonzero fields in every pattern: the position of `::` depends on them.
    st.lists(st.sampled_from([0, 0, 1, 0xFFFF]), min_size=8, max_size=8).map(
        lambda fields: IPv6Address(b"".join(field.to_bytes(2, "big") for field in fields))
    ),
)
"""Addresses of both families, among them those that RFC 5952 writes in a special form."""

PORTS = st.integers(0, 0xFFFF)

SEEN = st.builds(
    Seen,
    client=ADDRESSES,
    remote=ADDRESSES,
    port=PORTS,
    kind=st.sampled_from(Kind),
    client_port=PORTS,
    protocol=st.sampled_from([TCP, UDP]),
    code=st.integers(0, 0xFF),
    rule=st.integers(0, 3),
    packets=st.integers(1, 10**6),
    octets=st.integers(0, 10**9),
    first=st.integers(0, 10**18),
    last=st.integers(0, 10**18),
    rung=st.sampled_from(Rung),
)

CORRECTIONS = st.builds(
    Swapped,
    client=ADDRESSES,
    service=ADDRESSES,
    port=PORTS,
    wrong_port=PORTS,
    kind=st.sampled_from([Kind.FLOW, Kind.FLOW_IGNORED]),
    protocol=st.sampled_from([TCP, UDP]),
    rule=st.integers(0, 3),
    rung=st.sampled_from([rung for rung in Rung if rung.is_proof]),
    packets=st.integers(1, 10**6),
    octets=st.integers(0, 10**9),
    first=st.integers(0, 10**18),
    last=st.integers(0, 10**18),
)

KEYS: st.SearchStrategy[Key] = st.one_of(
    st.builds(FlowKey, ADDRESSES, ADDRESSES, PORTS),
    st.builds(PeerKey, ADDRESSES, ADDRESSES),
    st.builds(ResetKey, ADDRESSES, ADDRESSES, PORTS, PORTS),
    st.builds(UnreachableKey, ADDRESSES, ADDRESSES, PORTS, PORTS, st.integers(0, 0xFF)),
    st.builds(ClientKey, ADDRESSES),
)
