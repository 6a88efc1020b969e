"""`shodohflo explain`: why a packet gets its keys, and what the store remembers of a key."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

import click

from shodohflo.analysis.explain import Explanation, explain, note_of_filter
from shodohflo.cli import options
from shodohflo.cli.bounds import bounded, load_tried
from shodohflo.errors import ConfigurationError
from shodohflo.report.explanation import explanation_lines
from shodohflo.rules.packet import Packet

if TYPE_CHECKING:
    from pathlib import Path

    from shodohflo.model import Network


EXAMPLES: Final = """\b
Examples:
  shodohflo explain "8.8.8.8:53 > 10.0.0.1:40000 udp" --config notes.py
  shodohflo explain "[2001:db8::1]:443 > [fd00::7]:40000 tcp rst"
  shodohflo explain "192.0.2.1:161 > 10.0.0.1:50000 icmp unreachable"
  shodohflo explain --key "10.0.0.1;8.8.8.8;53;flow" --store valkey://bert
  shodohflo explain --key "service;10.0.0.9;tcp;443"
  shodohflo explain --key "knock;203.0.113.9"
"""


@click.command("explain", epilog=EXAMPLES)
@click.argument("packet", required=False)
@click.option("--key", metavar="KEY", help="Show what the store remembers of KEY, instead of a packet.")
@options.config
@options.our_nets_or_presumed
@options.stores_of_key
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def explain_command(  # noqa: PLR0913 - one for each option
    *,
    packet: str | None,
    key: str | None,
    config: Path | None,
    our_nets: tuple[Network, ...],
    stores: tuple[str, ...],
    as_json: bool,
) -> int:
    """Show what would become of a packet, and why.

    PACKET is written "SRC:PORT > DST:PORT udp", or tcp with flags such as tcp rst, as it would be received (one that a
    capture marks as sent has the outcome `sent`, whatever it is); IPv6 addresses are in brackets. The output has both
    networks, the questions before the rules, every rule up to the one that decides, the outcome and the keys. With
    --key, it is what the store remembers of that key.
    """
    if (packet is None) == (key is None):
        raise click.UsageError("name either a PACKET or --key KEY")
    status = 0
    if key is not None:
        from shodohflo.cli.recall import recall  # noqa: PLC0415 - a packet needs no store client

        (lines, told), status = recall(key, stores, time.time())
    else:
        explanation = _explain(packet or "", config, our_nets)
        lines, told = list(explanation_lines(explanation)), explanation.as_dict()
    for line in [json.dumps(told)] if as_json else lines:
        click.echo(line)
    return status


def _explain(text: str, config: Path | None, our_nets: tuple[Network, ...]) -> Explanation:
    try:
        packet = Packet.from_text(text)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    configuration = options.configured(load_tried(config), our_nets)
    if note := note_of_filter(packet, configuration.settings.capture_filter):
        click.echo(f"note: {note}", err=True)
    with bounded():
        return explain(packet, configuration.networks, configuration.mapping, configuration.policy())
