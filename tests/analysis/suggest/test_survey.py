"""A survey keeps conversations, and a trial on them records what the pipeline records."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from shodohflo.analysis.frame import to_frames
from shodohflo.analysis.suggest.survey import Survey, Trial, holds
from shodohflo.attribution.pipeline import Pipeline
from shodohflo.attribution.policy import Policy
from shodohflo.capture.files.savefile import open_savefile
from shodohflo.keys import counts
from shodohflo.pcap_config import LowerPort
from shodohflo.rules.compiler import CompiledRules
from shodohflo.rules.mapping import Rule
from shodohflo.rules.networks import Entry
from shodohflo.rules.packet import Packet
from support.made_packets import FAMILIES, packets
from support.rule_sets import rule_sets

if TYPE_CHECKING:
    from pathlib import Path

OURS = (ip_network("10.0.0.0/8"), ip_network("192.168.0.0/16"))
EVERYTHING = Trial((Entry.parse(("all", "0.0.0.0/0", "::/0")),), (Rule(None, None, LowerPort()),), OURS)


def surveyed(*texts: str) -> Survey:
    """Return a survey of some packets."""
    survey = Survey()
    survey.ingest(to_frames([Packet.from_text(text) for text in texts]))
    return survey


@given(st.data())
def test_a_trial_is_what_the_pipeline_would_record(data: st.DataObject) -> None:
    """For any rules and packets, including resets and unreachables, a trial equals the pipeline."""
    rule_set = data.draw(rule_sets())
    addresses = st.sampled_from(rule_set.addresses(data.draw(st.sampled_from(FAMILIES))))
    frames = to_frames(data.draw(st.lists(packets(addresses), max_size=30)))
    enumeration, mapping = rule_set.enumeration(), rule_set.mapping()
    pipeline, survey = Pipeline(CompiledRules(enumeration, mapping), Policy(OURS)), Survey()

    pipeline.ingest(frames)
    for half in (frames[: len(frames) // 2], frames[len(frames) // 2 :]):
        survey.ingest(half)

    assert counts(survey.attempt(Trial(enumeration.entries, mapping.rules, OURS))) == counts(pipeline.take())
    assert survey.received == len(frames)


def test_every_capture_is_surveyed_as_it_is_replayed(shipped_captures: Path) -> None:
    """A trial over each shipped capture records what replaying it records."""
    for name in ("zeek-mixed-vlan-mpls.pcap", "brimcap-alerts.pcap", "pcapplusplus-IcmpPackets.pcap"):
        pipeline = Pipeline(CompiledRules(EVERYTHING.enumeration, EVERYTHING.mapping), Policy(OURS))
        survey = Survey()
        with open_savefile(str(shipped_captures / name)) as savefile:
            for frames in savefile:
                pipeline.ingest(frames)
                survey.ingest(frames)

        assert counts(survey.attempt(EVERYTHING)) == counts(pipeline.take())


def test_a_survey_keeps_each_conversation_once() -> None:
    """Repeated packets of one conversation are one row."""
    survey = surveyed(*["10.0.0.1:1 > 10.0.0.2:2 udp"] * 50, "10.0.0.2:2 > 10.0.0.1:1 udp")

    (batch,) = survey.packets.batches
    assert sorted(batch.packets.tolist()) == [1, 50]


def test_prefixes_are_counted_by_their_packets() -> None:
    """A packet counts for both of its ends, even if they are in the same prefix."""
    survey = surveyed(
        *["10.0.0.1:1 > 10.0.1.255:2 udp"] * 3,
        "10.0.0.1:1 > 10.0.0.2:2 tcp",
        "[2001:db8:0:1::1]:1 > [2001:db8:0:1:8000::]:2 udp",
        "[ffff::]:1 > [::1]:2 udp",
        *["10.0.2.1:1 > 10.0.3.1:2 icmp unreachable"] * 2,
    )

    assert {str(prefix): packets for prefix, packets in survey.prefixes().items()} == {
        "10.0.0.0/24": 5,
        "10.0.1.0/24": 3,
        "10.0.2.0/24": 2,
        "10.0.3.0/24": 2,
        "2001:db8:0:1::/64": 2,
        "ffff::/64": 1,
        "::/64": 1,
    }


def test_nothing_can_be_surveyed_too() -> None:
    """An empty capture has no prefixes and no keys."""
    survey = surveyed()

    assert not survey.prefixes()
    assert counts(survey.attempt(EVERYTHING)) == {}


def test_a_network_is_held_by_one_that_is_as_large() -> None:
    """A network is contained by an equal or larger one of its family."""
    assert holds(OURS, ip_network("10.1.0.0/16"))
    assert holds(OURS, ip_network("10.0.0.0/8"))
    assert not holds(OURS, ip_network("8.0.0.0/5"))
    assert not holds(OURS, ip_network("::a00:0/104"))
