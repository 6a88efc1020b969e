"""Nearly everything unmatched is worth a hint, a share of it is not."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from shodohflo.report.unmatched import NO_NETWORK, Judged, Origin, hint_at_unmatched, why_unmatched

OURS = (ip_network("192.168.0.0/32"), ip_network("fc00::/7"))


@pytest.mark.parametrize(
    ("outcomes", "packets", "unmatched"),
    [
        ({}, 0, 0),
        ({"unmatched.no_rule": 3, "unmatched.no_network": 4}, 7, 7),
        ({"recorded.flow": 3, "recorded.flow_ignored": 1, "dropped.FLOW_MAPPING[12]": 2}, 6, 0),
        ({"recorded.rst": 9, "handshake": 9, "refused.arp": 9, "own_network": 9, "unmatched.no_rule": 1}, 1, 1),
    ],
)
def test_only_packets_that_reached_the_rules_count(outcomes: dict[str, int], packets: int, unmatched: int) -> None:
    """Resets, handshakes, refused and suppressed packets never reach the rules, so they are left out."""
    assert Judged.of(outcomes) == Judged(packets, unmatched)


@pytest.mark.parametrize(
    ("packets", "unmatched", "hinted"),
    [(49, 49, False), (50, 50, True), (100, 95, True), (100, 94, False), (0, 0, False), (1_000_000, 0, False)],
)
def test_a_hint_needs_enough_packets_and_nearly_all_of_them(packets: int, unmatched: int, hinted: bool) -> None:  # noqa: FBT001 - a case of a table
    """Below 50 packets or 95 percent, there is no hint."""
    assert bool(Judged(packets, unmatched).hint(OURS)) == hinted


def test_the_hint_names_our_networks_and_the_way_out() -> None:
    """The hint has the share, our networks and what to do."""
    hint = Judged(1200, 1180).hint(OURS)

    assert hint.startswith("98 % of 1,200 packets")
    assert "our networks are 192.168.0.0/32, fc00::/7: name others with --our-nets" in hint
    assert "our networks are none:" in Judged(50, 50).hint(())


def test_the_hint_says_where_our_networks_come_from_and_why() -> None:
    """Networks that nobody named are said to be so, and the cause stands before them."""
    hint = Judged(50, 50).hint(OURS[:1], Origin.DEFAULTS, "everything is odd")

    assert "not recorded; everything is odd; our networks, by default, because no interface has an address," in hint
    assert ", from the addresses of the interfaces, are " in Judged(50, 50).hint(OURS, Origin.ADDRESSES)


def test_most_packets_say_why_they_are_unmatched() -> None:
    """The pair of networks with most packets has no entry, or no rule."""
    assert why_unmatched({}) == why_unmatched({("a", "b"): 0}) == ""
    assert why_unmatched({("all", NO_NETWORK): 9, ("ours", "all"): 1}) == (
        "90 % of them go from all to an address in no network, and NETWORK_ENUMERATION has no entry for these"
    )
    assert why_unmatched({("all", NO_NETWORK): 1, ("ours", "all"): 3}) == (
        "75 % of them go from ours to all, and no rule of FLOW_MAPPING has an opinion about these"
    )


def test_packets_of_a_window_are_a_difference() -> None:
    """What was counted before a window does not belong to it."""
    assert Judged(100, 60).since(Judged(40, 0)) == Judged(60, 60)


def test_a_hint_about_unmatched_packets_is_a_line_or_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """If nearly all is unmatched, one line says so; otherwise there is none."""
    hint_at_unmatched({"unmatched.no_rule": 5000}, [])
    hint_at_unmatched({"recorded.flow": 5000}, [])

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("hint: 100 % of 5,000 packets")
