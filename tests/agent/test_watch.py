"""A watch counts on while its rules are replaced."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from live.networks import Namespace, join, namespace, send
from serving import Server, programs
from shodohflo.agent.options import RunOptions, Terms
from shodohflo.agent.watch import Watch
from shodohflo.capture.interfaces import Wanted
from shodohflo.capture.listener import Listener
from shodohflo.config import load
from shodohflo.store.connection import SocketStore
from shodohflo.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OURS = (ip_network("95.136.242.0/24"),)
_PACKETS = 62


@pytest.fixture(name="far")
def _far() -> Iterator[Namespace]:
    """Make the end that sends."""
    with namespace() as far:
        yield far


@pytest.fixture(name="watch")
def _watch(far: Namespace, tmp_path: Path) -> Iterator[Watch]:
    """Watch the other end, `near0`, in another namespace."""
    with ExitStack() as leaving:
        near = leaving.enter_context(namespace())
        join(far, "far0", near, "near0")
        server = Server(programs()["valkey"](), tmp_path).start()
        leaving.callback(server.kill)
        store = SocketStore(server.path)
        options = RunOptions(wanted=Wanted(), terms=Terms(load(None, {}), _OURS), store=store, name="bert")
        leaving.enter_context(near.entered())
        listener = leaving.enter_context(closing(Listener(options.wanted)))
        yield Watch(options, listener, leaving.enter_context(Writer(store, agent="bert", lifetime=900)))


def test_other_rules_decide_from_then_on_and_no_count_begins_anew(
    far: Namespace, watch: Watch, shipped_captures: Path, tmp_path: Path
) -> None:
    """What was received before counts by the old ones, what comes after by the new ones."""
    capture = shipped_captures / "dpkt-nb6-http.pcap"
    changed = tmp_path / "changed.py"
    changed.write_text(
        "from shodohflo.pcap_config import *\n"
        "NETWORK_ENUMERATION = NetworkEnumeration(('all', '0.0.0.0/0', '::/0'))\n"
        "FLOW_MAPPING = FlowMapping((None, None, Assign(SRC, SRC, drop=True)))\n"
    )
    send(far, "far0", capture)
    watch.receive(1.0)
    before = watch.status()

    watch.adopt(Terms(load(changed, {}, privileged=False), _OURS))
    send(far, "far0", capture)
    watch.receive(1.0)
    after = watch.finish()

    assert (before.ledger.received, after.ledger.received) == (_PACKETS, 2 * _PACKETS)
    flows = before.ledger.outcomes["recorded.flow"]
    assert flows > 0
    assert after.ledger.outcomes["recorded.flow"] == flows
    assert after.ledger.outcomes["dropped.FLOW_MAPPING[0]"] >= flows
    assert before.configuration.digest != after.configuration.digest
    assert after.configuration.path == changed
    assert after.unmatched == before.unmatched


def test_a_status_is_a_copy(far: Namespace, watch: Watch, shipped_captures: Path) -> None:
    """What is shown does not change while it is shown."""
    before = watch.status()
    kept = replace(before)

    send(far, "far0", shipped_captures / "dpkt-nb6-http.pcap")
    watch.receive(1.0)

    assert before.ledger.received == kept.ledger.received == 0
    assert watch.status().ledger.received == _PACKETS
    watch.finish()


def test_packets_of_networks_without_a_rule_are_told_by_name(
    far: Namespace, watch: Watch, shipped_captures: Path
) -> None:
    """The default rules are about our networks; the others of the enumeration are called all."""
    send(far, "far0", shipped_captures / "brimcap-alerts.pcap")
    watch.receive(1.0)

    unmatched = watch.finish().unmatched

    assert unmatched.keys() == {("all", "all")}
    assert unmatched["all", "all"] > 0
