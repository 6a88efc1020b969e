"""A sink whose store is a cluster: each write goes to the node of its slot, and is confirmed when that has answered."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from valkey.exceptions import ResponseError

from shodohflo.errors import StoreError
from shodohflo.store.connection import joined_errors
from shodohflo.store.failures import any_errors, store_error
from shodohflo.store.hashes import checked_hashes, hashes_call
from shodohflo.store.heartbeat import Condition, checked_heartbeat, heartbeat_call, read_condition
from shodohflo.store.lanes import SlotLanes
from shodohflo.store.routing import Router
from shodohflo.store.scripts import ScriptCall
from shodohflo.store.sinks import HashesRefusedError, HeartbeatRefusedError, PartlyAwayError, RefusedError
from shodohflo.store.slots import slot_of
from shodohflo.store.write import Applied, Written
from shodohflo.store.write_script import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shodohflo.store.announced import TcpEnds
    from shodohflo.store.cluster import ClusterStore
    from shodohflo.store.hashes import Hash
    from shodohflo.store.nodes import Nodes
    from shodohflo.store.urls import Endpoint
    from shodohflo.store.write import Write


class ClusterSink:
    """Writes to one cluster."""

    def __init__(self, store: ClusterStore) -> None:
        """Use `store`; nothing is sent before `connect`."""
        self._store = store
        self._nodes: Nodes | None = None
        self._evicted: dict[Endpoint, int] = {}
        """Keys that each node has evicted, as it said last."""
        self._moved: set[int] = set()
        """Slots that were seen to move, until a write to one is confirmed that was not sent elsewhere."""
        self.lanes = SlotLanes()

    @property
    def name(self) -> str:
        """Return the name of the store."""
        return self._store.name

    def connect(self) -> None:
        """Connect to all nodes that are there; raise an error if none is, or none lets us in."""
        self.disconnect()
        self._nodes = nodes = self._store.nodes()
        failures = nodes.open()
        if len(failures) == len(nodes.topology.primaries):
            self.disconnect()
            raise joined_errors(self.name, list(failures.values()))

    def write(
        self,
        writes: Sequence[Write],
        confirm: Callable[[Write, Written], None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Send all `writes`, each of one slot, and call `confirm` for each answer as it arrives.

        Raises a `StoreError` if any stays unanswered, after the others were confirmed. `meanwhile` is called while the
        nodes work. What either of them raises is no failure of the store, so it is raised when all have answered.
        """
        refused: dict[Endpoint | None, StoreError] = {}
        mistakes: list[Exception] = []

        def answered(position: int, answer: object) -> None:
            write = writes[position]
            try:
                with any_errors(self.name):
                    written = _written(answer, len(write.keys))
            except StoreError as error:
                refused[nodes.topology.node_of(write.lane)] = error
                return
            known = self._judged(written, write.lane, router.moved)
            _carefully(lambda: confirm(write, known), mistakes)

        calls = [ScriptCall(SCRIPT, write.keys, write.arguments) for write in writes]
        with self._connected() as nodes:
            router = Router(nodes)
            try:
                failures = router.call(calls, answered, lambda: _carefully(meanwhile, mistakes))
            finally:
                self._moved |= router.moved
                for mistake in mistakes:
                    raise mistake
            if failures := refused | failures:
                raise self._failure(nodes, failures)

    def _judged(self, written: Written, slot: int, moved: set[int]) -> Written:
        """Return the answer to a write; if the slot was moving, what is missing may be missing alone.

        While the keys of a slot are on their way, a node that dies has some of them, and another one the rest. So if
        the number is missing, as after an eviction, nobody knows what else is.
        """
        if written.outcome is not Applied.LOST:
            self._moved -= {slot} - moved
            return written
        return replace(written, evicted=None) if slot in self._moved or slot in moved else written

    def write_heartbeat(self, agent: str, fields: Mapping[str, str | int]) -> Condition:
        """Replace the hash of `agent`, and return what the nodes say about themselves, as far as they are there."""
        with self._connected() as nodes:
            answers, failure = self._answers(nodes, [heartbeat_call(agent, fields)])
            if failure:
                raise failure
            try:
                with any_errors(self.name):
                    checked_heartbeat(answers[0])
            except StoreError as error:
                raise HeartbeatRefusedError(str(error)) from error
            return self._condition(nodes)

    def write_hashes(self, hashes: Sequence[Hash]) -> int:
        """Merge `hashes` into the store, slot by slot, and return how many keys were left unchanged."""
        by_slot: dict[int, list[int]] = {}
        for place, each in enumerate(hashes):
            by_slot.setdefault(slot_of(each.key), []).append(place)
        slots = list(by_slot.values())
        refused, errors = 0, list[ResponseError]()
        with self._connected() as nodes:
            answers, failure = self._answers(nodes, [hashes_call([hashes[place] for place in slot]) for slot in slots])
            for position, answer in answers.items():
                try:
                    refused += checked_hashes(answer, len(slots[position]))
                except ResponseError as error:
                    errors.append(error)
                    refused += len(slots[position])
            if isinstance(failure, PartlyAwayError):
                unanswered = [slot for position, slot in enumerate(slots) if position not in answers]
                failure.unanswered = tuple(place for slot in unanswered for place in slot)
            if failure:
                raise failure
            if errors and len(errors) == len(slots):
                raise HashesRefusedError(str(store_error(self.name, errors[0]))) from errors[0]
            return refused

    def disconnect(self) -> None:
        """Close all connections."""
        nodes, self._nodes = self._nodes, None
        if nodes is not None:
            nodes.close()

    def connections(self) -> frozenset[TcpEnds]:
        """Return our TCP connections to the nodes."""
        return self._store.connections()

    def _answers(self, nodes: Nodes, calls: Sequence[ScriptCall]) -> tuple[dict[int, object], StoreError | None]:
        """Return the answers by the places of their calls, and why some are missing."""
        answers: dict[int, object] = {}
        failures = Router(nodes).call(calls, answers.__setitem__)
        return answers, self._failure(nodes, failures) if failures else None

    def _failure(self, nodes: Nodes, failures: Mapping[Endpoint | None, StoreError]) -> StoreError:
        """Return one error for the failures of some nodes; it says whether there is another that may work."""
        error = joined_errors(self.name, list(failures.values()))
        return error if nodes.are_all(failures) else PartlyAwayError(str(error))

    def _condition(self, nodes: Nodes) -> Condition:
        """Return the sum over all nodes, as far as is known of those that are away."""
        unsaved: list[str] = []
        for endpoint in nodes.topology.primaries:
            try:
                with any_errors(nodes.name_of(endpoint)):
                    condition = read_condition(nodes.client(endpoint))
            except StoreError as error:
                nodes.fail(endpoint, error)
                continue
            if condition.evicted is not None:
                self._evicted[endpoint] = condition.evicted
            unsaved += [f"node {endpoint}: {condition.unsaved}"] if condition.unsaved else []
        return Condition(sum(self._evicted.values()) if self._evicted else None, unsaved[0] if unsaved else "")

    @contextmanager
    def _connected(self) -> Iterator[Nodes]:
        """Yield the nodes, and disconnect on any error but a refusal and the failure of some nodes."""
        if self._nodes is None:
            raise StoreError(f"store {self.name}: not connected")
        try:
            yield self._nodes
        except (RefusedError, PartlyAwayError):
            raise
        except StoreError:
            self.disconnect()
            raise


def _carefully(step: Callable[[], None], mistakes: list[Exception]) -> None:
    """Take `step`, and keep what it raises in `mistakes`."""
    try:
        step()
    except Exception as mistake:  # noqa: BLE001 - raised by whoever keeps it
        mistakes.append(mistake)


def _written(answer: object, keys: int) -> Written:
    """Return what `answer` says of a write; raise what the store refused."""
    if isinstance(answer, ResponseError):
        raise answer
    return Written.from_answer(answer, keys)
