"""Networks derived from the machine's addresses must not swallow a host that the configuration names."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from shodohflo.config.derived import refuse_swallowed, swallowed
from shodohflo.errors import ConfigurationError
from shodohflo.pcap_config import OUR_4NETS, OUR_6NETS, NetworkEnumeration
from shodohflo.rules.defaults import default_enumeration

BERT_IS_AFTER = NetworkEnumeration(
    ("our_nets", OUR_4NETS), ("bert", "10.0.0.1/32"), ("ernie", "10.0.0.2/32"), ("external", "0.0.0.0/0")
)


def found(enumeration: NetworkEnumeration, *derived: str) -> list[tuple[str, str, str]]:
    """Return name, prefix and what swallows it, as text."""
    networks = [ip_network(text) for text in derived]
    return [(s.name, str(s.prefix), str(s.by)) for s in swallowed(enumeration, networks)]


def test_the_notes_configuration_on_bert_itself_is_a_trap() -> None:
    """Bert's own subnet holds bert and ernie, and comes first."""
    assert found(BERT_IS_AFTER, "192.168.0.0/16", "10.0.0.0/24") == [
        ("bert", "10.0.0.1/32", "10.0.0.0/24"),
        ("ernie", "10.0.0.2/32", "10.0.0.0/24"),
    ]


def test_networks_elsewhere_are_no_trap() -> None:
    """As the notes mean it: our networks are internal, bert and ernie are not."""
    assert found(BERT_IS_AFTER, "192.168.0.0/16", "fd00::/8") == []


def test_a_host_that_stands_first_is_safe() -> None:
    """Order is the way out of the trap."""
    safe = NetworkEnumeration(("bert", "10.0.0.1/32"), ("our_nets", OUR_4NETS), ("all", "0.0.0.0/0"))

    assert found(safe, "10.0.0.0/8") == []


def test_only_the_family_that_is_bound_swallows() -> None:
    """OUR_6NETS says nothing about IPv4."""
    both = NetworkEnumeration(("our_nets", OUR_6NETS), ("bert", "10.0.0.1/32", "2001:db8::1/128"))

    assert found(both, "10.0.0.0/8", "2001:db8::/32") == [("bert", "2001:db8::1/128", "2001:db8::/32")]


def test_a_part_that_is_covered_partly_is_not_swallowed() -> None:
    """Addresses outside our networks still belong to the later entry."""
    wide = NetworkEnumeration(("our_nets", OUR_4NETS), ("wide", "10.0.0.0/8"))

    assert found(wide, "10.1.0.0/16") == []
    assert found(wide, "10.0.0.0/8") == [("wide", "10.0.0.0/8", "10.0.0.0/8")]


def test_the_defaults_are_no_trap() -> None:
    """Nothing is covered by less than everything."""
    assert found(default_enumeration(), "10.0.0.0/8", "2001:db8::/32") == []


def test_the_refusal_names_both_and_the_way_out() -> None:
    """One line, status 2."""
    with pytest.raises(ConfigurationError) as caught:
        refuse_swallowed(BERT_IS_AFTER, [ip_network("10.0.0.0/24")])

    said = str(caught.value)
    assert "10.0.0.0/24" in said
    assert "10.0.0.1/32 of NETWORK_ENUMERATION[1] 'bert' (and 1 more)" in said
    assert "--our-nets" in said
    assert caught.value.exit_code == 2
