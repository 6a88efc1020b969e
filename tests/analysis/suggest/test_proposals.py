"""Suggestions are guessed from packets, and their costs are measured."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from shodohflo.analysis.frame import to_frames
from shodohflo.analysis.suggest.proposals import Suggestion, our_networks, suggest
from shodohflo.analysis.suggest.survey import Survey
from shodohflo.attribution.pipeline import Pipeline
from shodohflo.attribution.policy import Policy
from shodohflo.capture.files.savefile import open_savefile
from shodohflo.keys import counts
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.mapping import FlowMapping
from shodohflo.rules.packet import Packet
from support.rule_sets import our_nets

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "192.168.0.0/16", "fc00::/7")))

WEB = [f"203.0.113.{host}:443 > 10.0.0.{client}:{41000 + host} tcp" for host in range(20) for client in (1, 2)]
NAMES = [f"8.8.8.8:53 > 10.0.0.{client}:{42000 + client} udp" for client in range(20)]
NEIGHBOURS = ["10.0.0.1:5353 > 224.0.0.251:5353 udp", "169.254.0.1:1 > 255.255.255.255:67 udp"]
GRPC = [f"10.0.0.{host}:{40000 + host} > 10.0.0.99:50051 tcp" for host in range(10)]


def surveyed(*texts: str) -> Survey:
    """Return a survey of some packets."""
    survey = Survey()
    survey.ingest(to_frames([Packet.from_text(text) for text in texts]))
    return survey


def suggested(*texts: str, ours: str = "10.0.0.0/8") -> Suggestion:
    """Return the suggestion for packets given as text, with `ours` as our networks."""
    with our_nets(ours):
        return suggest(surveyed(*texts), [ip_network(ours)])


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["10.0.0.1:1 > 10.0.1.1:1 udp", "8.8.8.8:1 > 10.0.0.9:1 udp"], ["10.0.0.0/24", "10.0.1.0/24"]),
        ([f"10.{net}.0.1:1 > 8.8.8.8:1 udp" for net in range(9)], ["10.0.0.0/8"]),
        (["1.1.1.1:1 > 8.8.8.8:1 udp", "2.2.2.2:1 > 8.8.8.8:1 udp"], ["8.8.8.0/24"]),
        (["[2001:db8::1]:1 > [2001:db8::2]:1 udp", "10.0.0.1:1 > 8.8.8.8:1 udp"], ["10.0.0.0/24", "2001:db8::/64"]),
        (["[fe80::1]:5353 > [ff02::fb]:5353 udp", "0.0.0.0:68 > 255.255.255.255:67 udp"], []),
        ([], []),
    ],
    ids=["private", "many", "busiest", "both families", "no one's", "nothing"],
)
def test_our_networks_are_the_private_ones_else_the_busiest(texts: list[str], expected: list[str]) -> None:
    """Each family is guessed separately; many prefixes become one private network."""
    assert [str(network) for network in our_networks(surveyed(*texts), PRIVATE)] == expected


def test_neighbours_and_groups_are_named_where_there_were_any() -> None:
    """Multicast and link-local entries appear only if there are packets of them."""
    with_them = suggested(*WEB, *NEIGHBOURS)
    without = suggested(*WEB)

    assert [entry.name for entry in with_them.trial.entries] == ["multicast", "link_local", "our_nets", "outside"]
    assert [entry.name for entry in without.trial.entries] == ["our_nets", "outside"]


def test_special_networks_that_are_ours_are_not_taken_away_from_us() -> None:
    """A link-local prefix named with --our-nets stays ours."""
    suggestion = suggested("169.254.0.1:1 > 169.254.0.2:80 udp", ours="169.254.0.0/16")

    assert [entry.name for entry in suggestion.trial.entries] == ["our_nets", "outside"]


def test_everything_may_be_ours() -> None:
    """If all addresses of a family are ours, it has no prefix outside."""
    suggestion = suggested(*WEB, ours="0.0.0.0/0")

    assert [str(prefix) for prefix in suggestion.trial.entries[-1].prefixes] == ["::/0"]


def test_few_loud_outsiders_are_named_one_by_one() -> None:
    """A few loud services get a network, so that the drop applies to them only."""
    suggestion = suggested(*WEB, *NAMES)

    assert suggestion.named == ("port_53",)
    assert [str(prefix) for prefix in suggestion.trial.entries[0].prefixes] == ["8.8.8.8/32"]
    (names,) = (proposal for proposal in suggestion.drops if proposal.ports == (53,))
    assert [(rule.src, rule.dst) for rule in names.rules] == [("our_nets", "port_53"), ("port_53", "our_nets")]
    (web,) = (proposal for proposal in suggestion.drops if proposal.ports == (443,))
    assert [(rule.src, rule.dst) for rule in web.rules] == [("our_nets", "outside"), ("outside", "our_nets")]
    assert len(web.cost.hidden) == 20


def test_an_outsider_with_two_parts_is_not_named_for_one() -> None:
    """An address that is an end of two groups gets no network of its own."""
    also_web = [f"8.8.8.8:443 > 10.0.0.{client}:43000 tcp" for client in range(20)]
    also_client = [f"8.8.8.8:43000 > 10.0.0.{server}:80 tcp" for server in range(20)]

    assert suggested(*NAMES, *also_web).named == ()
    assert suggested(*NAMES, *also_client).named == ()


def test_services_on_high_ports_are_found_with_their_cost() -> None:
    """Ten clients of one service replace ten services with one client."""
    suggestion = suggested(*GRPC)

    assert suggestion.high is not None
    assert suggestion.high.ports == (50051,)
    assert (suggestion.high.cost.services_before, suggestion.high.cost.services_after) == (10, 1)


def test_high_ports_that_change_nothing_are_not_suggested() -> None:
    """Nothing is proposed if the lower port is the service's."""
    assert suggested(*WEB, *NAMES).high is None


def test_the_busiest_prefixes_outside_are_reported() -> None:
    """The busiest prefixes outside come with their share of the packets."""
    suggestion = suggested(*WEB, *NAMES)

    assert [(str(prefix), round(share, 2)) for prefix, share in suggestion.busiest] == [
        ("203.0.113.0/24", 0.67),
        ("8.8.8.0/24", 0.33),
    ]


def test_quiet_services_and_single_conversations_are_no_suggestion() -> None:
    """No drop is proposed below the share of `LOUD`."""
    quiet = ["10.0.0.1:40000 > 9.9.9.9:70 tcp", "10.0.0.1:60001 > 10.0.0.2:60000 udp"]

    ports = [proposal.ports for proposal in suggested(*WEB, *NAMES, *quiet).drops]

    assert (70,) not in ports
    assert (60000,) not in ports


def test_no_rule_names_port_0() -> None:
    """Packets may have it, which is as loud as any other port here, but a configuration may not."""
    suggestion = suggested(*(f"10.0.0.{host}:40000 > 8.8.8.8:0 udp" for host in range(1, 9)))

    assert suggestion.drops == ()


def test_every_cost_is_what_a_pipeline_measures(shipped_captures: Path) -> None:
    """On real captures, each cost equals what a pipeline with the proposed rules records."""
    seen = 0
    for name in ("brimcap-alerts.pcap", "zeek-smb_v2_only_non_zero_reserved1.pcap", "zeek-ftp-ipv6.pcap"):
        path = str(shipped_captures / name)
        survey = Survey()
        with open_savefile(path) as savefile:
            for frames in savefile:
                survey.ingest(frames)
        ours = our_networks(survey, PRIVATE)
        with our_nets(*map(str, ours)):
            suggestion = suggest(survey, ours)
            trial = suggestion.trial
            for proposal in suggestion.drops:
                rules = [(rule.src, rule.dst, rule.action) for rule in (*proposal.rules, *trial.rules)]
                pipeline = Pipeline(CompiledRules(trial.enumeration, FlowMapping(*rules)), Policy(ours))
                with open_savefile(path) as savefile:
                    for frames in savefile:
                        pipeline.ingest(frames)

                assert len(counts(pipeline.take())) == proposal.cost.keys_after
                assert proposal.cost.keys_before == suggestion.keys
                seen += 1
    assert seen > 5
