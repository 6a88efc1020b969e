"""A configuration is one value with everything that decides about packets, independent of process-wide state."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import pytest

from shodohflo.attribution.policy import Connection, IgnoredFlow, Policy
from shodohflo.config import Configuration, load
from shodohflo.pcap_config import (
    OUR_4NETS,
    OUR_6NETS,
    SRC,
    FlowMapping,
    LowerPort,
    MappingAction,
    NetworkEnumeration,
    update_our_nets,
)
from support.rule_sets import batch_of, our_nets, packet

if TYPE_CHECKING:
    from collections.abc import Callable

    from shodohflo.model import Address, Network
    from shodohflo.rules.actions import Opinion
    from shodohflo.rules.compiler import CompiledRules

TEN, TWENTY = ip_network("10.0.0.0/8"), ip_network("20.0.0.0/8")
LOOPBACK, LOCAL = ip_network("127.0.0.0/24"), ip_network("fc00::/7")
"""The defaults of OUR_4NETS and OUR_6NETS."""


class Failing(MappingAction):
    """A custom action with an error."""

    def match(self, *_: Address | int) -> Opinion:
        """Raise an exception."""
        raise ZeroDivisionError("division by zero")


def for_networks(*networks: str) -> Configuration:
    """Return the default settings with `networks` as ours."""
    return Configuration(load(None, {}), tuple(map(ip_network, networks)))


def judged(rules: CompiledRules) -> tuple[int, int]:
    """Return the ids of the networks that 10.0.0.1 and 20.0.0.1 are in."""
    verdicts = rules.judge(batch_of(4, [packet("10.0.0.1:1 > 20.0.0.1:2")]))
    return int(verdicts.src_network[0]), int(verdicts.dst_network[0])


def test_two_configurations_with_other_networks_coexist() -> None:
    """Each configuration gives its own answers, whichever was made, compiled or asked last."""
    ten, twenty = for_networks(str(TEN)), for_networks(str(TWENTY))
    rules_of_ten = ten.rules()

    answers = [judged(twenty.rules()), judged(rules_of_ten), judged(ten.rules())]

    assert answers == [(2, 1), (1, 2), (1, 2)]
    assert ten.networks.network(ip_address("10.0.0.1")) == 1
    assert twenty.networks.network(ip_address("10.0.0.1")) == 2
    client, service = ip_address("10.0.0.1"), ip_address("30.0.0.1")
    assert ten.mapping.match(client, 40000, service, 22) == (client, service, 22)
    assert twenty.mapping.match(client, 40000, service, 22) is None


def test_networks_named_at_a_prompt_do_not_change_a_configuration() -> None:
    """`update_our_nets` changes neither a configuration nor the rules compiled from it."""
    configuration = for_networks(str(TEN))
    with our_nets(str(TWENTY), "2001:db8::/32"):
        inside, rules = configuration.networks, configuration.rules()

        assert inside.network(ip_address("10.0.0.1")) == 1
        assert inside.network(ip_address("20.0.0.1")) == 2
        assert inside.network(ip_address("2001:db8::1")) == 2
        assert judged(rules) == (1, 2)
        assert configuration.settings.enumeration.network(ip_address("20.0.0.1")) == 1


def test_loading_and_binding_leave_the_prompt_as_it_was() -> None:
    """Loading, compiling and checking a configuration do not change OUR_4NETS and OUR_6NETS."""
    program = """
from ipaddress import ip_network
from shodohflo.analysis.check.proof import check
from shodohflo.attribution.pipeline import Pipeline
from shodohflo.config import Configuration, load
from shodohflo.pcap_config import OUR_4NETS, OUR_6NETS
configuration = Configuration(load(None, {}), (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))
Pipeline(configuration.rules(), configuration.policy())
check(configuration)
print(*OUR_4NETS.prefixes, *OUR_6NETS.prefixes)
"""

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert printed.split() == ["127.0.0.0/24", "fc00::/7"]


@pytest.mark.parametrize(
    ("ours", "address", "network"),
    [
        (("10.0.0.0/8",), "10.0.0.1", "our_nets"),
        (("10.0.0.0/8",), "fd00::1", "our_nets"),
        (("10.0.0.0/8", "2001:db8::/32"), "fd00::1", "all"),
        (("2001:db8::/32",), "127.0.0.1", "our_nets"),
        ((), "10.0.0.1", "all"),
    ],
)
def test_a_family_without_a_network_of_ours_has_its_default(ours: tuple[str, ...], address: str, network: str) -> None:
    """OUR_4NETS stands for 127.0.0.0/24 and OUR_6NETS for fc00::/7 if none of our networks is of that family."""
    configuration = for_networks(*ours)

    assert configuration.networks.network(ip_address(address)) == configuration.networks.network_id[network]


@pytest.mark.parametrize(
    ("entries", "named", "ours"),
    [
        ((OUR_4NETS, OUR_6NETS), (TEN,), (TEN, LOCAL)),
        ((OUR_4NETS, OUR_6NETS), (LOCAL,), (LOCAL, LOOPBACK)),
        ((OUR_4NETS, OUR_6NETS), (TEN, TWENTY), (TEN, TWENTY, LOCAL)),
        ((OUR_4NETS, OUR_6NETS), (), (LOOPBACK, LOCAL)),
        ((OUR_6NETS, OUR_4NETS, OUR_6NETS), (), (LOCAL, LOOPBACK)),
        ((OUR_4NETS,), (TEN,), (TEN,)),
        ((OUR_4NETS,), (LOCAL,), (LOCAL, LOOPBACK)),
        ((), (TEN,), (TEN,)),
    ],
)
def test_what_is_ours_for_rules_is_ours_for_everything_else(
    entries: tuple[object, ...], named: tuple[Network, ...], ours: tuple[Network, ...]
) -> None:
    """A default of OUR_4NETS or OUR_6NETS is in the policy exactly if the networks of the configuration use it."""
    enumeration = NetworkEnumeration(("ours", *entries), ("all", "0.0.0.0/0", "::/0"))
    configuration = Configuration(replace(load(None, {}), enumeration=enumeration), named)

    assert configuration.our_nets == configuration.policy().our_nets == ours
    for network in ours if len(entries) > 1 else ():
        assert configuration.networks.network(network[1]) == 1
        assert configuration.policy().our_network(network[1]) == network


@pytest.mark.parametrize(
    ("named", "text"),
    [
        ((TEN, TWENTY), "10.0.0.0/8, 20.0.0.0/8, and by default fc00::/7 (OUR_6NETS)"),
        ((TEN, LOCAL), "10.0.0.0/8, fc00::/7"),
        ((), "by default 127.0.0.0/24 (OUR_4NETS), fc00::/7 (OUR_6NETS)"),
    ],
)
def test_our_networks_in_words(named: tuple[Network, ...], text: str) -> None:
    """Messages name all of our networks, and say which of them nobody named."""
    assert Configuration(load(None, {}), named).our_nets_text == text


def test_entries_stay_as_they_were_written() -> None:
    """An entry of a bound enumeration still has the placeholder, for messages and `rules`, beside its prefixes."""
    (entry, _) = for_networks(str(TEN)).networks.entries

    assert entry.given == (OUR_4NETS, OUR_6NETS)
    assert entry.prefixes == (TEN, ip_network("fc00::/7"))


@pytest.mark.parametrize("made", [lambda one: one.rules().mapping, lambda one: one.mapping])
def test_counters_of_failures_belong_to_one_use(made: Callable[[Configuration], FlowMapping]) -> None:
    """Compiled rules start with empty failure counters, and the mapping of the settings counts no failures."""
    enumeration = NetworkEnumeration(("all", "0.0.0.0/0"))
    settings = replace(load(None, {}), enumeration=enumeration, mapping=FlowMapping((None, None, Failing())))
    configuration = Configuration(settings, ())
    first = made(configuration)

    first.match(ip_address("10.0.0.1"), 1, ip_address("10.0.0.2"), 2)

    assert first.failures == {0: 1}
    assert configuration.rules().mapping.failures == {}
    assert configuration.settings.mapping.failures == {}
    assert configuration.settings.mapping.last_failure == {}


def test_a_subclass_of_the_enumeration_stays_one() -> None:
    """Binding returns a copy of the same class with the same attributes, and leaves the original unbound."""

    class Named(NetworkEnumeration):
        """An enumeration with an attribute of its own."""

        note = "mine"

    enumeration = Named(("ours", OUR_4NETS))
    bound = enumeration.bound([TEN])

    assert isinstance(bound, Named)
    assert bound.note == "mine"
    assert enumeration.entries[0].our_nets is None


def test_the_policy_has_everything_else_that_decides() -> None:
    """The policy has our networks, the switches of the settings, and the agent's own connections."""
    own = Connection(ip_address("10.0.0.1"), 40000, ip_address("10.0.0.2"), 6379)
    ignored = (IgnoredFlow(ip_network("192.0.2.1/32"), 53),)
    settings = replace(load(None, {}), suppress_own_network=True, ignore_flow=ignored, tunnels=frozenset({"teredo"}))

    assert Configuration(settings, (TEN,)).policy(frozenset({own})) == Policy(
        our_nets=(TEN, LOCAL),
        suppress_own_network=True,
        ignored=ignored,
        own_connections=frozenset({own}),
        tunnels=frozenset({"teredo"}),
    )


def test_an_enumeration_that_is_not_bound_follows_the_prompt() -> None:
    """At a prompt, `update_our_nets`, `number_networks` and `match` work on an unbound enumeration."""
    enumeration = NetworkEnumeration(("ours", OUR_4NETS), ("all", "0.0.0.0/0"))
    mapping = FlowMapping((None, "ours", LowerPort(SRC)))
    with our_nets("127.0.0.0/24"):
        update_our_nets("192.168.0.0/16")

        ours, other = ip_address("192.168.0.1"), ip_address("192.0.2.1")
        assert mapping.number_networks(enumeration).match(other, 40000, ours, 22) == (other, ours, 22)
