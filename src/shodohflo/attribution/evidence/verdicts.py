"""Verdicts by evidence: what becomes of the rows that `Observed` rules leave to it, and what follows from it later.

A verdict is written once. It changes only where evidence of a stronger rung arrives that `model.Rung.is_proof`; then
what was counted under the wrong end is moved by a correction. Between weaker rungs the first one stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shodohflo.attribution.evidence.known import FlowEnds
from shodohflo.attribution.evidence.ladder import LADDER, PROOFS, climb
from shodohflo.attribution.evidence.lookup import Lookup
from shodohflo.attribution.evidence.sides import Service
from shodohflo.columns.addresses import Addresses
from shodohflo.columns.corrections import Corrections
from shodohflo.model import Kind, Rung
from shodohflo.rules.verdicts import Decision

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shodohflo.attribution.evidence.evidence import Evidence, Intake, Part
    from shodohflo.attribution.evidence.grading import Grades
    from shodohflo.columns.merging import MergedPackets
    from shodohflo.rules.opinions import Opinions
    from shodohflo.rules.verdicts import Verdicts

    Mask = NDArray[np.bool_]
    Bits = NDArray[np.uint8]

_WEAK: Final = LADDER[len(PROOFS) :]


@dataclass(slots=True)
class Heard:
    """A batch whose evidence has been taken in; the verdicts on its flows follow."""

    evidence: Evidence
    taken: Intake
    service: Bits = field(init=False)
    """The `Service` that is written of the flow of each row, 0 where none is; found by `settle`."""
    rung: Bits = field(init=False)
    """The `Rung` of the evidence for it."""

    @classmethod
    def of(cls, evidence: Evidence, merged: MergedPackets, *, is_inside: bool = False) -> Heard:
        """Take in what the packets of a batch show; see `Evidence.take_in`."""
        return cls(evidence, evidence.take_in(merged.packets, merged.rows, merged.row_of, is_inside=is_inside))

    def settle(self, verdicts: Verdicts) -> Verdicts:
        """Return the verdicts with those by evidence in the place of those that `Observed` rules leave to it."""
        observed = verdicts.observed != 0
        for part in self.taken.parts:
            self._climb(part, observed)
        for part in self.taken.parts:
            self.evidence.remember_own(part)
        settled = self.taken.settled
        self.service, self.rung = self._by_row("service", settled.service), self._by_row("rung", settled.rung)
        chosen = np.flatnonzero(observed & (self.service != Service.UNKNOWN))
        return self._in_place(verdicts, chosen) if len(chosen) else verdicts

    def _in_place(self, verdicts: Verdicts, chosen: NDArray[np.intp]) -> Verdicts:
        """Return the verdicts with those by evidence on the rows `chosen`."""
        is_source = self._service_sends(chosen)
        decision, port, rule, rungs = (
            verdicts.decision.copy(),
            verdicts.port.copy(),
            verdicts.rule.copy(),
            verdicts.rung.copy(),
        )
        decision[chosen] = np.where(is_source, np.uint8(Decision.DST_IS_CLIENT), np.uint8(Decision.SRC_IS_CLIENT))
        port[chosen] = self._service_ports(chosen)
        rule[chosen] = verdicts.observed[chosen] - np.uint16(1)
        rungs[chosen] = self.rung[chosen]
        answers = verdicts.answers
        if answers:
            answered = np.flatnonzero(verdicts.decision == Decision.ANSWERED)
            answers = tuple(np.array(answers, object)[decision[answered] == Decision.ANSWERED])
        return replace(verdicts, answers=answers, decision=decision, port=port, rule=rule, rung=rungs)

    def _by_row(self, shown: str, of_settled: NDArray[Any]) -> NDArray[Any]:
        """Return what each row's flow has shown, a field of `Shown`, and of settled rows what is given; else 0."""
        values = np.zeros(len(self.taken.keyed.rows), of_settled.dtype)
        values[self.taken.settled.rows] = of_settled
        for part in self.taken.parts:
            values[part.rows] = getattr(part.shown, shown)[part.talks.flow]
        return values

    def _is_final(self, rung: Bits) -> Mask:
        """Return which verdicts can never change as long as the flow lives and its ports are not used anew."""
        strongest = Rung.BITS if self.evidence.own_ends is None else Rung.OWN_SOCKET
        final: Mask = (rung != Rung.NONE) & (rung <= strongest)
        return final

    def _climb(self, part: Part, observed: Mask) -> None:
        """Find the verdicts on the flows that have none, or may get a stronger one; weak ones if rows are observed."""
        shown, talks = part.shown, part.talks
        spoke = talks.spoke != 0
        open_to_proof = np.flatnonzero(spoke & ~self._is_final(shown.rung))
        service, rung = climb(PROOFS, Lookup(self.evidence, FlowEnds(talks, open_to_proof), shown))
        written = shown.rung[open_to_proof]
        better = (rung != Rung.NONE) & ((written == Rung.NONE) | (rung < written))
        shown.service[open_to_proof[better]] = service[better]
        shown.rung[open_to_proof[better]] = rung[better]
        asked = np.zeros(len(talks), np.bool_)
        asked[talks.flow[observed[part.rows]]] = True
        first = np.flatnonzero(asked & spoke & (shown.rung == Rung.NONE))
        if len(first):
            service, rung = climb(_WEAK, Lookup(self.evidence, FlowEnds(talks, first), shown))
            shown.service[first] = service
            shown.rung[first] = np.where(rung == Rung.NONE, np.uint8(Rung.GUESSED), rung)

    def record(self, said: Verdicts, final: Verdicts, kind: Bits, rules: Opinions, grades: Grades) -> Corrections:
        """Note what was recorded, grade the rules, and return the corrections that follow.

        `said` is what the rules said without evidence, `final` the verdicts, and `kind` the `Kind` of each row, another
        number where nothing is recorded. `rules` are those to be graded.
        """
        recorded = (kind == Kind.FLOW) | (kind == Kind.FLOW_IGNORED)
        self._grade(said, final, recorded, rules, grades)
        named = (final.decision == Decision.SRC_IS_CLIENT) | (final.decision == Decision.DST_IS_CLIENT)
        counted = recorded & named & (final.observed != 0)
        flows = self.evidence.flows
        corrections = [self._correct(part, counted, final, kind) for part in self.taken.parts]
        self._count(counted, final)
        for part in self.taken.parts:
            flows.keep(part.shown)
            flows.settle(part.talks, part.shown, ~flows.is_owed(part.shown))
        return Corrections.concatenate(corrections)

    def _grade(self, said: Verdicts, final: Verdicts, recorded: Mask, rules: Opinions, grades: Grades) -> None:
        """Ask each rule about ports of flows that are proven, and count what is recorded against proof; once a flow."""
        keyed, service = self.taken.keyed, self.service
        is_proven = recorded & (service != Service.UNKNOWN) & (self.rung <= Rung.KNOWN)
        graded = self._by_row("graded", self.evidence.flows.memory["graded"][self.taken.settled.slots])
        new = np.flatnonzero(is_proven & ~graded)
        if not len(new):
            return
        rows = new[np.unique(keyed.keys[new], return_index=True)[1]]
        packets, side, proven, ports = keyed.rows[rows], keyed.side[rows], service[rows], self._service_ports(rows)
        for rule in rules.rules:
            says = _service_side(rules.ask(rule, packets, said.src_network[rows], said.dst_network[rows]), side)
            named = says != Service.UNKNOWN
            grades.add(rule, ports[named], (says != proven)[named])
        written = _service_side(final.decision[rows], side)
        against = (written != Service.UNKNOWN) & (written != proven)
        grades.contradict(final.rule[rows[against]])
        self._note_graded(new)

    def _service_sends(self, rows: NDArray[np.intp]) -> Mask:
        """Return which of `rows`, of flows with a verdict, the service has sent."""
        sends: Mask = self.service[rows] - np.uint8(1) == self.taken.keyed.side[rows]
        return sends

    def _service_ports(self, rows: NDArray[np.intp]) -> NDArray[np.uint16]:
        """Return the port of the service of the flow of each of `rows`, all with a verdict."""
        packets = self.taken.keyed.rows
        return np.where(self._service_sends(rows), packets.src_port[rows], packets.dst_port[rows])

    def _note_graded(self, rows: NDArray[np.intp]) -> None:
        """Note that the rules were graded by the flows of `rows`."""
        graded = np.zeros(len(self.taken.keyed.rows), np.bool_)
        graded[rows] = True
        settled = self.taken.settled
        self.evidence.flows.memory["graded"][settled.slots[graded[settled.rows]]] = True
        for part in self.taken.parts:
            part.shown.graded[part.talks.flow[graded[part.rows]]] = True

    def _count(self, counted: Mask, final: Verdicts) -> None:
        """Add the packets of the rows `counted` to what was written of their flows, where that may be corrected."""
        rows = np.flatnonzero(counted & ~self._is_final(self.rung))
        if not len(rows):
            return
        keyed, memory = self.taken.keyed, self.evidence.flows.memory
        slots = self._by_row("slots", self.taken.settled.slots)[rows]
        service = _service_side(final.decision[rows], keyed.side[rows])
        for side, wanted in ((0, Service.SIDE_0), (1, Service.SIDE_1)):
            some = np.flatnonzero((service == wanted) & (slots >= 0))
            at, of = slots[some], rows[some]
            packets, octets, first = (memory[f"{name}_{side}"] for name in ("packets", "octets", "first"))
            first[at[packets[at] == 0]] = np.iinfo(np.int64).max
            np.minimum.at(first, at, keyed.rows.first[of])
            np.add.at(packets, at, keyed.rows.packets[of])
            np.add.at(octets, at, keyed.rows.octets[of])

    def _correct(self, part: Part, counted: Mask, final: Verdicts, kind: Bits) -> Corrections:
        """Move what was written of flows under the wrong end, where a row of theirs is `counted` in this batch."""
        talks, shown, memory = part.talks, part.shown, self.evidence.flows.memory
        begun_anew = shown.slots[shown.anew & (shown.slots >= 0)]
        for side in (0, 1):
            memory[f"packets_{side}"][begun_anew] = memory[f"octets_{side}"][begun_anew] = 0
        owed = self.evidence.flows.is_owed(shown)
        if not owed.any():
            return Corrections.empty()
        rows = np.flatnonzero(counted[part.rows] & owed[talks.flow])
        flows, at = np.unique(talks.flow[rows], return_index=True)
        rows = part.rows[rows[at]]
        parts: list[Corrections] = []
        for wanted in (Service.SIDE_0, Service.SIDE_1):
            some = np.flatnonzero(shown.service[flows] == wanted)
            parts.append(self._move(part, flows[some], rows[some], final.rule[rows[some]], kind[rows[some]]))
        shown.corrected[flows] |= np.uint8(1) << shown.rung[flows]
        return Corrections.concatenate(parts)

    def _move(
        self, part: Part, flows: NDArray[np.int32], rows: NDArray[np.intp], rule: NDArray[np.uint16], kind: Bits
    ) -> Corrections:
        """Return the corrections of `flows`, all with their service at the same side, and count their packets there.

        `rows` has a row of each; `rule` and `kind` are about these.
        """
        if not len(flows):
            return Corrections.empty()
        talks, shown, memory = part.talks, part.shown, self.evidence.flows.memory
        right = int(shown.service[flows[0]] == Service.SIDE_1)
        slots, wrong, family = shown.slots[flows], 1 - right, talks.rows.family
        packets, octets, first = (memory[f"{name}_{wrong}"][slots] for name in ("packets", "octets", "first"))
        for name, moved in (("packets", packets), ("octets", octets)):
            memory[f"{name}_{right}"][slots] += moved
            memory[f"{name}_{wrong}"][slots] = 0
        memory[f"first_{right}"][slots] = first
        return Corrections(
            kind=kind,
            client=Addresses.from_column(family, talks.addresses[wrong, flows]),
            service=Addresses.from_column(family, talks.addresses[right, flows]),
            port=talks.ports[right, flows],
            wrong_port=talks.ports[wrong, flows],
            protocol=self.taken.keyed.rows.protocol[rows],
            rule=rule,
            rung=shown.rung[flows],
            packets=packets,
            octets=octets,
            first=first,
            last=np.maximum(shown.last[flows], first),
        )


_NAMED: Final = np.zeros((len(Decision), 2), np.uint8)
_NAMED[Decision.SRC_IS_CLIENT] = Service.SIDE_1, Service.SIDE_0
_NAMED[Decision.DST_IS_CLIENT] = Service.SIDE_0, Service.SIDE_1


def _service_side(decision: NDArray[np.uint8], source: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the `Service` that a decision names, given the side of the source of each row."""
    service: NDArray[np.uint8] = _NAMED[decision, source]
    return service
