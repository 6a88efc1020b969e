"""Key names are written, parsed and matched by one grammar."""

from __future__ import annotations

from fnmatch import fnmatchcase
from ipaddress import IPv4Address, ip_address
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shodohflo.keys.grammar import (
    FORMS,
    _any_address,
    detail_key,
    detail_name,
    from_key,
    key_pattern,
    key_template,
    parse_address,
    to_key,
)
from shodohflo.model import Address, ClientKey, FlowKey, Key, PeerKey, ResetKey, UnreachableKey
from support.observing import ADDRESSES, KEYS

LONGEST = IPv4Address("255.255.255.255")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (FlowKey(ip_address("10.0.0.1"), ip_address("8.8.8.8"), 53), "10.0.0.1;8.8.8.8;53;flow"),
        (ResetKey(ip_address("10.0.0.1"), ip_address("8.8.8.8"), 4711, 53), "10.0.0.1;8.8.8.8;4711:53;rst"),
        (UnreachableKey(ip_address("10.0.0.1"), ip_address("8.8.8.8"), 4711, 53, 3), "10.0.0.1;8.8.8.8;4711:53;3;icmp"),
        (PeerKey(ip_address("2001:db8::1"), ip_address("::1")), "2001:db8::1;::1;peer"),
        (ClientKey(ip_address("::ffff:1.2.3.4")), "client;::ffff:1.2.3.4"),
    ],
)
def test_each_kind_is_spelled_as_other_programs_read_it(key: Key, text: str) -> None:
    """The five forms are pinned letter by letter, because other programs parse them."""
    assert to_key(key) == text
    assert from_key(text) == key


def test_every_kind_of_key_has_a_form() -> None:
    """Each kind of key has a row in `FORMS`, without which it could not be written."""
    assert set(FORMS) == set(get_args(Key))


@given(KEYS)
def test_parsing_a_name_returns_the_key_that_was_written(key: Key) -> None:
    """`from_key` is the inverse of `to_key` for every key."""
    assert from_key(to_key(key)) == key


@given(KEYS, st.data())
def test_a_damaged_name_is_parsed_only_as_the_key_that_it_spells(key: Key, data: st.DataObject) -> None:
    """A truncated or corrupted name is no key, or another key in its canonical spelling."""
    text = to_key(key)
    place = data.draw(st.integers(0, len(text)))
    damaged = text[:place] + data.draw(st.sampled_from(["", ";", "0", " ", "x", "\n", "\u0663"]))

    for candidate in (damaged, damaged + text[place:]):
        found = from_key(candidate)
        assert found is None or to_key(found) == candidate


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "client",
        "client;",
        "client;somebody",
        "client;10.0.0.1;",
        "client;10.0.0.1;peer",
        "client;10.0.0.1\n",
        "CLIENT;10.0.0.1",
        "10.0.0.1;8.8.8.8;53;FLOW",
        "10.0.0.1;8.8.8.8;053;flow",
        "10.0.0.1;8.8.8.8;+53;flow",
        "10.0.0.1;8.8.8.8;5_3;flow",
        "10.0.0.1;8.8.8.8; 53;flow",
        "10.0.0.1;8.8.8.8;65536;flow",
        "10.0.0.1;8.8.8.8;-1;flow",
        "10.0.0.1;8.8.8.8;\u0665\u0663;flow",
        "10.0.0.1;8.8.8.8;1:2:3;rst",
        "10.0.0.1;8.8.8.8;12;rst",
        "10.0.0.1;8.8.8.8;1:2;256;icmp",
        "010.0.0.1;8.8.8.8;peer",
        "2001:DB8::1;::1;peer",
        "2001:db8:0::1;::1;peer",
        "fe80::1%eth0;::1;peer",
        "::ffff:102:304;::1;peer",
        "detail;10.0.0.1;8.8.8.8;53",
        "agent;bert",
        "writer;0123456789abcdef",
    ],
)
def test_a_name_in_another_spelling_is_no_key_of_ours(text: str) -> None:
    """`from_key` returns `None` for a name that is not a key of ours, and raises nothing."""
    assert from_key(text) is None


@pytest.mark.parametrize(
    "key",
    [
        FlowKey(LONGEST, LONGEST, 65535),
        PeerKey(LONGEST, LONGEST),
        ResetKey(LONGEST, LONGEST, 65535, 65535),
        UnreachableKey(LONGEST, LONGEST, 65535, 65535, 255),
        ClientKey(LONGEST),
    ],
)
def test_every_ipv4_key_fits_a_dns_label(key: Key) -> None:
    """An IPv4 key fits into a DNS label of 63 bytes (RFC 1035 section 2.3.4), as RKVDNS needs."""
    assert len(to_key(key).encode()) <= 63


@given(KEYS)
def test_an_unrestricted_pattern_matches_every_key_of_its_kind(key: Key) -> None:
    """A pattern without named fields matches every key of its kind."""
    assert fnmatchcase(to_key(key), key_pattern(type(key), {}))


def test_a_pattern_holds_the_fields_that_are_named() -> None:
    """A pattern has the named fields and ignores those that the kind does not have."""
    assert key_pattern(FlowKey, {"client": "10.*", "port": "53", "remote": "::1"}) == "10.*;*;53;flow"


def test_a_template_formats_addresses_as_text_and_numbers_as_integers() -> None:
    """A template has `%s` for each address and `%d` for each number."""
    assert key_template(UnreachableKey) == "%s;%s;%d:%d;%d;icmp"
    assert key_template(ClientKey) == "client;%s"


@given(ADDRESSES.map(str) | st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,4}){2,4}", fullmatch=True) | st.text())
def test_the_fast_parser_of_addresses_agrees_with_the_plain_one(text: str) -> None:
    """Both take the same texts for the same addresses, and refuse all others."""
    results: list[Address | None] = []
    for parse in (parse_address, _any_address):
        try:
            results.append(parse(text))
        except ValueError:
            results.append(None)

    assert results[0] == results[1]


@given(st.builds(FlowKey, ADDRESSES, ADDRESSES, st.integers(0, 65535)))
def test_the_name_of_a_detail_follows_from_that_of_its_flow(key: FlowKey) -> None:
    """Both ways to the name of a `detail` hash lead to the same one."""
    assert detail_name(to_key(key)) == detail_key(key)


def test_the_detail_of_a_flow_has_its_own_prefix() -> None:
    """The name of a `detail` hash has the same fields as the flow key, without the word `flow`."""
    assert detail_key(FlowKey(ip_address("10.0.0.1"), ip_address("8.8.8.8"), 53)) == "detail;10.0.0.1;8.8.8.8;53"
