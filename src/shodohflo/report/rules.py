"""The rules as sentences, with the packets and flows that each of them decided, from a capture or from stores."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from shodohflo.attribution.ledger import DROPPED, dropping_rule
from shodohflo.columns.grouping import group_by
from shodohflo.errors import foreign_text
from shodohflo.keys.grades import contradictions_from_fields
from shodohflo.keys.outcomes import outcomes_from_fields
from shodohflo.model import Kind, entry_place, rule_number, rule_place
from shodohflo.report.table import Column, Row, show

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shodohflo.attribution.ledger import Ledger
    from shodohflo.columns.observations import Observations
    from shodohflo.config import Settings
    from shodohflo.query.rows import AgentRow, FlowRow
    from shodohflo.rules.networks import Entry


COLUMNS: Final = (
    Column("PLACE"),
    Column("PACKETS", right=True),
    Column("FLOWS", right=True),
    Column("DROPPED", right=True),
    Column("CONTRADICTED", right=True),
    Column("SENTENCE"),
)


_FORGOTTEN: Final = "(its sentence is unknown)"


class RuleText(NamedTuple):
    """A rule by its number and its sentence; after a reload, the same number may belong to another rule."""

    number: int
    sentence: str


@dataclass(slots=True)
class Decided:
    """The packets and flows that each rule decided."""

    packets: Counter[RuleText] = field(default_factory=Counter)
    """The recorded packets of each rule."""
    flows: Counter[RuleText] = field(default_factory=Counter)
    dropped: Counter[RuleText] = field(default_factory=Counter)
    contradicted: Counter[RuleText] = field(default_factory=Counter)
    """Flows that each rule decided against evidence, which stands below the operator's rules."""

    @property
    def rules(self) -> set[RuleText]:
        """The rules that decided anything."""
        return {*self.packets, *self.dropped, *self.contradicted}

    def as_dict(self, rule: RuleText) -> dict[str, int]:
        """Return the counts of one rule."""
        return {
            "packets": self.packets[rule],
            "flows": self.flows[rule],
            "dropped": self.dropped[rule],
            "contradicted": self.contradicted[rule],
        }


def rule_texts(settings: Settings) -> list[RuleText]:
    """Return the number and the sentence of each rule of a configuration."""
    return [RuleText(number, sentence) for number, sentence in enumerate(settings.mapping.sentences)]


def _network_row(number: int, entry: Entry) -> Row:
    held = ", ".join(str(given) for given in entry.given) or "no address"
    return (entry_place(number), "", "", "", "", f"{entry.name}: {held}")


def count_decided(
    seen: Observations, ledger: Ledger, rules: Sequence[RuleText], contradicted: Mapping[int, int]
) -> Decided:
    """Count recorded packets, distinct flows and dropped packets by the rule that decided them.

    `contradicted` has the flows that rules decided against evidence, by the number of the rule.
    """
    decided = Decided(
        dropped=Counter({rule: ledger.outcomes[DROPPED.format(rule.number)] for rule in rules}),
        contradicted=Counter({rules[number]: flows for number, flows in contradicted.items() if flows}),
    )
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


def other_configurations(agents: Iterable[AgentRow], settings: Settings | None) -> Iterator[str]:
    """Yield a line for each running agent whose configuration is not `settings`, by the digest of its file."""
    for agent in agents:
        if (
            settings is not None
            and not agent.has_ended
            and agent.fields.get("configuration.digest", "") != settings.digest
        ):
            runs, since = (
                foreign_text(agent.fields.get(name, "?")) for name in ("configuration", "configuration.since")
            )
            yield f"agent {foreign_text(agent.agent)} runs another configuration: {runs}, since {since}"


def count_stored(flows: Iterable[FlowRow], agents: Iterable[AgentRow], rules: Sequence[RuleText]) -> Decided:
    """Count flows by the rule that decided their last packet; drops and contradictions by the counters in heartbeats.

    These counters, and flows without a stored sentence, have only a rule number: they count for the rule in `rules`
    with that number. If there is none, they count for the latest stored sentence of that number.
    """
    decided = Decided()
    words = {rule.number: rule.sentence for rule in rules}
    latest: defaultdict[int, tuple[float, str]] = defaultdict(lambda: (0.0, _FORGOTTEN))
    for row in flows:
        if (number := rule_number(row.rule)) is not None:
            rule = RuleText(number, row.sentence or words.get(number, _FORGOTTEN))
            decided.packets[rule] += row.packets
            decided.flows[rule] += 1
            latest[number] = max(latest[number], (row.last or 0.0, rule.sentence))
    for agent in agents:
        for outcome, packets in outcomes_from_fields(agent.fields).items():
            if (number := dropping_rule(outcome)) is not None:
                decided.dropped[RuleText(number, words.get(number, latest[number][1]))] += packets
        for number, contradicted in contradictions_from_fields(agent.fields).items():
            decided.contradicted[RuleText(number, words.get(number, latest[number][1]))] += contradicted
    return decided


def rule_objects(settings: Settings | None, decided: Decided | None) -> Iterator[dict[str, object]]:
    """Yield the rules of the configuration, and other rules that decided something, as objects for JSON."""
    for rule in _shown(settings, decided):
        counts = decided.as_dict(rule) if decided else {}
        yield {"place": rule_place(rule.number), "sentence": rule.sentence, **counts}


def rule_rows(settings: Settings | None, decided: Decided | None) -> list[Row]:
    """Return the rows of `COLUMNS`: the networks of the configuration, then the rules of `rule_objects`."""
    rows = [_network_row(n, entry) for n, entry in enumerate(settings.enumeration.entries)] if settings else []
    configured = rule_texts(settings) if settings else []
    for rule in _shown(settings, decided):
        counts = _counts(rule, decided) if decided else ("", "", "", "")
        other = " (in another configuration)" if settings and rule not in configured else ""
        rows.append((rule_place(rule.number), *counts, f"{rule.sentence}{other}"))
    return rows


def _counts(rule: RuleText, decided: Decided) -> Row:
    """Return the cells with the counts of a rule; contradictions only where there are any, as in few configurations."""
    *counts, contradicted = decided.as_dict(rule).values()
    return (*map("{:,}".format, counts), f"{contradicted:,}" if contradicted else "")


def print_rules(settings: Settings | None, decided: Decided | None, *, as_json: bool) -> None:
    """Print networks and rules on standard output as a table, or the rules as one JSON object per line."""
    if as_json:
        sys.stdout.writelines(f"{json.dumps(rule)}\n" for rule in rule_objects(settings, decided))
    else:
        show(COLUMNS, rule_rows(settings, decided))


def _shown(settings: Settings | None, decided: Decided | None) -> list[RuleText]:
    configured = rule_texts(settings) if settings else []
    others = sorted(decided.rules - {*configured}) if decided else []
    return sorted([*configured, *others], key=lambda rule: rule.number)
