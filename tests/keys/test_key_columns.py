"""Keys as columns, held to the plain form."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys import counts
from shodohflo.keys.key_columns import FlowKeys, PairKeys, folded
from support.observing import SEEN, Seen, flow, observed


@given(st.lists(SEEN, max_size=12))
def test_names_and_sums_are_those_of_the_plain_form(seen: list[Seen]) -> None:
    """Whatever the rows, their keys are named and counted as `counts` does it; a pair is one row for two keys."""
    summed: Counter[str] = Counter()
    for fold in folded(observed(*seen)).values():
        packets = fold.packets.tolist()
        names = fold.keys.key_names()  # type: ignore[attr-defined] # every table of keys has it
        assert len(set(names)) == len(names)
        summed.update(dict(zip(names, packets, strict=True)))
        if isinstance(fold.keys, PairKeys):
            reverse = zip(fold.keys.reverse_names(), packets, fold.keys.is_single().tolist(), strict=True)
            summed.update({name: count for name, count, is_single in reverse if not is_single})

    assert summed == counts(observed(*seen))


def test_a_flow_has_the_name_of_its_detail() -> None:
    """The hash is named after the flow."""
    rows = observed(flow("10.0.0.1", "8.8.8.8", 53))

    assert FlowKeys(rows.client, rows.remote, rows.port).detail_names() == ["detail;10.0.0.1;8.8.8.8;53"]
