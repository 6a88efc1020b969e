"""`shodohflo rules`: a configuration in sentences, with what each rule decided of a capture or of live packets."""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click
import numpy as np

from shodohflo.attribution.ledger import DROPPED
from shodohflo.cli import options
from shodohflo.cli.program import fail
from shodohflo.columns.grouping import group_by
from shodohflo.config import Configuration, Settings, load
from shodohflo.config.presumed import presumed
from shodohflo.model import Kind, rule_place
from shodohflo.offline.session import Replay, make_pipeline
from shodohflo.report.ledger import print_ledger
from shodohflo.report.table import Column, Row, show

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shodohflo.cli.options import Network
    from shodohflo.columns.observations import Observations
    from shodohflo.query.rows import AgentRow, FlowRow
    from shodohflo.rules.networks import Entry

COLUMNS: Final = (
    Column("PLACE"),
    Column("PACKETS", right=True),
    Column("FLOWS", right=True),
    Column("DROPPED", right=True),
    Column("SENTENCE"),
)

_RULE: Final = re.compile(r"FLOW_MAPPING\[(\d{1,5})\]")
_DROPPED: Final = re.compile(rf"outcomes\.dropped\.{_RULE.pattern}")
_FORGOTTEN: Final = "(it recorded nothing, so nobody kept its words)"

EXAMPLES: Final = """\b
Examples:
  shodohflo rules configuration.py                          the networks and the rules, in words
  shodohflo rules configuration.py office.pcap              with what each rule decides of a capture
  shodohflo rules --running                                 what the rules of this machine's agent decided
  shodohflo rules --running --store valkey://bert configuration.py
"""


class Worded(NamedTuple):
    """A rule by its number and its words: after a change, a number may stand for another rule."""

    number: int
    sentence: str


@dataclass(slots=True)
class Decided:
    """What rules decided."""

    packets: Counter[Worded] = field(default_factory=Counter)
    """Recorded."""
    flows: Counter[Worded] = field(default_factory=Counter)
    dropped: Counter[Worded] = field(default_factory=Counter)

    @property
    def rules(self) -> set[Worded]:
        """All that decided anything."""
        return {*self.packets, *self.dropped}

    def as_dict(self, rule: Worded) -> dict[str, int]:
        """Return what one rule decided."""
        return {"packets": self.packets[rule], "flows": self.flows[rule], "dropped": self.dropped[rule]}


@click.command("rules", epilog=EXAMPLES)
@click.argument("files", nargs=-1, metavar="[CONFIG] [CAPTURE]...")
@options.config
@options.our_nets
@click.option("--running", is_flag=True, help="Tell what running agents decided, from the store.")
@click.option("--store", "stores", multiple=True, metavar="URL", help="With --running: a store; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line for each rule.")
def rules_command(  # noqa: PLR0913 - one for each option
    *,
    files: tuple[str, ...],
    config: Path | None,
    our_nets: tuple[Network, ...],
    running: bool,
    stores: tuple[str, ...],
    as_json: bool,
) -> int:
    """Print a configuration in sentences, with what each rule decided.

    CONFIG is the first file if its name ends in .py; the others are captures. Without CONFIG, the defaults. With
    --running, what is in the store: the flows by the rule that decided them last, the drops as the agents count them,
    by number; a rule that had other words then is told apart. Without CONFIG, the rules that decided anything. For
    captures without --our-nets, private networks are taken that the configuration has no other use for.
    """
    if files and files[0].endswith(".py"):
        config, files = Path(files[0]), files[1:]
    if running and files:
        raise click.UsageError("--running and captures exclude each other")
    if stores and not running:
        raise click.UsageError("--store needs --running")
    status, decided = 0, None
    settings = None if running and config is None else load(config)
    if running:
        decided = _running(stores, settings)
    elif files and settings is not None:
        status, decided = _replayed(files, settings, our_nets)
    _print(settings, decided, as_json=as_json)
    return status


def _print(settings: Settings | None, decided: Decided | None, *, as_json: bool) -> None:
    """Print what was decided beside the configuration, as far as there is either."""
    configured = _worded(settings) if settings else []
    others = sorted(decided.rules - {*configured}) if decided else []
    told = sorted([*configured, *others], key=lambda rule: rule.number)
    if as_json:
        for rule in told:
            line: dict[str, object] = {"place": rule_place(rule.number), "sentence": rule.sentence}
            click.echo(json.dumps(line | (decided.as_dict(rule) if decided else {})))
        return
    rows = [_network_row(n, entry) for n, entry in enumerate(settings.enumeration.entries)] if settings else []
    for rule in told:
        counts = map("{:,}".format, decided.as_dict(rule).values()) if decided else ("", "", "")
        foreign = " (in another configuration)" if settings and rule not in configured else ""
        rows.append((rule_place(rule.number), *counts, f"{rule.sentence}{foreign}"))
    show(COLUMNS, rows)


def _worded(settings: Settings) -> list[Worded]:
    return [Worded(number, rule.describe()) for number, rule in enumerate(settings.mapping.rules)]


def _network_row(number: int, entry: Entry) -> Row:
    held = ", ".join(str(given) for given in entry.given) or "no address"
    return (f"NETWORK_ENUMERATION[{number}]", "", "", "", f"{entry.name}: {held}")


def _replayed(captures: Sequence[str], settings: Settings, our_nets: tuple[Network, ...]) -> tuple[int, Decided]:
    """Count what the rules decide of captures."""
    pipeline = make_pipeline(
        Configuration(settings, options.named_or(our_nets, lambda: presumed(settings.enumeration)))
    )
    reading = Replay(pipeline)
    reading.read(captures)
    rules = _worded(settings)
    decided = count_decided(pipeline.take(), rules)
    for rule in rules:
        decided.dropped[rule] = pipeline.settle().outcomes[DROPPED.format(rule.number)]
    for message in reading.broken:
        fail(message, "shodohflo rules")
    print_ledger(pipeline.settle(), pipeline.rules, err=True)
    return (1 if reading.broken else 0), decided


def count_decided(seen: Observations, rules: Sequence[Worded]) -> Decided:
    """Count packets and distinct flows by the rule that made them."""
    decided = Decided()
    flows = seen[(seen.kind == Kind.FLOW) | (seen.kind == Kind.FLOW_IGNORED)]
    if not len(flows):
        return decided
    ends = [(end.version.astype(np.uint64), end.high, end.low) for end in (flows.client, flows.remote)]
    columns = [*ends[0], *ends[1], flows.port.astype(np.uint64), flows.rule.astype(np.uint64)]
    groups = group_by(columns)
    numbers, packets = flows.rule[groups.leaders].tolist(), groups.sum(flows.packets).tolist()
    for number, count in zip(numbers, packets, strict=True):
        decided.packets[rules[number]] += count
        decided.flows[rules[number]] += 1
    return decided


def _running(stores: Sequence[str], settings: Settings | None) -> Decided:
    """Count what is in the stores, and say where an agent runs something else than `settings`."""
    from shodohflo.cli.readers import opened  # noqa: PLC0415 - captures need no store's client
    from shodohflo.query.filters import Filter  # noqa: PLC0415 - as above
    from shodohflo.query.reader import Reader  # noqa: PLC0415 - as above

    named = stores or tuple(os.environ.get("SHODOHFLO_STORE", "").split())
    reader = Reader(opened(named))
    agents = reader.agents()
    for line in strangers(agents, settings):
        click.echo(line, err=True)
    return count_stored(reader.flows(Filter(), time.time()).rows, agents, _worded(settings) if settings else [])


def strangers(agents: Iterable[AgentRow], settings: Settings | None) -> Iterator[str]:
    """Say of each agent that runs another configuration than `settings`."""
    for agent in agents:
        if (
            settings is not None
            and agent.fields.get("state") != "ended"
            and agent.fields.get("configuration.digest", "") != settings.digest
        ):
            runs, since = (agent.fields.get(name, "?") for name in ("configuration", "configuration.since"))
            yield f"agent {agent.agent} runs another configuration: {runs}, since {since}"


def count_stored(flows: Iterable[FlowRow], agents: Iterable[AgentRow], rules: Sequence[Worded]) -> Decided:
    """Count flows by the rule that decided them last, and drops as the agents tell them.

    Flows that nobody kept the words of, and drops, are counted by number: for `rules`, else in the latest words known.
    """
    decided = Decided()
    words = {rule.number: rule.sentence for rule in rules}
    latest: defaultdict[int, tuple[float, str]] = defaultdict(lambda: (0.0, _FORGOTTEN))
    for row in flows:
        if named := _RULE.fullmatch(row.rule):
            number = int(named[1])
            rule = Worded(number, row.sentence or words.get(number, _FORGOTTEN))
            decided.packets[rule] += row.packets
            decided.flows[rule] += 1
            latest[number] = max(latest[number], (row.last or 0.0, rule.sentence))
    for agent in agents:
        for name, text in agent.fields.items():
            dropped = _DROPPED.fullmatch(name)
            if dropped and text.isascii() and text.isdigit():
                number = int(dropped[1])
                decided.dropped[Worded(number, words.get(number, latest[number][1]))] += int(text)
    return decided
