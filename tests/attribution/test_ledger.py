"""The ledger: tallies add up, copies stay as they are, and the words are unique."""

from __future__ import annotations

from collections import Counter

from shodohflo.attribution.ledger import DROPPED, Ledger, Outcome, Tally, dropping_rule
from shodohflo.columns.frames import ETHERTYPE
from shodohflo.wire.layers import IPV4_PAYLOAD, IPV6_PAYLOAD, PPP_PAYLOAD

FLOWS = Tally({Outcome.FLOW: 3, Outcome.NO_RULE: 2}, {(1, 2): 2})


def test_tallies_are_added_to_the_outcomes() -> None:
    """Counts of the same outcome are summed, also where one tally has it and the other does not."""
    ledger = Ledger(received=9)

    ledger.add(FLOWS)
    ledger.add(Tally({Outcome.NO_RULE: 1, Outcome.HANDSHAKE: 3}, {(1, 2): 1}))

    assert ledger.outcomes == {Outcome.FLOW: 3, Outcome.NO_RULE: 3, Outcome.HANDSHAKE: 3}
    assert ledger.unmatched == {(1, 2): 3}
    assert ledger.inside == {}
    assert ledger.outcomes.total() == ledger.received


def test_packets_inside_tunnels_are_counted_beside_the_received_ones() -> None:
    """Inner packets change neither `outcomes` nor `received`; unmatched ones are counted with all others."""
    ledger = Ledger()

    ledger.add_inside(FLOWS)

    assert ledger.inside == {Outcome.FLOW: 3, Outcome.NO_RULE: 2}
    assert ledger.unmatched == {(1, 2): 2}
    assert (ledger.outcomes, ledger.received) == ({}, 0)


def test_a_copy_does_not_change_with_the_original() -> None:
    """A copy shares none of the counters with the original."""
    ledger = Ledger(received=5, kernel_dropped=1, opened=Counter(gre=1), unread=Counter({7: 1}))
    ledger.add(FLOWS)
    copy = ledger.copy()

    ledger.add(FLOWS)
    ledger.add_inside(FLOWS)
    ledger.opened["gre"] += 1
    ledger.unread[7] += 1

    assert copy == Ledger(
        5, 1, Counter(FLOWS.outcomes), Counter(gre=1), Counter(), Counter(FLOWS.unmatched), Counter({7: 1})
    )


def test_the_json_form_is_sorted_and_leaves_out_zeros_and_missing_tunnels() -> None:
    """The JSON form is sorted, without zeros, and has `opened` and `inside` only if there was a tunnel."""
    ledger = Ledger(received=2, kernel_dropped=7)
    ledger.add(Tally({DROPPED.format(1): 1, Outcome.HANDSHAKE: 0, Outcome.FLOW: 1}, {}))

    assert list(ledger.as_dict()) == ["received", "kernel_dropped", "outcomes"]
    assert ledger.as_dict()["outcomes"] == {"dropped.FLOW_MAPPING[1]": 1, "recorded.flow": 1}

    ledger.opened["vxlan"] += 1
    ledger.add_inside(Tally({Outcome.FLOW: 1}, {}))

    assert ledger.as_dict()["opened"] == {"vxlan": 1}
    assert ledger.as_dict()["inside"] == {"recorded.flow": 1}


def test_what_was_refused_is_told_by_reason() -> None:
    """Layers that are not read become numbers and names, the same protocol behind both IP versions only once."""
    ledger = Ledger(received=7)
    ledger.add(Tally({}, {}, {ETHERTYPE + 0x0806: 3, IPV4_PAYLOAD + 132: 1, IPV6_PAYLOAD + 132: 1}))
    ledger.add(Tally({}, {}, {ETHERTYPE + 0x0806: 1, PPP_PAYLOAD + 0xC021: 1}))

    assert ledger.refused_kinds() == {"not_ip": {"0x0806 ARP": 4, "PPP 0xc021 LCP": 1}, "protocol": {"132 SCTP": 2}}
    assert ledger.as_dict()["not_ip"] == {"0x0806 ARP": 4, "PPP 0xc021 LCP": 1}
    assert ledger.as_dict()["protocol"] == {"132 SCTP": 2}


def test_what_was_refused_inside_tunnels_is_not_told() -> None:
    """The names are those of the received packets, so that they sum to their outcome at most."""
    ledger = Ledger()

    ledger.add_inside(Tally({}, {}, {ETHERTYPE + 0x0806: 3}))

    assert ledger.refused_kinds() == {}


def test_every_outcome_is_explained_in_words_of_its_own() -> None:
    """Each outcome has an explanation of its own, which the reference page prints."""
    assert len({outcome.explanation for outcome in Outcome}) == len(Outcome)


def test_the_rule_that_dropped_packets_is_read_from_their_outcome() -> None:
    """Only outcomes of drops have a rule, and only if its place is well-formed."""
    assert [dropping_rule(DROPPED.format(number)) for number in (0, 12)] == [0, 12]
    assert [dropping_rule(outcome) for outcome in ("handshake", "dropped.", "dropped.x", "FLOW_MAPPING[1]")] == [
        None
    ] * 4


def test_excluded_packets_are_received_and_have_an_outcome() -> None:
    """What a replay leaves out by a filter is in the sum."""
    ledger = Ledger()
    ledger.exclude(3)
    ledger.exclude(0)

    assert ledger.as_dict() == {"received": 3, "kernel_dropped": 0, "outcomes": {"excluded": 3}}


def test_filters_are_in_the_json_form_if_there_were_any() -> None:
    """A reader of the file learns what the counts are without."""
    assert Ledger(filters=("port 80",)).as_dict()["filters"] == ["port 80"]
    assert "filters" not in Ledger().as_dict()
