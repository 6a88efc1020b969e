"""The grades of rules about ports in sentences: how often evidence contradicted them, and where most."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from shodohflo.errors import foreign_text
from shodohflo.keys.grades import grades_from_fields
from shodohflo.model import RuleGrade, rule_place
from shodohflo.report.numbers import counted
from shodohflo.rules.actions import Observed, is_built_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shodohflo.config import Settings
    from shodohflo.query.rows import AgentRow
    from shodohflo.rules.mapping import FlowMapping

LONGEST: Final = 80
"""Characters of a rule in a sentence; it may name thousands of ports."""

DOUBTFUL: Final = 0.01
"""The share of graded flows above which a rule should be looked at."""

NONE_GRADED: Final = (
    "no rule is graded: no flow has shown its client and its service by a handshake, by a request and its answer, or by"
    " other flows of the same ends"
)
"""What it means that there are no grades."""


def rule_codes(mapping: FlowMapping) -> list[str]:
    """Return the action of each rule as a configuration has it, shortened; of an operator's own, its class."""
    codes = (
        rule.action.to_code() if is_built_in(rule.action) else f"{type(rule.action).__name__}(...)"
        for rule in mapping.rules
    )
    return [code if len(code) <= LONGEST else f"{code[: LONGEST - 3]}..." for code in codes]


def grade_sentence(grade: RuleGrade, codes: Sequence[str] = ()) -> str:
    """Return a grade in one sentence; `codes` are the actions of the rules, by number, as far as they are known.

    For example, `FLOW_MAPPING[0] LowerPort(SRC): 4.1 % disagree with evidence; worst port 20000: 38 of 51; 1,244 flows
    graded`. Of an `Observed` rule, what is graded is its `otherwise`.
    """
    name = _named(grade.rule, codes)
    if not grade.graded:
        return f"{name}: not graded: no flow that it has an opinion about has shown its client and its service"
    port = f"port {grade.worst_port}" if grade.worst_port else "of all other ports together"
    worst = f"; worst {port}: {grade.worst_disagreed:,} of {grade.worst_graded:,}" if grade.disagreed else ""
    share = f"{_percent(grade.disagreed, grade.graded)} disagree with evidence"
    above = ", which decides before otherwise" if grade.disagreed and _is_observed(grade.rule, codes) else ""
    return f"{name}: {share}{above}{worst}; {counted(grade.graded, 'flow')} graded"


def is_doubtful(grade: RuleGrade) -> bool:
    """Return whether a rule was wrong so often that it should be looked at."""
    return grade.disagreed > DOUBTFUL * grade.graded


def doubtful_lines(grades: Iterable[RuleGrade], contradicted: Mapping[int, int], mapping: FlowMapping) -> Iterator[str]:
    """Yield what an operator should look at: rules that are often wrong, and rules that overrule evidence."""
    doubtful = sorted(filter(is_doubtful, grades), key=_share, reverse=True)
    codes = rule_codes(mapping) if doubtful or contradicted else []
    for grade in doubtful:
        recorded = contradicted.get(grade.rule, 0)
        yield f"{grade_sentence(grade, codes)}{f', {recorded:,} recorded against evidence' if recorded else ''}"
    for rule, flows in sorted(contradicted.items()):
        if flows and rule not in {grade.rule for grade in doubtful}:
            yield f"{_named(rule, codes)}: {counted(flows, 'flow')} recorded against evidence"


def join_grades(several: Iterable[RuleGrade]) -> tuple[RuleGrade, ...]:
    """Return the sums by rule of the grades that several agents gave, in the order of the rules.

    The worst port is that with most wrong answers among the worst ports of the agents: each agent tells only one. Port
    0 stands for those that an agent has summed up, because they were too many.
    """
    by_rule: defaultdict[int, list[RuleGrade]] = defaultdict(list)
    for grade in several:
        by_rule[grade.rule].append(grade)
    return tuple(_sum(rule, grades) for rule, grades in sorted(by_rule.items()))


@dataclass(frozen=True, slots=True)
class ScoreCard:
    """The grades of the rules of one configuration."""

    grades: tuple[RuleGrade, ...]
    """In the order of the rules."""
    codes: Sequence[str] = ()
    """The actions of the rules by number, as far as they are known; see `rule_codes`."""
    agents: tuple[str, ...] = ()
    """The agents that gave them; none for captures."""

    def lines(self) -> Iterator[str]:
        """Yield a sentence for each grade, the rule that was wrong about the largest share of its flows first."""
        return (grade_sentence(grade, self.codes) for grade in sorted(self.grades, key=_share, reverse=True))

    def objects(self) -> Iterator[dict[str, object]]:
        """Yield the grades as objects for JSON, in the order of the rules."""
        for grade in self.grades:
            yield {
                "place": rule_place(grade.rule),
                "action": next(iter(self.codes[grade.rule : grade.rule + 1]), None),
                "graded": grade.graded,
                "disagreed": grade.disagreed,
                "worst_port": grade.worst_port if grade.disagreed else None,
                "worst_graded": grade.worst_graded,
                "worst_disagreed": grade.worst_disagreed,
                "agents": list(self.agents),
            }


def stored_cards(agents: Iterable[AgentRow], settings: Settings | None) -> list[ScoreCard]:
    """Return what the hashes of agents say, summed over the agents of each configuration.

    Rules are known by the action that `settings` have if those are the configuration of the agents, otherwise by number
    only.
    """
    by_digest: defaultdict[str, dict[str, tuple[RuleGrade, ...]]] = defaultdict(dict)
    for agent in agents:
        if grades := grades_from_fields(agent.fields):
            by_digest[agent.fields.get("configuration.digest", "")][foreign_text(agent.agent)] = grades
    codes = rule_codes(settings.mapping) if settings else []
    return [
        ScoreCard(
            join_grades(grade for grades in told.values() for grade in grades),
            codes if settings and settings.digest == digest else [],
            tuple(sorted(told)),
        )
        for digest, told in sorted(by_digest.items())
    ]


def print_grades(cards: Sequence[ScoreCard], *, as_json: bool) -> None:
    """Print grades on standard output, or as one JSON object a line; say it if there are none."""
    if as_json:
        sys.stdout.writelines(f"{json.dumps(told)}\n" for card in cards for told in card.objects())
        return
    for card in cards:
        if len(cards) > 1:
            sys.stdout.write(f"the configuration of {', '.join(card.agents)}:\n")
        sys.stdout.writelines(f"{line}\n" for line in card.lines())
    if not any(card.grades for card in cards):
        sys.stdout.write(f"{NONE_GRADED}\n")


def _sum(rule: int, grades: Sequence[RuleGrade]) -> RuleGrade:
    graded, wrong = Counter[int](), Counter[int]()
    for grade in grades:
        graded[grade.worst_port] += grade.worst_graded
        wrong[grade.worst_port] += grade.worst_disagreed
    port = max(sorted(wrong), key=wrong.__getitem__)
    total, disagreed = sum(grade.graded for grade in grades), sum(grade.disagreed for grade in grades)
    return RuleGrade(rule, total, disagreed, port, graded[port], wrong[port])


def _is_observed(rule: int, codes: Sequence[str]) -> bool:
    """Return whether a rule goes by evidence itself, so that its `otherwise` is asked only where there is none."""
    return any(code.startswith(f"{Observed.__name__}(") for code in codes[rule : rule + 1])


def _named(rule: int, codes: Sequence[str]) -> str:
    return " ".join((rule_place(rule), *codes[rule : rule + 1]))


def _share(grade: RuleGrade) -> float:
    return grade.disagreed / grade.graded if grade.graded else -1.0


def _percent(part: int, whole: int) -> str:
    """Return a share in percent with one decimal; only 0 is written as 0 %, and only all of them as 100 %."""
    if part in (0, whole):
        return "0 %" if part == 0 else "100 %"
    percent = 100 * part / whole
    return "less than 0.1 %" if percent < 0.1 else f"{min(percent, 99.9):.1f} %"
