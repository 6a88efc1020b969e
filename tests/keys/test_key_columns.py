"""Keys as columns: the same keys, with the same sums, as the plain form has."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.columns.labels import key_bytes
from shodohflo.keys import counts
from shodohflo.keys.key_columns import (
    ClientKeys,
    FlowKeys,
    Folded,
    PairKeys,
    ResetKeys,
    UnreachableKeys,
    flow_keys,
    folded,
)
from shodohflo.model import Kind, address_text
from support.observing import ADDRESSES, SEEN, Seen, flow, observed

FEW = st.builds(
    Seen,
    client=st.sampled_from([ip_address("10.0.0.1"), ip_address("10.0.0.2"), ip_address("::10.0.0.1")]),
    remote=st.sampled_from([ip_address("10.0.0.1"), ip_address("10.0.0.2"), ip_address("::10.0.0.1")]),
    port=st.sampled_from([53, 443]),
    kind=st.sampled_from(Kind),
    client_port=st.sampled_from([53, 4711]),
    code=st.sampled_from([0, 3]),
    packets=st.integers(1, 10**6),
)
"""Rows that often have keys in common; two of the addresses differ only in their version."""


def named_sums(folds: dict[type, Folded]) -> dict[str, int]:
    """Return the packets of each key by its name; no name may be there twice."""
    named: list[tuple[str, int]] = []
    for fold in folds.values():
        keys, packets = fold.keys, fold.packets.tolist()
        assert isinstance(keys, FlowKeys | PairKeys | ClientKeys | ResetKeys | UnreachableKeys)
        named += zip(keys.key_names(), packets, strict=True)
        if isinstance(keys, PairKeys):
            reverse = zip(keys.reverse_names(), packets, keys.is_single().tolist(), strict=True)
            named += [(name, count) for name, count, is_single in reverse if not is_single]
    assert len(dict(named)) == len(named)
    return dict(named)


def test_the_example_of_the_module_is_true() -> None:
    """Seven packets of a flow and two resets make one key of each kind but unreachables."""
    reset = Seen(ip_address("10.0.0.1"), ip_address("10.0.0.2"), 443, kind=Kind.RESET, client_port=4711, packets=2)

    folds = folded(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=7), reset))

    assert {kind: fold.packets.tolist() for kind, fold in folds.items()} == {
        FlowKeys: [7],
        PairKeys: [7],
        ClientKeys: [9],
        ResetKeys: [2],
    }
    pairs = folds[PairKeys].keys
    assert isinstance(pairs, PairKeys)
    assert pairs.key_names() == ["8.8.8.8;10.0.0.1;peer"]  # the lower address first
    assert pairs.reverse_names() == ["10.0.0.1;8.8.8.8;peer"]


@given(st.lists(SEEN) | st.lists(FEW))
def test_names_and_sums_are_those_of_the_plain_form(rows: list[Seen]) -> None:
    """Every key of `keys.counting.counts` is there once, with its packets, and no other."""
    observations = observed(*rows)

    assert named_sums(folded(observations)) == counts(observations)


@given(st.lists(FEW))
def test_every_row_belongs_to_the_key_that_counts_it(rows: list[Seen]) -> None:
    """`groups` says of each row which flow it is of, so that more of the row can be summed or noted by flow."""
    fold = folded(observed(*rows)).get(FlowKeys)

    flows = [row for row in rows if row.kind is Kind.FLOW]
    assert (fold is None) == (not flows)
    if fold is not None:
        own = key_bytes(flow_keys(fold.rows))
        assert [key_bytes(fold.keys)[key] for key in fold.groups.group.tolist()] == own
        octets: Counter[bytes] = Counter()
        for name, row in zip(own, flows, strict=True):
            octets[name] += row.octets
        assert dict(zip(key_bytes(fold.keys), fold.groups.sum(fold.rows.octets).tolist(), strict=True)) == octets


def test_no_observations_have_no_keys() -> None:
    """Kinds of keys without any are left out."""
    assert folded(observed()) == {}
    assert folded(observed(flow("10.0.0.1", "8.8.8.8", 53))).keys() == {FlowKeys, PairKeys, ClientKeys}


@given(ADDRESSES, ADDRESSES)
def test_a_pair_of_ends_is_the_same_in_both_directions(one: object, other: object) -> None:
    """Who is the client does not matter to a pair; only that of a host with itself is a single key."""
    a, b = ip_address(str(one)), ip_address(str(other))

    fold = folded(observed(Seen(a, b, 53, packets=2), Seen(b, a, 53, packets=3)))[PairKeys]

    assert isinstance(fold.keys, PairKeys)
    assert fold.packets.tolist() == [5]
    assert fold.keys.is_single().tolist() == [a == b]
    names = {*fold.keys.key_names(), *fold.keys.reverse_names()}
    assert names == {f"{address_text(a)};{address_text(b)};peer", f"{address_text(b)};{address_text(a)};peer"}


@given(st.lists(SEEN, min_size=1))
def test_a_flow_has_the_name_of_its_key_and_of_its_detail(rows: list[Seen]) -> None:
    """The `detail` hash of a flow has the ends and the port of the flow's key."""
    keys = flow_keys(observed(*rows))

    ends = [f"{address_text(row.client)};{address_text(row.remote)};{row.port}" for row in rows]
    assert keys.key_names() == [f"{each};flow" for each in ends]
    assert keys.detail_names() == [f"detail;{each}" for each in ends]
    assert keys[np.array([0])].key_names() == keys.key_names()[:1]
