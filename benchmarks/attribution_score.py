"""What a judge says of captures under a setting, held against the truth."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from random import Random
from statistics import mean
from typing import TYPE_CHECKING, Final, Protocol

from reference.ladder import SECOND, Flow, Ladder, Packet, Verdict, read_listed
from shodohflo.model import TCP, Rung

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from benchmarks.attribution_captures import Recording, Seen
    from benchmarks.attribution_truth import Truth
    from shodohflo.model import End


class Judge(Protocol):
    """Whoever decides about batches of packets: the plain ladder, or the columns."""

    def take_in(self, packets: Sequence[Packet]) -> dict[Flow, Verdict]:
        """Take in a batch; return what is written of each flow with payload in it."""


Hide = "Callable[[Recording, Truth], Iterable[Seen]]"
"""What a judge sees of a capture."""

ORDER: Final = (
    ("lower port", ()),
    ("group, handshake, bits", (Rung.GROUP, Rung.HANDSHAKE, Rung.BITS)),
    ("known", (Rung.KNOWN,)),
    ("churn", (Rung.CHURN,)),
    ("listed", (Rung.LISTED,)),
    ("claimed", (Rung.CLAIMED,)),
    ("roles", (Rung.ROLES,)),
    ("one-way churn", (Rung.ONE_WAY_CHURN,)),
)
"""The rungs in the order in which they are added; own sockets cannot be measured on captures."""


def reference(rungs: Iterable[Rung] = Rung) -> Judge:
    """Return a plain ladder with `rungs`, whose `otherwise` is the lower port."""
    return Ladder(_LISTED, rungs=frozenset(rungs))


_LISTED = read_listed()


def everything(recording: Recording, _: Truth) -> Iterable[Seen]:
    """Show all packets."""
    return recording.seen


def openings_hidden(share: float, seed: int) -> Callable[[Recording, Truth], Iterable[Seen]]:
    """Hide SYNs and SYN-ACKs of a random `share` of TCP flows."""

    def hide(recording: Recording, _: Truth) -> Iterator[Seen]:
        random = Random(f"{seed} {recording.name}")
        hidden: dict[Flow, bool] = {}
        for seen in recording.seen:
            if seen.packet.protocol == TCP and seen.flow not in hidden:
                hidden[seen.flow] = random.random() < share
            if not (seen.packet.opens and hidden[seen.flow]):
                yield seen

    return hide


def from_the_middle(recording: Recording, _: Truth) -> Iterable[Seen]:
    """Show the second half of the packets."""
    return recording.seen[len(recording.seen) // 2 :]


def received_at(end: str, share: float, seed: int = 0) -> Callable[[Recording, Truth], Iterable[Seen]]:
    """Show what one end received, `client` or `service`, with openings hidden for a random `share` of flows.

    Where the truth is not known, a coin decides for each flow which direction is seen.
    """

    def hide(recording: Recording, truth: Truth) -> Iterator[Seen]:
        random = Random(f"{end} {recording.name}")
        senders: dict[Flow, int] = {}
        for seen in openings_hidden(share, seed)(recording, truth):
            if seen.flow not in senders:
                known = truth.known.get(seen.flow)
                coin = random.randrange(2)
                senders[seen.flow] = coin if known is None else known.service ^ (end == "service")
            if seen.side == senders[seen.flow]:
                yield seen

    return hide


@dataclass(frozen=True, slots=True)
class Judged:
    """One flow: what was said of it, and what is true."""

    capture: str
    flow: Flow
    service: int
    """The side of the service in truth."""
    truth: str
    """How that is known."""
    verdict: Verdict
    first: Verdict
    """The first that was said of the flow, in its first batch."""

    @property
    def points(self) -> float:
        """1 if right, 0 if wrong, one half if undecided."""
        return 0.5 if self.verdict.service is None else float(self.verdict.service == self.service)

    @property
    def conversation(self) -> tuple[End, object]:
        """The service in truth, and the address of its client."""
        return self.flow.ends[self.service], self.flow.ends[1 - self.service].address


def judge_all(
    known: Iterable[tuple[Recording, Truth]],
    show: Callable[[Recording, Truth], Iterable[Seen]],
    judge: Callable[[], Judge] = reference,
    seconds: float = 1.0,
) -> list[Judged]:
    """Let a new judge for each capture decide what it is shown, in batches of `seconds`."""
    judged = []
    for recording, truth in known:
        first: dict[Flow, Verdict] = {}
        last: dict[Flow, Verdict] = {}
        deciding = judge()
        for batch in _batches(show(recording, truth), round(seconds * SECOND)):
            said = deciding.take_in(batch)
            last.update(said)
            for flow, verdict in said.items():
                first.setdefault(flow, verdict)
        judged += [
            Judged(recording.name, flow, true.service, true.by, last[flow], first[flow])
            for flow, true in truth.known.items()
            if flow in last
        ]
    return judged


def _batches(shown: Iterable[Seen], size: int) -> Iterator[list[Packet]]:
    batch: list[Packet] = []
    for seen in shown:
        if batch and seen.packet.time - batch[0].time >= size:
            yield batch
            batch = []
        batch.append(seen.packet)
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class Score:
    """How many flows were right, and the means in per cent."""

    flows: int
    captures: int
    conversations: int
    right: int
    wrong: int
    undecided: int
    by_flow: float
    by_capture: float
    """The mean over captures of each one's per cent."""
    by_conversation: float
    """The mean over distinct pairs of a service and a client's address."""
    final: float
    """Per cent of flows whose first verdict was the last."""

    @classmethod
    def of(cls, judged: Sequence[Judged]) -> Score:
        """Return the score of `judged`."""
        captures, conversations = defaultdict(list), defaultdict(list)
        for each in judged:
            captures[each.capture].append(each.points)
            conversations[each.conversation].append(each.points)
        points = [each.points for each in judged]
        return cls(
            len(judged),
            len(captures),
            len(conversations),
            points.count(1.0),
            points.count(0.0),
            points.count(0.5),
            _per_cent(points),
            _per_cent([mean(each) for each in captures.values()]),
            _per_cent([mean(each) for each in conversations.values()]),
            _per_cent([float(each.first.service == each.verdict.service) for each in judged]),
        )


def by_rung(judged: Iterable[Judged]) -> dict[Rung, Score]:
    """Return the score of the flows that each rung decided, strongest first."""
    found: dict[Rung, list[Judged]] = defaultdict(list)
    for each in judged:
        found[each.verdict.rung].append(each)
    return {rung: Score.of(found[rung]) for rung in sorted(found)}


def _per_cent(shares: Sequence[float]) -> float:
    return 100 * mean(shares) if shares else float("nan")
