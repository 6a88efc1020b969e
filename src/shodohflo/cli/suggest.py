"""`shodohflo suggest`: a configuration for the traffic in captures, with the cost of each further rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from shodohflo.analysis.suggest.proposals import our_networks, suggest
from shodohflo.analysis.suggest.survey import Survey
from shodohflo.cli import options
from shodohflo.cli.messages import fail
from shodohflo.errors import CaptureError
from shodohflo.offline.session import Replay
from shodohflo.report.suggestion import suggestion_lines
from shodohflo.rules.networks import PRIVATE

if TYPE_CHECKING:
    from shodohflo.model import Network

EXAMPLES: Final = """\b
Examples:
  shodohflo suggest monday.pcap > configuration.py
  shodohflo suggest --our-nets 192.0.2.0/24 *.pcap
"""


@click.command("suggest", epilog=EXAMPLES)
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@options.our_nets
def suggest_command(*, captures: tuple[str, ...], our_nets: tuple[Network, ...]) -> int:
    """Write a configuration for the traffic in captures.

    Each CAPTURE is a pcap or pcapng file, or - for standard input. The configuration records what is sent to and from
    our networks. Further rules, which drop the busiest services or name services on high ports, are commented out, each
    with what it would change on these captures. Without --our-nets, our networks are guessed.
    """
    survey = Survey()
    reading = Replay(survey)
    reading.read(captures)
    if not survey.received:
        raise CaptureError(reading.broken[0] if reading.broken else "the captures hold no packet to suggest rules for")
    ours = our_nets or our_networks(survey, PRIVATE)
    if not ours:
        raise CaptureError("the captures hold no address that could be ours: name our networks with --our-nets PREFIX")
    for line in suggestion_lines(suggest(survey, ours), captures):
        click.echo(line)
    for message in reading.broken:
        fail(message, "shodohflo suggest")
    return 1 if reading.broken else 0
