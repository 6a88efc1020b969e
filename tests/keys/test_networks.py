"""The named networks in an agent's hash: what is written is read, and what anybody else writes does no harm."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys.networks import LONGEST_NAME, MOST_PREFIXES, PublishedNetwork, from_fields, to_fields

NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=LONGEST_NAME)
PREFIXES = st.ip_addresses().map(ip_network)
ENTRIES = st.lists(st.builds(PublishedNetwork, NAMES, st.lists(PREFIXES, max_size=4).map(tuple)), max_size=8)


@given(ENTRIES)
def test_what_is_written_is_read(entries: list[PublishedNetwork]) -> None:
    """Networks are read in their order as they were written."""
    assert list(from_fields(to_fields(entries))) == entries


def test_the_fields_are_as_documented() -> None:
    """Each entry is a field with its number: the prefixes, a blank and the name, which may have blanks itself."""
    written = to_fields(
        [
            PublishedNetwork("the hosts", (ip_network("10.0.0.1/32"), ip_network("2001:db8::/32"))),
            PublishedNetwork("nothing", ()),
        ]
    )

    assert written == {"networks.0": "10.0.0.1/32,2001:db8::/32 the hosts", "networks.1": " nothing"}


def test_only_the_first_prefixes_are_published_and_whole_entries_only() -> None:
    """An entry that would exceed the bound ends the list, so that the order of what is published stays exact."""
    small = PublishedNetwork("small", (ip_network("10.0.0.1/32"),))
    large = PublishedNetwork("large", tuple(ip_network((number, 32)) for number in range(MOST_PREFIXES)))

    assert from_fields(to_fields([small, large, small])) == (small,)
    assert from_fields(to_fields([large, small])) == (large,)
    assert len(to_fields([small] * 1000)) == MOST_PREFIXES


@pytest.mark.parametrize("name", ["x" * (LONGEST_NAME + 1), "a\x1b]0;b", "a\nb"])
def test_a_name_that_cannot_be_shown_keeps_its_place_without_the_name(name: str) -> None:
    """The entry is published, since it still takes its addresses from later ones."""
    entry = PublishedNetwork(name, (ip_network("10.0.0.0/8"),))

    assert from_fields(to_fields([entry])) == (PublishedNetwork("", entry.prefixes),)


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "10.0.0.0/8",
        "10.0.0.1/8 host bits",
        "ten dogs",
        "10.0.0.0/8, a",
        "10.0.0.0/8 a\x07",
        "1.2.3.4," * 9999 + " a",
    ],
)
def test_what_is_damaged_ends_the_list(damaged: str) -> None:
    """Entries before a damaged one are used, later ones are not, because their order would be another."""
    fields = {"networks.0": "10.0.0.0/8 ten", "networks.1": damaged, "networks.2": "0.0.0.0/0 all"}

    assert [entry.name for entry in from_fields(fields)] == ["ten"]
