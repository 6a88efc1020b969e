"""`shodohflo explain`: why a packet gets its keys, and what the store remembers of a key."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

import click

from shodohflo.analysis.explain import Asked, Explanation, explain
from shodohflo.cli import options
from shodohflo.config import Configuration, load
from shodohflo.config.presumed import presumed
from shodohflo.errors import ConfigurationError
from shodohflo.report.table import Column, plain
from shodohflo.rules.packet import Packet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from shodohflo.cli.options import Network

EXAMPLES: Final = """\b
Examples:
  shodohflo explain "8.8.8.8:53 > 10.0.0.1:40000 udp" --config notes.py
  shodohflo explain "[2001:db8::1]:443 > [fd00::7]:40000 tcp rst"
  shodohflo explain "192.0.2.1:161 > 10.0.0.1:50000 icmp unreachable"
  shodohflo explain --key "10.0.0.1;8.8.8.8;53;flow" --store valkey://bert
"""


@click.command("explain", epilog=EXAMPLES)
@click.argument("packet", required=False)
@click.option("--key", metavar="KEY", help="Tell what the store remembers of a key, in place of a packet.")
@options.config
@options.our_nets
@click.option(
    "--store",
    "stores",
    multiple=True,
    metavar="URL",
    envvar="SHODOHFLO_STORE",
    help="With --key: a store to ask; repeat it for several. By default the embedded one of this machine.",
)
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
    """Say what would become of a packet, and why.

    PACKET is written "SRC:PORT > DST:PORT udp", or tcp with flags such as tcp rst, as it would be received; IPv6
    addresses stand in brackets. Shown are both networks, what is asked before the rules, every rule up to the one
    that decides, the outcome, and the keys. With --key, what the store remembers of a key. Without --our-nets, private
    networks are taken that the configuration has no other use for.
    """
    if (packet is None) == (key is None):
        raise click.UsageError("name either a PACKET or --key KEY")
    if key is not None:
        from shodohflo.cli.recall import recall  # noqa: PLC0415 - a packet needs no store's client

        lines, told = recall(key, stores, time.time())
    else:
        explanation = _explain(packet or "", config, our_nets)
        lines, told = list(explained(explanation)), explanation.as_dict()
    for line in [json.dumps(told)] if as_json else lines:
        click.echo(line)
    return 0


def _explain(text: str, config: Path | None, our_nets: tuple[Network, ...]) -> Explanation:
    try:
        packet = Packet.from_text(text)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    settings = load(config)
    configuration = Configuration(settings, options.named_or(our_nets, lambda: presumed(settings.enumeration)))
    return explain(packet, configuration.networks, configuration.mapping, configuration.policy())


def explained(explanation: Explanation) -> Iterator[str]:
    """Write an explanation for people."""
    yield explanation.packet.to_text()
    yield ""
    yield from plain(*_ends(explanation))[1:]
    yield ""
    yield "before the rules"
    yield from _steps(explanation.before)
    yield ""
    yield "rules" if explanation.rules else "the rules are not asked"
    yield from _steps(explanation.rules)
    if explanation.after:
        yield ""
        yield "after the rules"
        yield from _steps(explanation.after)
    yield ""
    yield f"outcome  {explanation.outcome}: {explanation.meaning}"
    for place, key in enumerate(explanation.keys or ["none"]):
        yield f"{'' if place else 'keys':<9}{key}"


def _ends(explanation: Explanation) -> tuple[Sequence[Column], Sequence[tuple[str, ...]]]:
    rows = []
    for name, end in (("from", explanation.source), ("to", explanation.destination)):
        place = end.place
        where = f"NETWORK_ENUMERATION[{place.entry}], {place.prefix}" if place else ""
        rows.append((name, str(end.as_dict()["address"]), end.network or "in no network", where))
    return (Column("END"), Column("ADDRESS"), Column("NETWORK"), Column("WHERE")), rows


def _steps(steps: Sequence[Asked]) -> Iterator[str]:
    width = max((len(step.name) for step in steps), default=0)
    for step in steps:
        head = f"  {step.name:<{width}}  {'yes' if step.applies else 'no':<3}"
        yield f"{head}  {step.sentence or step.because}"
        if step.sentence:
            yield f"{'':<{len(head)}}  {step.because}"
