"""Sessions: the counters continue when the configuration is replaced."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap
from valkey import Valkey

from shodohflo.config import Configuration, load
from shodohflo.store.connection import SocketStore
from support.holding import HoldingWire
from support.networks import Namespace, namespace, send
from support.serving import PATIENCE, Server, programs
from support.sessions import OURS, PACKETS, a_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shodohflo.agent.session import Session


@pytest.fixture(name="far")
def _far() -> Iterator[Namespace]:
    """Return the namespace that sends."""
    with namespace() as far:
        yield far


@pytest.fixture(name="session")
def _session(far: Namespace, tmp_path: Path) -> Iterator[Session]:
    with a_session(far, tmp_path) as session:
        yield session


def test_other_rules_decide_from_then_on_and_no_count_begins_anew(
    far: Namespace, session: Session, shipped_captures: Path, tmp_path: Path
) -> None:
    """Packets received before a change are decided by the old rules, later ones by the new rules."""
    capture = shipped_captures / "dpkt-nb6-http.pcap"
    changed = tmp_path / "changed.py"
    changed.write_text(
        "from shodohflo.pcap_config import *\n"
        "NETWORK_ENUMERATION = NetworkEnumeration(('all', '0.0.0.0/0', '::/0'))\n"
        "FLOW_MAPPING = FlowMapping((None, None, Assign(SRC, SRC, drop=True)))\n"
    )
    send(far, "far0", capture)
    session.receive(1.0)
    before = session.status()

    session.adopt(Configuration(load(changed, {}, privileged=False), OURS))
    send(far, "far0", capture)
    session.receive(1.0)
    after = session.finish()

    assert (before.ledger.received, after.ledger.received) == (PACKETS, 2 * PACKETS)
    flows = before.ledger.outcomes["recorded.flow"]
    assert flows > 0
    assert after.ledger.outcomes["recorded.flow"] == flows
    assert after.ledger.outcomes["dropped.FLOW_MAPPING[0]"] >= flows
    assert before.configuration.digest != after.configuration.digest
    assert after.configuration.path == changed
    assert after.unmatched == before.unmatched


def test_a_status_is_a_copy(far: Namespace, session: Session, shipped_captures: Path) -> None:
    """A status does not change when more packets arrive."""
    before = session.status()
    kept = replace(before)

    send(far, "far0", shipped_captures / "dpkt-nb6-http.pcap")
    session.receive(1.0)

    assert before.ledger.received == kept.ledger.received == 0
    assert session.status().ledger.received == PACKETS
    session.finish()


def test_packets_of_networks_without_a_rule_are_told_by_name(
    far: Namespace, session: Session, shipped_captures: Path
) -> None:
    """Unmatched packets are counted by the names of their networks."""
    send(far, "far0", shipped_captures / "brimcap-alerts.pcap")
    session.receive(1.0)

    unmatched = session.finish().unmatched

    assert unmatched.keys() == {("all", "all")}
    assert unmatched["all", "all"] > 0


FAILING = """
from shodohflo.pcap_config import *

class Failing(MappingAction):
    def match(self, *ends):
        raise RuntimeError("{word}")

NETWORK_ENUMERATION = NetworkEnumeration(("all", "0.0.0.0/0", "::/0"))
FLOW_MAPPING = FlowMapping((None, None, Failing()), (None, None, LowerPort()))
"""


def test_failures_of_own_actions_count_on(
    far: Namespace, session: Session, shipped_captures: Path, tmp_path: Path
) -> None:
    """Failures of custom actions continue by rule number after a reload, and the last failure is the new rule's."""
    capture, path = shipped_captures / "dpkt-nb6-http.pcap", tmp_path / "failing.py"
    counts, last = [], []

    for word in ("first", "second"):
        path.write_text(FAILING.format(word=word))
        session.adopt(Configuration(load(path, {}, privileged=False), OURS))
        send(far, "far0", capture)
        session.receive(1.0)
        status = session.status()
        counts.append(status.to_fields()["failures.FLOW_MAPPING[0]"])
        last.append(status.rules.last_failure[0])

    assert counts[1] == 2 * int(counts[0]) > 0
    assert [word in line for word, line in zip(("first", "second"), last, strict=True)] == [True, True]


def test_a_mapping_that_stays_the_same_object_counts_nothing_twice(
    far: Namespace, session: Session, shipped_captures: Path, tmp_path: Path
) -> None:
    """Failures are not counted twice if a reload adopts the same mapping object, as when rules are imported."""
    path = tmp_path / "failing.py"
    path.write_text(FAILING.format(word="always"))
    configuration = Configuration(load(path, {}, privileged=False), OURS)
    session.adopt(configuration)
    send(far, "far0", shipped_captures / "dpkt-nb6-http.pcap")
    session.receive(1.0)
    before = session.status().to_fields()["failures.FLOW_MAPPING[0]"]

    session.adopt(configuration)

    assert session.status().to_fields()["failures.FLOW_MAPPING[0]"] == before


def test_another_lifetime_holds_from_then_on(
    far: Namespace, session: Session, shipped_captures: Path, tmp_path: Path
) -> None:
    """Keys written after a reload have the new lifetime."""
    capture, path = shipped_captures / "dpkt-nb6-http.pcap", tmp_path / "short.py"
    path.write_text("TTL_GRACE = 77\n")
    send(far, "far0", capture)
    session.receive(1.0)

    session.adopt(Configuration(load(path, {}, privileged=False), OURS))
    send(far, "far0", capture)
    session.receive(1.0)
    session.finish()

    with Valkey(unix_socket_path=str(tmp_path / "s.sock"), decode_responses=True, socket_timeout=PATIENCE) as client:
        lifetimes = {client.ttl(key) for key in client.scan_iter("client;*")}
    assert lifetimes
    assert all(0 < lifetime <= 77 for lifetime in lifetimes)


@pytest.fixture(name="dead")
def _dead(far: Namespace, session: Session, shipped_captures: Path, tmp_path: Path) -> Session:
    """Return a session with recorded packets whose store has just gone away."""
    with Valkey(unix_socket_path=str(tmp_path / "s.sock"), socket_timeout=PATIENCE) as client:
        client.shutdown(nosave=True)
    send(far, "far0", shipped_captures / "dpkt-nb6-http.pcap")
    session.receive(1.0)
    return session


def test_whoever_is_in_a_hurry_does_not_wait_for_the_store(dead: Session, caplog: pytest.LogCaptureFixture) -> None:
    """The wait is announced with what is at stake, and ends at once when no time is left; the rest is given up."""
    begin = time.monotonic()

    ended = dead.finish(lambda _: 0.0)

    assert time.monotonic() - begin < 1
    assert ended.state == "cut short"
    recorded = sum(count for name, count in ended.ledger.outcomes.items() if name.startswith("recorded."))
    assert ended.given_up == recorded > 0
    [notice] = [record.getMessage() for record in caplog.records if "waiting for" in record.getMessage()]
    assert notice.startswith(f"waiting for {ended.identity.store} to take {recorded} recorded packets, for ")


def test_a_store_that_comes_back_in_time_gets_everything(
    dead: Session, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While the agent waits, the store is tried again."""
    server = Server(programs()["valkey"](), tmp_path)

    def bring_back(longest: float) -> float:
        if "waiting for" in caplog.text and server.process is None:
            server.start()
        return longest

    ended = dead.finish(bring_back)
    server.kill()

    assert (ended.state, ended.given_up) == ("ended", 0)
    assert "waiting for" in caplog.text


@pytest.fixture(name="slow")
def _slow(far: Namespace, tmp_path: Path) -> Iterator[Session]:
    """Return a session with the rows of six writes, whose store takes half a second for each and has to be patient."""
    path, never = tmp_path / "wire", Event()
    packets = [Ether() / IP(src="198.51.100.1", dst="95.136.242.1") / UDP(sport=port) for port in range(1, 2401)]
    wrpcap(str(tmp_path / "many.pcap"), packets)
    with (
        HoldingWire(path, tmp_path / "s.sock", lambda: never.wait(0.5)),
        a_session(far, tmp_path, store=SocketStore(path), patience=60.0) as session,
    ):
        send(far, "far0", tmp_path / "many.pcap")
        session.receive(1.0)
        yield session


def test_a_store_that_is_slow_gets_everything(slow: Session, caplog: pytest.LogCaptureFixture) -> None:
    """A store that needs long is waited for as long as the session is patient, which it says."""
    begin = time.monotonic()

    ended = slow.finish()

    assert time.monotonic() - begin > 2.0
    assert (ended.state, ended.given_up, ended.writer.packets) == ("ended", 0, 2400)
    assert "for 60 s at most" in caplog.text


def test_whoever_is_in_a_hurry_does_not_wait_for_a_slow_store(slow: Session) -> None:
    """The wait ends when no time is left although the store takes one write after the other; the rest is named."""
    begin = time.monotonic()

    ended = slow.finish(lambda _: max(begin + 0.8 - time.monotonic(), 0))

    assert time.monotonic() - begin < 2.0
    assert ended.state == "cut short"
    assert ended.given_up + ended.writer.packets == 2400
    assert ended.given_up > 0


def test_a_store_that_is_there_is_not_waited_for(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    """Without an outage nothing is said."""
    assert session.finish().state == "ended"
    assert "waiting" not in caplog.text


def test_the_networks_of_the_configuration_are_published(session: Session, tmp_path: Path) -> None:
    """Readers can ask for them by name, and a reload publishes the new ones."""
    path = tmp_path / "notes.py"
    path.write_text(
        "from shodohflo.pcap_config import *\n"
        "NETWORK_ENUMERATION = NetworkEnumeration(('ours', OUR_4NETS), ('bert', '10.0.0.1/32'))\n"
        "FLOW_MAPPING = FlowMapping((None, 'bert', LowerPort()))\n"
    )

    before = session.status().to_fields()
    session.adopt(Configuration(load(path, {}, privileged=False), OURS))
    after = session.status().to_fields()

    assert [before[f"networks.{number}"] for number in (0, 1)] == [
        "95.136.242.0/24,fc00::/7 our_nets",
        "0.0.0.0/0,::/0 all",
    ]
    assert [after[f"networks.{number}"] for number in (0, 1)] == ["95.136.242.0/24 ours", "10.0.0.1/32 bert"]


def test_nothing_is_decided_before_the_store_has_told_its_services(
    far: Namespace, session: Session, shipped_captures: Path
) -> None:
    """Packets that come before the answer are received and wait; with the answer, the wait is over."""
    send(far, "far0", shipped_captures / "dpkt-nb6-http.pcap")
    begun = time.monotonic()

    session.begin(begun + PATIENCE, lambda: False)

    assert time.monotonic() - begun < PATIENCE
    session.receive(1.0)
    assert session.status().ledger.received == PACKETS


def test_a_store_that_is_away_is_not_waited_for(far: Namespace, tmp_path: Path) -> None:
    """Where nobody is there, nothing is waited for."""
    with a_session(far, tmp_path, store=SocketStore(tmp_path / "nobody"), patience=0.1) as session:
        begun = time.monotonic()
        session.begin(begun + 3_600, lambda: False)

        assert time.monotonic() - begun < PATIENCE


def test_a_silent_store_is_waited_for_until_the_time_or_the_end_of_the_run(far: Namespace, tmp_path: Path) -> None:
    """The wait is bounded, and a signal ends it."""
    with socket.socket(socket.AF_UNIX) as silent, ExitStack() as leaving:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        store = SocketStore(tmp_path / "silent")
        session = leaving.enter_context(a_session(far, tmp_path, store=store, patience=0.1))
        begun = time.monotonic()
        session.begin(begun + 0.2, lambda: False)
        assert 0.2 <= time.monotonic() - begun < PATIENCE

        session.begin(begun + 3_600, lambda: True)
        assert time.monotonic() - begun < PATIENCE


@pytest.mark.parametrize(("megabytes", "graded"), [("4", True), ("0", False)])
def test_evidence_is_a_choice(
    far: Namespace, tmp_path: Path, shipped_captures: Path, megabytes: str, *, graded: bool
) -> None:
    """With no memory for it no rule is graded, and every packet is recorded all the same."""
    with a_session(far, tmp_path, environment={"SHODOHFLO_EVIDENCE_MEMORY": megabytes}) as session:
        send(far, "far0", shipped_captures / "dpkt-nb6-http.pcap")
        session.receive(1.0)
        session.gather()
        ended = session.finish()

    assert ended.ledger.received == PACKETS
    assert ended.ledger.outcomes["recorded.flow"] > 0
    assert bool(ended.grades) == graded
