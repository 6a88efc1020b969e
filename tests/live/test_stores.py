"""Live tests of stores: an agent that writes to a cluster, and where its password is not."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shodohflo.store.slots import slot_of
from support.agents import recorded, replayed, watching
from support.clusters import Cluster
from support.networks import send
from support.serving import Server, programs

if TYPE_CHECKING:
    from support.networks import Namespace

_OURS = "95.136.242.0/24"
"""The network of the client in the capture."""

_SECRET = "never to be seen"


@pytest.fixture(name="capture")
def _capture(shipped_captures: Path) -> Path:
    return shipped_captures / "dpkt-nb6-http.pcap"


def test_a_cluster_holds_what_replay_of_the_same_capture_gives(
    ends: tuple[Namespace, Namespace], capture: Path, tmp_path: Path
) -> None:
    """The agent writes each key to the node of its slot."""
    far, near = ends
    near.ip("link", "set", "lo", "up")
    with near.entered():
        cluster = Cluster(programs()["valkey"](), tmp_path / "cluster").start()

    try:
        with watching(near, cluster.url, tmp_path, "--our-nets", _OURS) as agent:
            send(far, "far0", capture)
            agent.end()
        held = cluster.counts()
    finally:
        cluster.kill()

    assert held == replayed(capture, our_nets=(_OURS,))


def test_what_a_node_did_not_take_is_named_at_the_end(
    ends: tuple[Namespace, Namespace], capture: Path, tmp_path: Path
) -> None:
    """The packets of a flow whose node is away are named, although the node of their client took all."""
    far, near = ends
    near.ip("link", "set", "lo", "up")
    with near.entered():
        loose = ("--cluster-require-full-coverage", "no")
        cluster = Cluster(programs()["valkey"](), tmp_path / "cluster", arguments=loose).start()
    of_client = cluster.node_of(slot_of("client;95.136.242.99"))
    next(node for node in cluster.nodes if node is not of_client).kill()

    try:
        with watching(near, cluster.url, tmp_path, "--our-nets", _OURS) as agent:
            send(far, "far0", capture)
            agent.process.send_signal(signal.SIGTERM)
            status = agent.process.wait(timeout=30)
    finally:
        cluster.kill()

    last = agent.log().splitlines()[-1]
    assert status == 1, agent.log()
    assert re.fullmatch(r"shodohflo: [0-9]+ recorded packets never reached valkey\+cluster://.*", last), agent.log()


def test_a_password_from_a_file_is_in_no_other_place(
    ends: tuple[Namespace, Namespace], capture: Path, tmp_path: Path
) -> None:
    """It opens the store, and is neither in the arguments, the environment and the log, nor in what the store saves."""
    far, near = ends
    (tmp_path / "secret").write_text(f"{_SECRET}\n")
    server = Server(programs()["valkey"](), tmp_path, ("--rdbcompression", "no")).start()
    store = f"unix://{server.path}?password_file={tmp_path}/secret"

    try:
        with server.client() as admin:
            admin.config_set("requirepass", _SECRET)
            with watching(near, store, tmp_path, "--our-nets", _OURS) as agent:
                places = [Path(f"/proc/{agent.process.pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
                send(far, "far0", capture)
                agent.end()
            admin.config_set("requirepass", "")
            admin.save()
        held = recorded(server)
    finally:
        server.kill()

    assert held == replayed(capture, our_nets=(_OURS,))
    written = [(tmp_path / name).read_bytes() for name in ("log", "dump.rdb", "ledger.json")]
    assert not [octets for octets in (*places, *written) if _SECRET.encode() in octets]
