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
    """Return the name, the prefix and the covering network of each swallowed prefix, as text."""
    networks = [ip_network(text) for text in derived]
    return [(s.name, str(s.prefix), str(s.by)) for s in swallowed(enumeration, networks)]


def test_the_notes_configuration_on_bert_itself_is_a_trap() -> None:
    """On bert, the derived subnet in the first entry swallows the entries bert and ernie."""
    assert found(BERT_IS_AFTER, "192.168.0.0/16", "10.0.0.0/24") == [
        ("bert", "10.0.0.1/32", "10.0.0.0/24"),
        ("ernie", "10.0.0.2/32", "10.0.0.0/24"),
    ]


def test_networks_elsewhere_are_no_trap() -> None:
    """Derived networks that hold neither bert nor ernie swallow nothing."""
    assert found(BERT_IS_AFTER, "192.168.0.0/16", "fd00::/8") == []


def test_a_host_that_stands_first_is_safe() -> None:
    """A host in an entry before our networks is not swallowed."""
    safe = NetworkEnumeration(("bert", "10.0.0.1/32"), ("our_nets", OUR_4NETS), ("all", "0.0.0.0/0"))

    assert found(safe, "10.0.0.0/8") == []


def test_only_the_family_that_is_bound_swallows() -> None:
    """An entry with OUR_6NETS swallows IPv6 prefixes only."""
    both = NetworkEnumeration(("our_nets", OUR_6NETS), ("bert", "10.0.0.1/32", "2001:db8::1/128"))

    assert found(both, "10.0.0.0/8", "2001:db8::/32") == [("bert", "2001:db8::1/128", "2001:db8::/32")]


def test_a_part_that_is_covered_partly_is_not_swallowed() -> None:
    """A prefix is swallowed only if a derived network covers all of it."""
    wide = NetworkEnumeration(("our_nets", OUR_4NETS), ("wide", "10.0.0.0/8"))

    assert found(wide, "10.1.0.0/16") == []
    assert found(wide, "10.0.0.0/8") == [("wide", "10.0.0.0/8", "10.0.0.0/8")]


def test_the_defaults_are_no_trap() -> None:
    """Derived networks never cover the prefixes of length 0 in the default enumeration."""
    assert found(default_enumeration(), "10.0.0.0/8", "2001:db8::/32") == []


def test_the_refusal_names_both_and_the_way_out() -> None:
    """The error names the derived network, the first swallowed prefix and `--our-nets`, and has exit status 2."""
    with pytest.raises(ConfigurationError) as caught:
        refuse_swallowed(BERT_IS_AFTER, [ip_network("10.0.0.0/24")])

    said = str(caught.value)
    assert "10.0.0.0/24" in said
    assert "10.0.0.1/32 of NETWORK_ENUMERATION[1] 'bert' (and 1 more)" in said
    assert "--our-nets" in said
    assert caught.value.exit_code == 2
