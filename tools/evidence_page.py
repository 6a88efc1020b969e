"""The reference page of evidence: the ladder, generated from its declaration."""  # noqa: INP001 - a script's module, not a package

from __future__ import annotations

from typing import TYPE_CHECKING

from shodohflo.attribution.evidence.ladder import LADDER, NO_EVIDENCE

if TYPE_CHECKING:
    from collections.abc import Iterator


def evidence_page() -> Iterator[str]:
    """Yield the page of evidence: the ladder."""
    yield from ("# Evidence", "", "What says which end of a flow is the service. Where a rule with `Observed` is")
    yield from (
        "reached, the first of these rungs that has an answer decides; a tie is no answer. `flows` shows the word",
    )
    yield from ("in the column EVIDENCE, `detail` hashes have it in the field `evidence`.", "")
    yield from ("| | word | what it takes as evidence | proof |", "|---|---|---|---|")
    for number, row in enumerate(LADDER, 1):
        yield f"| {number} | `{row.rung.word}` | {row.sentence} | {'yes' if row.rung.is_proof else ''} |"
    for rung, sentence in NO_EVIDENCE.items():
        yield f"| | `{rung.word}` | {sentence} | |"
    yield from (
        "",
        "Proof corrects what a weaker rung, or a guess, has written: counts move to the right keys, once for",
    )
    yield from ("each rung. Between weaker rungs the first verdict stays. Proof also grades the rules about ports:",)
    yield from (
        "`shodohflo rules --grade`. [Why it is so](../explanation/evidence.md) explains the order, what attackers",
    )
    yield from ("can do, and how often each rung is right. [When evidence is wrong or",)
    yield "missing](../how-to/write-rules.md#when-evidence-is-wrong-or-missing) says what to do."
