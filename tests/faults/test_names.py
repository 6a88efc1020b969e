"""The name of a store resolves to another address while the agent runs: it is asked for at every connection."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from support.agents import recorded, replayed, watching
from support.networks import Namespace, send, wait_until
from support.serving import Server, programs

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = "95.136.242.0/24"
NAME = "store.example.net"


@contextmanager
def hosts(space: Namespace) -> Iterator[Path]:
    """Give `space` a file of hosts of its own, which `ip netns exec` puts in the place of /etc/hosts."""
    directory = Path("/etc/netns", space.name)
    directory.mkdir(parents=True)
    try:
        yield directory / "hosts"
    finally:
        shutil.rmtree(directory)


def test_a_store_that_moves_to_another_address_is_found_there(
    ends: tuple[Namespace, Namespace], tmp_path: Path, shipped_captures: Path
) -> None:
    """What was counted meanwhile is written there, once."""
    far, near = ends
    capture = shipped_captures / "dpkt-nb6-http.pcap"
    with hosts(near) as names:
        names.write_text(f"127.0.0.1 {NAME}\n")
        with near.entered():
            server = Server(programs()["valkey"](), tmp_path).start()
        url = f"valkey://{NAME}:{server.port}"
        with watching(near, url, tmp_path, "--our-nets", OURS) as agent, server.client() as admin:
            send(far, "far0", capture)
            wait_until(lambda: bool(recorded(server)))
            admin.config_set("bind", "127.0.0.2")
            admin.client_kill_filter(_type="normal", skipme=True)
            send(far, "far0", capture)
            wait_until(lambda: "trying again" in agent.log())
            names.write_text(f"127.0.0.2 {NAME}\n")
            wait_until(lambda: "writing again" in agent.log())
            ledger = agent.end()

    expected = {key: 2 * count for key, count in replayed(capture, our_nets=[OURS]).items()}
    assert recorded(server) == expected
    assert ledger["outcomes"].get("own_traffic", 0) == 0  # the loopback interface is not listened to
    server.kill()
