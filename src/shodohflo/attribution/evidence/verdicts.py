"""Verdicts by evidence: what becomes of the rows that `Observed` rules leave to it, and what follows from it later.

A verdict is written once. It changes only where evidence of a stronger rung arrives that `model.Rung.is_proof`; then
what was counted under the wrong end is moved by a correction. Between weaker rungs the first one stays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from shodohflo.attribution.evidence.known import Asking
from shodohflo.attribution.evidence.ladder import LADDER, PROOFS, climb
from shodohflo.attribution.evidence.lookup import Lookup
from shodohflo.attribution.evidence.sides import Service
from shodohflo.columns.addresses import Addresses
from shodohflo.columns.corrections import Corrections
from shodohflo.model import Kind, Rung
from shodohflo.rules.verdicts import Decision

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.conversations import Conversations
    from shodohflo.attribution.evidence.evidence import Evidence
    from shodohflo.attribution.evidence.flows import Shown
    from shodohflo.attribution.evidence.grading import Grades
    from shodohflo.columns.batch import Batch
    from shodohflo.rules.verdicts import Verdicts

    Mask = NDArray[np.bool_]

_WEAK: Final = LADDER[len(PROOFS) :]


@dataclass(slots=True)
class Heard:
    """The flows of one batch, whose evidence has been taken in; the verdicts on them follow."""

    evidence: Evidence
    talks: Conversations
    shown: Shown

    @classmethod
    def of(cls, evidence: Evidence, packets: Batch, rows: Batch, row_of: NDArray[np.int32]) -> Heard:
        """Take in what `packets` show; see `Evidence.take_in`."""
        return cls(evidence, *evidence.take_in(packets, rows, row_of))

    def settle(self, verdicts: Verdicts) -> Verdicts:
        """Return the verdicts with those by evidence in the place of those that `Observed` rules leave to it."""
        shown, flow = self.shown, self.talks.flow
        observed = verdicts.observed != 0
        asked = np.zeros(len(self.talks), np.bool_)
        asked[flow[observed]] = True
        self._climb(asked)
        service = shown.service[flow]
        chosen = np.flatnonzero(observed & (service != Service.UNKNOWN))
        if not len(chosen):
            return verdicts
        rows = self.talks.rows[chosen]
        is_source = service[chosen] - np.uint8(1) == self.talks.side[chosen]
        decision, port, rule, rung = (
            verdicts.decision.copy(),
            verdicts.port.copy(),
            verdicts.rule.copy(),
            verdicts.rung.copy(),
        )
        decision[chosen] = np.where(is_source, np.uint8(Decision.DST_IS_CLIENT), np.uint8(Decision.SRC_IS_CLIENT))
        port[chosen] = np.where(is_source, rows.src_port, rows.dst_port)
        rule[chosen] = verdicts.observed[chosen] - np.uint16(1)
        rung[chosen] = shown.rung[flow[chosen]]
        answers = verdicts.answers
        if answers:
            answered = np.flatnonzero(verdicts.decision == Decision.ANSWERED)
            answers = tuple(np.array(answers, object)[decision[answered] == Decision.ANSWERED])
        return replace(verdicts, answers=answers, decision=decision, port=port, rule=rule, rung=rung)

    def _climb(self, asked: Mask) -> None:
        """Find the verdicts on the flows that have none, or may get a stronger one; weak ones only if `asked` for."""
        shown = self.shown
        spoke = self.talks.spoke != 0
        strongest = Rung.BITS if self.evidence.own_ends is None else Rung.OWN_SOCKET
        open_to_proof = np.flatnonzero(spoke & ((shown.rung == Rung.NONE) | (shown.rung > strongest)))
        service, rung = climb(PROOFS, self._facts(open_to_proof))
        written = shown.rung[open_to_proof]
        better = (rung != Rung.NONE) & ((written == Rung.NONE) | (rung < written))
        shown.service[open_to_proof[better]] = service[better]
        shown.rung[open_to_proof[better]] = rung[better]
        first = np.flatnonzero(asked & spoke & (shown.rung == Rung.NONE))
        if len(first):
            service, rung = climb(_WEAK, self._facts(first))
            shown.service[first] = service
            shown.rung[first] = np.where(rung == Rung.NONE, np.uint8(Rung.GUESSED), rung)

    def _facts(self, flows: NDArray[np.intp]) -> Lookup:
        return Lookup(self.evidence, Asking(self.talks, flows), self.shown)

    def record(self, said: Verdicts, final: Verdicts, kind: NDArray[np.uint8], grades: Grades) -> Corrections:
        """Note what was recorded, grade the rules, and return the corrections that follow.

        `said` is what the rules said without evidence, `final` the verdicts, and `kind` the `Kind` of each row, another
        number where nothing is recorded.
        """
        recorded = (kind == Kind.FLOW) | (kind == Kind.FLOW_IGNORED)
        self._grade(said, final, recorded, grades)
        named = (final.decision == Decision.SRC_IS_CLIENT) | (final.decision == Decision.DST_IS_CLIENT)
        chosen = np.flatnonzero(recorded & named & (final.observed != 0))
        self._begin_anew()
        corrections = self._account(chosen, final, kind) if len(chosen) else Corrections.empty()
        self.evidence.flows.keep(self.shown)
        return corrections

    def _begin_anew(self) -> None:
        """Forget what was written of flows whose ports are used for other conversations."""
        memory, shown = self.evidence.flows.memory, self.shown
        anew = shown.slots[shown.anew]
        for name in ("packets_0", "packets_1", "octets_0", "octets_1"):
            memory[name][anew] = 0

    def _grade(self, said: Verdicts, final: Verdicts, recorded: Mask, grades: Grades) -> None:
        """Compare what the rules say with proof, and count what is recorded against it; once for each flow."""
        shown, flow = self.shown, self.talks.flow
        is_proof = (shown.rung > Rung.NONE) & (shown.rung <= Rung.KNOWN) & (shown.service != Service.UNKNOWN)
        rules_say = _service_side(said.decision, self.talks.side)
        ours = np.flatnonzero((is_proof & ~shown.graded)[flow] & recorded & (rules_say != Service.UNKNOWN))
        if not len(ours):
            return
        flows, at = np.unique(flow[ours], return_index=True)
        rows = ours[at]
        wrong = rules_say[rows] != shown.service[flows]
        guessed = said.rung[rows] == Rung.GUESSED
        grades.add(said.rule[rows][guessed], said.port[rows][guessed], wrong[guessed])
        written = _service_side(final.decision[rows], self.talks.side[rows])
        grades.contradict(final.rule[rows][written != shown.service[flows]])
        shown.graded[flows] = True

    def _account(self, rows: NDArray[np.intp], final: Verdicts, kind: NDArray[np.uint8]) -> Corrections:
        """Add the packets of `rows` to what was written of their flows, after moving what was written wrongly."""
        shown, talks, flow = self.shown, self.talks, self.talks.flow[rows]
        memory = self.evidence.flows.memory
        flows, at = np.unique(flow, return_index=True)
        corrections = self._correct(flows, rows[at], final, kind)
        service = _service_side(final.decision[rows], talks.side[rows])
        for side, wanted in ((0, Service.SIDE_0), (1, Service.SIDE_1)):
            some = np.flatnonzero((service == wanted) & (shown.slots[flow] >= 0))
            slots, of = shown.slots[flow[some]], rows[some]
            packets, octets, first = (memory[f"{name}_{side}"] for name in ("packets", "octets", "first"))
            new = packets[slots] == 0
            first[slots[new]] = np.iinfo(np.int64).max
            np.minimum.at(first, slots, talks.rows.first[of])
            np.add.at(packets, slots, talks.rows.packets[of])
            np.add.at(octets, slots, talks.rows.octets[of])
        return corrections

    def _correct(
        self, flows: NDArray[np.int32], rows: NDArray[np.intp], final: Verdicts, kind: NDArray[np.uint8]
    ) -> Corrections:
        """Move what was written of `flows` under the wrong end; `rows` has a row of each."""
        shown, memory = self.shown, self.evidence.flows.memory
        slots, rung, service = shown.slots[flows], shown.rung[flows], shown.service[flows]
        bit = np.uint8(1) << rung
        due = (slots >= 0) & (rung <= Rung.KNOWN) & (service != Service.UNKNOWN) & (shown.corrected[flows] & bit == 0)
        parts: list[Corrections] = []
        for right, wrong, wanted in ((0, 1, Service.SIDE_0), (1, 0, Service.SIDE_1)):
            some = np.flatnonzero(due & (service == wanted) & (memory[f"packets_{wrong}"][slots] > 0))
            if len(some):
                parts.append(self._move(flows[some], rows[some], final, kind, right))
                shown.corrected[flows[some]] |= bit[some]
        return Corrections.concatenate(parts)

    def _move(
        self, flows: NDArray[np.int32], rows: NDArray[np.intp], final: Verdicts, kind: NDArray[np.uint8], right: int
    ) -> Corrections:
        """Return the corrections of `flows`, whose service is the side `right`, and count their packets there."""
        talks, shown, memory = self.talks, self.shown, self.evidence.flows.memory
        slots, wrong, family = shown.slots[flows], 1 - right, self.talks.rows.family
        packets, octets, first = (memory[f"{name}_{wrong}"][slots] for name in ("packets", "octets", "first"))
        for name, moved in (("packets", packets), ("octets", octets)):
            memory[f"{name}_{right}"][slots] += moved
            memory[f"{name}_{wrong}"][slots] = 0
        memory[f"first_{right}"][slots] = first
        return Corrections(
            kind=kind[rows],
            client=Addresses.from_column(family, talks.address(wrong)[flows]),
            service=Addresses.from_column(family, talks.address(right)[flows]),
            port=talks.port(right)[flows],
            wrong_port=talks.port(wrong)[flows],
            protocol=talks.rows.protocol[rows],
            rule=final.rule[rows],
            rung=shown.rung[flows],
            packets=packets,
            octets=octets,
            first=first,
            last=np.maximum(shown.last[flows], first),
        )


def _service_side(decision: NDArray[np.uint8], source: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the `Service` that a decision names, given the side of the source of each row."""
    of_source = source + np.uint8(1)
    service = np.zeros(len(decision), np.uint8)
    service = np.where(decision == Decision.DST_IS_CLIENT, of_source, service)
    return np.where(decision == Decision.SRC_IS_CLIENT, np.uint8(3) - of_source, service)
