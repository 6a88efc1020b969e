"""A suggested configuration as text; that it loads, passes `check` and is true is tested with the command."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from shodohflo.analysis.suggest.proposals import suggest
from shodohflo.analysis.suggest.survey import Survey
from shodohflo.offline.session import Replay
from shodohflo.report.suggestion import percent, suggestion_lines

DEMO = Path(__file__).parents[2] / "src" / "shodohflo" / "demo" / "demo.pcap"


def lines(*names: str) -> list[str]:
    """Return the lines of the suggestion for the demo capture, with `names` as the names of its files."""
    survey = Survey()
    Replay(survey).read([str(DEMO)])
    return list(suggestion_lines(suggest(survey, (ip_network("192.168.7.0/24"),)), names))


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (0.001, "less than 1 %"), (0.0149, "1 %"), (0.5, "50 %"), (1.0, "100 %")]
)
def test_a_small_share_is_not_written_as_none(share: float, text: str) -> None:
    """A small share is less than 1 %, and only a share of 0 is 0 %."""
    assert percent(share) == text


def test_the_head_names_command_networks_and_captures() -> None:
    """The head names captures without their folders, and standard input in words."""
    head = lines("/tmp/a.pcap", "-")[:5]

    assert head[2] == "#     shodohflo run --our-nets 192.168.7.0/24 --config FILE"
    assert head[4].startswith("# From 1,677 packets (a.pcap, standard input), which make ")


def test_a_family_without_a_network_of_ours_is_mentioned() -> None:
    """OUR_6NETS is left out, with a comment on when to add it."""
    text = "\n".join(lines("a.pcap"))

    assert '("our_nets", OUR_4NETS),' in text
    assert "OUR_6NETS belongs here too" in text
