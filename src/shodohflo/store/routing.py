"""Routing: calls of scripts are sent to the nodes of their slots, all at once, and answers are handed on as they come.

A call follows its slot: to the node that MOVED names, from then on; to the one that ASK names, after ASKING, this time.
While the keys of a slot are on their way, a call for several of them is answered TRYAGAIN, and sent again a little
later. A node that does not answer leaves its calls unanswered, and no others.
"""

from __future__ import annotations

import select
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import libvalkey
from valkey.exceptions import NoScriptError, ReadOnlyError, ResponseError

from shodohflo.errors import StoreError
from shodohflo.store.failures import any_errors, one_line
from shodohflo.store.nodes import NODE_TIMEOUT
from shodohflo.store.slots import slot_of
from shodohflo.store.topology import redirection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from shodohflo.store.nodes import Nodes
    from shodohflo.store.scripts import ScriptCall
    from shodohflo.store.urls import Endpoint

Answer = Any

_MOST_STEPS: Final = 8
"""Redirections that one call follows."""

_PAUSE: Final = 0.02
"""Seconds before a call is sent again whose keys are on their way."""

_PATIENCE: Final = 0.2
"""Seconds for that. A slot with many keys takes longer, but others must not wait: the writer sends its calls again."""

_ON_THE_WAY: Final = ("TRYAGAIN", "access a non local key")
"""In answers while the keys of a slot are on their way: a script that deletes one can't make it again on that node."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One call on its way."""

    position: int
    """Among the calls."""
    slot: int
    target: Endpoint | None = None
    """Where the last redirection led; None for the node of the slot."""
    asks: bool = False
    """Whether ASKING comes first."""
    knows: bool = True
    """Whether the node is thought to remember the script, once it was sent it."""
    waits: bool = False
    """Whether its keys are on their way, as far as is known."""
    steps: int = 0
    """Redirections since then."""


@dataclass(slots=True)
class _Unanswered:
    """What one node was sent, and has not answered yet."""

    connection: Any
    jobs: deque[_Job | None] = field(default_factory=deque)
    """In the order of the answers; None stands for the answer to ASKING."""


class Router:
    """Sends calls to the nodes of one cluster."""

    def __init__(self, nodes: Nodes) -> None:
        """Use `nodes`, which nobody else may use meanwhile."""
        self._nodes = nodes
        self._failures: dict[Endpoint | None, StoreError] = {}
        self._is_unknown = False
        """Whether it is to be found out who serves the slots now."""
        self.moved: set[int] = set()
        """Slots that were seen to move, or to have moved."""

    def call(
        self,
        calls: Sequence[ScriptCall],
        answered: Callable[[int, Answer], None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> dict[Endpoint | None, StoreError]:
        """Send all `calls`, and hand on the position and the answer of each, which may be an error of the script.

        `meanwhile` is called once, while the nodes work. Returns an error for each node that left calls unanswered,
        which may have been executed nevertheless, and for `None` one of slots that no node serves now.
        """
        self._failures, self._is_unknown = {}, False
        self._nodes.look_after()
        until = time.monotonic() + _PATIENCE
        jobs = [_Job(position, slot_of(call.keys[0])) for position, call in enumerate(calls)]
        while jobs:
            sent = self._send(calls, jobs)
            meanwhile()
            meanwhile = _nothing
            again = self._receive(sent, answered)
            self.moved.update(job.slot for job in again if job.target or job.waits)
            jobs = [job for job in again if self._may_go_on(job, until)]
            if any(job.waits for job in jobs):
                time.sleep(_PAUSE)
        if self._is_unknown:
            with suppress(StoreError):  # the next call will fail in the same way
                self._nodes.refresh()
        return self._failures

    def _send(self, calls: Sequence[ScriptCall], jobs: Iterable[_Job]) -> dict[Endpoint, _Unanswered]:
        """Send `jobs` to their nodes; a node that can't be sent them fails."""
        by_node: dict[Endpoint, list[_Job]] = {}
        for job in jobs:
            if (node := job.target or self._nodes.topology.node_of(job.slot)) is None:
                self._is_unknown = True
                self._failures.setdefault(None, StoreError(f"store {self._nodes.name}: slot {job.slot} has no node"))
            else:
                by_node.setdefault(node, []).append(job)
        sent: dict[Endpoint, _Unanswered] = {}
        for node, here in by_node.items():
            try:
                with any_errors(self._nodes.name_of(node)):
                    sent[node] = self._send_to(node, calls, here)
            except StoreError as error:
                self._fail(node, error)
        return sent

    def _send_to(self, node: Endpoint, calls: Sequence[ScriptCall], jobs: Sequence[_Job]) -> _Unanswered:
        pool = self._nodes.client(node).connection_pool
        connection: Any = pool.get_connection("_")
        pool.release(connection)  # nobody else takes it
        sent = _Unanswered(connection)
        packed: list[bytes] = []
        remembered: set[str] = set()
        for job in jobs:
            call = calls[job.position]
            if job.asks:
                packed.append(libvalkey.pack_command(("ASKING",)))
                sent.jobs.append(None)
            is_known = job.knows and call.text in remembered
            packed.append(libvalkey.pack_command(call.short if is_known else call.whole))
            remembered.add(call.text)
            sent.jobs.append(job)
        connection.send_packed_command([b"".join(packed)])
        return sent

    def _receive(self, sent: dict[Endpoint, _Unanswered], answered: Callable[[int, Answer], None]) -> list[_Job]:
        """Receive from all nodes at once until each has answered, failed or is late; return the jobs to send again."""
        again: list[_Job] = []
        end = time.monotonic() + NODE_TIMEOUT
        waiting = {node: each for node, each in sent.items() if each.jobs}
        while waiting:
            ready = _ready(waiting, end - time.monotonic())
            for node in ready:
                try:
                    with any_errors(self._nodes.name_of(node)):
                        self._take(node, waiting[node], answered, again)
                except StoreError as error:
                    self._fail(node, error)
                    del waiting[node]
                else:
                    if not waiting[node].jobs:
                        del waiting[node]
            if not ready:
                for node in waiting:
                    name = self._nodes.name_of(node)
                    self._fail(node, StoreError(f"store {name}: no answer for {NODE_TIMEOUT:.0f} seconds"))
                break
        self._adopt(again)
        return again

    def _take(
        self, node: Endpoint, sent: _Unanswered, answered: Callable[[int, Answer], None], again: list[_Job]
    ) -> None:
        """Take all answers that have come from `node`."""
        while sent.jobs and sent.connection.can_read(timeout=0):
            try:
                answer = sent.connection.read_response()
            except ResponseError as error:
                answer = error
            job = sent.jobs.popleft()
            if job is None:
                continue
            if _is_unable(answer):
                self._is_unknown = True
                reason = f"store {self._nodes.name_of(node)}: {one_line(answer)}"
                self._failures.setdefault(node, StoreError(reason))
            elif (further := _further(job, answer, node)) is not None:
                again.append(further)
            else:
                answered(job.position, answer)

    def _adopt(self, again: Iterable[_Job]) -> None:
        """Ask for the topology anew if a slot has moved; the node that has it now knows."""
        moved = [job.target for job in again if job.target and not job.asks]
        if moved:
            before = self._nodes.topology
            with suppress(StoreError):  # the redirections are known all the same
                self._nodes.refresh(moved[0])
            self.moved.update(self._nodes.topology.changes(before))

    def _may_go_on(self, job: _Job, until: float) -> bool:
        """Return whether to send `job` again; if not, it stays unanswered."""
        if job.steps <= _MOST_STEPS and not (job.waits and time.monotonic() > until):
            return True
        self._failures.setdefault(None, StoreError(f"store {self._nodes.name}: slot {job.slot} is being moved"))
        return False

    def _fail(self, node: Endpoint, error: StoreError) -> None:
        """Give up `node`, with all that it has not answered."""
        self._failures.setdefault(node, error)
        self._nodes.fail(node, error)


def _further(job: _Job, answer: Answer, node: Endpoint) -> _Job | None:
    """Return the job that follows from the answer of `node`; `None` if it is the answer to the call."""
    if (led := redirection(answer, node)) is not None:
        return replace(job, target=led.to, asks=led.asks, steps=job.steps + 1)
    if isinstance(answer, NoScriptError) and job.knows:
        return replace(job, knows=False)
    if isinstance(answer, ResponseError) and any(sign in str(answer) for sign in _ON_THE_WAY):
        return replace(job, target=None, asks=False, waits=True, steps=0)
    return None


def _is_unable(answer: Answer) -> bool:
    """Return whether a node can't do what it is asked now: it lost the others, or became a replica."""
    return isinstance(answer, ReadOnlyError) or (
        isinstance(answer, ResponseError) and str(answer).startswith("CLUSTERDOWN")
    )


def _ready(waiting: dict[Endpoint, _Unanswered], seconds: float) -> list[Endpoint]:
    """Return the nodes from which something can be read, after `seconds` at most."""
    # What the library has read and not parsed yet does not make a socket readable.
    known = [node for node, sent in waiting.items() if sent.connection.can_read(timeout=0)]
    if known:
        return known
    poll = select.poll()
    by_number = {sent.connection._sock.fileno(): node for node, sent in waiting.items()}  # noqa: SLF001 - it has no other
    for number in by_number:
        poll.register(number, select.POLLIN)
    return [by_number[number] for number, _ in poll.poll(max(seconds, 0.0) * 1000)]


def _nothing() -> None:
    """Do nothing."""
