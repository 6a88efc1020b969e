"""Scale: what a store, an agent's writer and a reader need, through the real writer to real servers.

`python -m benchmarks.scale`, or `make bench-scale`, prints the figures that `docs/how-to/scale.md` calculates with:
keys and bytes for each flow, the processor time of the store and of the writer for each row that is written, for a
heartbeat and for an agent's look at its services, and the time of `flows` over several stores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from valkey.exceptions import ResponseError

from shodohflo.columns.addresses import Addresses
from shodohflo.columns.observations import Observations
from shodohflo.model import TCP, Rung
from shodohflo.store.connection import SocketStore
from shodohflo.store.dialogue import Dialogue
from shodohflo.store.kinds import named_by, sink_to
from shodohflo.store.services import read_services
from shodohflo.store.sinks.single import Single
from shodohflo.store.writer import Writer
from support.clusters import Cluster
from support.serving import Server, programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shodohflo.store.sinks import Sink

LIFETIME: Final = 900
"""Seconds that keys live, the default."""

_AT_ONCE: Final = 20_000
"""Rows that are offered at once."""

_PATIENCE: Final = 120.0
_PORTS: Final = np.array([22, 25, 53, 80, 123, 443, 993, 5060, 8080, 8443], np.uint16)
_SPREAD: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
_IDLE: Final = 1_000
"""Connections that are opened to see what they take."""

_LOOKS: Final = 10
_BEATS: Final = 20
_FIELDS: Final = 100
"""Fields of a heartbeat: an agent with three rules has about as many."""

_CLUSTER: Final = "cluster"
_SHODOHFLO: Final = str(Path(sys.executable).with_name("shodohflo"))


@dataclass(frozen=True, slots=True)
class Held:
    """What flows take in a store."""

    server: str
    family: int
    flows: int
    keys_per_flow: float
    bytes_per_flow: float


@dataclass(frozen=True, slots=True)
class Wrote:
    """What writing rows takes; rows of new flows make keys, rows of known flows add to them."""

    server: str
    rows: str
    per_second: int
    """Rows that one writer and one store write in a second, when neither waits for packets."""
    store_us: float
    """Microseconds of the store's processor for a row."""
    writer_us: float
    """Microseconds of the writer's processor for a row."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What another agent takes that counts the same flows: the numbers of its writes."""

    server: str
    keys: int
    kilobytes: int


@dataclass(frozen=True, slots=True)
class Beat:
    """What an agent takes of a store that has nothing to write: a heartbeat, and the question for lost writes."""

    server: str
    store_us: float
    """Microseconds of the store's processor for both, every ten seconds."""
    bytes_of_hash: int
    """Bytes of the agent's hash."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What an agent's look at the services of a store takes, which it does once a minute."""

    keys: int
    seconds: float
    store_seconds: float


@dataclass(frozen=True, slots=True)
class Read:
    """What `flows --json` takes, over several stores with as many flows each."""

    stores: int
    flows: int
    rows: str
    """`all`, or those of one client."""
    seconds: float
    reader_seconds: float
    megabytes: int
    """The most memory of the reader."""


def flows(number: int, *, family: int = 4, seed: int = 1, clients: int = 2_000, services: int = 20_000) -> Observations:
    """Return rows of `number` flows between so many clients and services; few are of the same two ends."""
    chance = np.random.default_rng(seed)
    zeros = np.zeros(number, np.uint8)
    now = np.full(number, time.time_ns(), np.int64)
    return Observations(
        kind=zeros,
        client=_addresses(family, 0x0A000000, 0xFD00_0000_0000_0000, chance.integers(1, clients + 1, number)),
        remote=_addresses(family, 0xC6120000, 0x2001_0DB8_0000_0000, chance.integers(1, services + 1, number)),
        client_port=np.zeros(number, np.uint16),
        port=chance.choice(_PORTS, number),
        protocol=np.full(number, TCP, np.uint8),
        code=zeros,
        rule=np.zeros(number, np.uint16),
        rung=np.full(number, Rung.LISTED, np.uint8),
        packets=np.full(number, 7, np.int64),
        octets=np.full(number, 4_200, np.int64),
        first=now,
        last=now,
    )


def _addresses(family: int, low: int, high: int, numbers: np.ndarray[Any, Any]) -> Addresses:
    version = np.full(len(numbers), family, np.uint8)
    if family == 4:
        return Addresses(version, np.zeros(len(numbers), np.uint64), (low + numbers).astype(np.uint64))
    # Interface identifiers of SLAAC fill all 64 bits, so the texts are as long as those of real hosts.
    return Addresses(version, np.full(len(numbers), high, np.uint64), numbers.astype(np.uint64) * _SPREAD)


@dataclass(frozen=True, slots=True)
class Place:
    """A store: one server, or several that make a cluster."""

    name: str
    servers: Sequence[Server]
    sink: Callable[[], Sink]

    def processor_seconds(self) -> float:
        """Return the time that all its processes have used."""
        return sum(_processor_seconds(server.process.pid) for server in self.servers if server.process)

    def used(self) -> int:
        """Return the bytes that it uses."""
        return sum(int(self._ask(server, "INFO", "memory")["used_memory"]) for server in self.servers)

    def keys(self) -> int:
        """Return the number of its keys."""
        return sum(int(self._ask(server, "DBSIZE")) for server in self.servers)

    def size_of(self, key: str) -> int:
        """Return the bytes of a key, wherever it is."""
        for server in self.servers:
            with suppress(ResponseError):  # MOVED
                return int(self._ask(server, "MEMORY", "USAGE", key))
        return 0

    @staticmethod
    def _ask(server: Server, *command: str) -> Any:  # noqa: ANN401 - the library's
        with server.client() as client:
            return client.execute_command(*command)


@contextmanager
def a_server(program: str) -> Iterator[Server]:
    """Start a server with nothing in it."""
    with tempfile.TemporaryDirectory(prefix="scale") as folder:
        server = Server(programs()[program](), Path(folder)).start()
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def a_place(name: str) -> Iterator[Place]:
    """Start a store with nothing in it: that of a program, or a cluster of three Valkeys."""
    if name != _CLUSTER:
        with a_server(name) as server:
            yield Place(name, [server], lambda: Single(SocketStore(server.path)))
        return
    with tempfile.TemporaryDirectory(prefix="scale") as folder:
        cluster = Cluster(programs()["valkey"](), Path(folder)).start()
        try:
            yield Place(name, cluster.nodes, lambda: sink_to(named_by(cluster.url)))
        finally:
            cluster.kill()


def write(place: Place, rows: Observations, times: int = 1) -> Wrote:
    """Write `rows` so many times, each time after the one before; the first time makes the keys."""
    with Writer(place.sink(), agent="scale", lifetime=LIFETIME) as writer:
        store, ours, wall = place.processor_seconds(), time.process_time(), time.perf_counter()
        for _ in range(times):
            for start in range(0, len(rows), _AT_ONCE):
                writer.offer(rows[start : start + _AT_ONCE], ("the lower port is the service",))
                assert writer.flush(_PATIENCE, _PATIENCE)
        wall, ours = time.perf_counter() - wall, time.process_time() - ours
        store = place.processor_seconds() - store
    written = len(rows) * times
    return Wrote(place.name, "", round(written / wall), round(store / written * 1e6, 1), round(ours / written * 1e6, 1))


def hold(name: str, family: int, number: int) -> Iterator[Held | Wrote | Joined]:
    """Write flows that are new, then the same flows again, to a store with nothing in it."""
    rows = flows(number, family=family)
    with a_place(name) as place:
        used, keys = place.used(), place.keys()
        new = replace(write(place, rows), rows=f"new, IPv{family}")
        more, names = place.used() - used, place.keys() - keys
        yield Held(name, family, number, round(names / number, 2), round(more / number))
        yield new
        # Each writer has a session of its own.
        yield replace(write(place, rows, 2), rows=f"known, IPv{family}")
        yield Joined(name, place.keys() - keys - names, (place.used() - used - more) // 1024)


def beat(name: str, number: int) -> Beat:
    """Let an agent that has written so many flows say that it is there."""
    fields = {f"outcome.number-{field:03d}": field * 1_000 for field in range(_FIELDS)}
    with a_place(name) as place, Writer(place.sink(), agent="scale", lifetime=LIFETIME) as writer:
        writer.offer(flows(number))
        assert writer.flush(_PATIENCE, _PATIENCE)
        spent = place.processor_seconds()
        for _ in range(_BEATS):
            writer.heartbeat(fields)
            assert writer.flush(_PATIENCE, _PATIENCE)
        spent = place.processor_seconds() - spent
        return Beat(name, round(spent / _BEATS * 1e6), place.size_of("agent;scale"))


def look(program: str, sizes: Sequence[int]) -> Iterator[Looked]:
    """Look at the services of stores with so many flows, as every agent does once a minute."""
    for size in sizes:
        with a_place(program) as place:
            write(place, flows(size))
            store, wall = place.processor_seconds(), time.perf_counter()
            for _ in range(_LOOKS):
                read_services(Dialogue(SocketStore(place.servers[0].path).connect()), 60.0, seconds=_PATIENCE)
            seconds = (time.perf_counter() - wall) / _LOOKS
            spent = (place.processor_seconds() - store) / _LOOKS
            yield Looked(place.keys(), round(seconds, 3), round(spent, 3))


def connection_bytes(program: str) -> int:
    """Return the bytes of a store's memory that a connection takes that says nothing."""
    with a_server(program) as server, server.client() as client:
        before = int(client.info("memory")["used_memory"])
        clients = [SocketStore(server.path).connect() for _ in range(_IDLE)]
        used = int(client.info("memory")["used_memory"]) - before
        for each in clients:
            each.connection_pool.disconnect()
        return round(used / _IDLE)


def read(program: str, counts: Sequence[int], number: int) -> Iterator[Read]:
    """Read so many stores at once, each with `number` flows of its own clients: all rows, and those of one client."""
    with ExitStack() as leaving:
        places = [leaving.enter_context(a_place(program)) for _ in range(max(counts))]
        for seed, place in enumerate(places):
            write(place, flows(number, seed=seed))
        for count in counts:
            named = [word for place in places[:count] for word in ("--store", f"unix://{place.servers[0].path}")]
            for rows, words in (("all", ()), ("one client", ("--client", "10.0.0.7"))):
                yield Read(count, number, rows, *_ran([_SHODOHFLO, "flows", "--json", *words, *named]))


def _ran(command: Sequence[str]) -> tuple[float, float, int]:
    """Run a command; return its seconds, those of the processor, and the most megabytes that it had."""
    script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)"
    script += "; used = resource.getrusage(resource.RUSAGE_CHILDREN)"
    script += "; print(used.ru_utime + used.ru_stime, used.ru_maxrss)"
    wall = time.perf_counter()
    told = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, text=True, check=True)
    seconds, kilobytes = told.stdout.split()
    return round(time.perf_counter() - wall, 2), round(float(seconds), 2), int(kilobytes) // 1024


def _processor_seconds(pid: int) -> float:
    """Return the time that a process has spent on a processor, in seconds."""
    tasks = Path("/proc", str(pid), "task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9  # proc_pid_schedstat(5)


def main() -> None:
    """Measure everything, and print it as it comes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--flows", type=int, default=40_000, help="that are written (%(default)s)")
    parser.add_argument("--stores", type=int, nargs="*", default=[1, 4, 16, 64], help="that are read at once")
    parser.add_argument("--each", type=int, default=2_000, help="flows in each store that is read (%(default)s)")
    parser.add_argument(
        "--kind", action="append", choices=("valkey", "redis", _CLUSTER), help="only this; may be repeated"
    )
    chosen = parser.parse_args()
    for name in chosen.kind or ("valkey", "redis", _CLUSTER):
        for family in (4, 6):
            for each in hold(name, family, chosen.flows):
                _print(each)
        _print(beat(name, chosen.flows))
    print(f"bytes of the store for a connection: {connection_bytes('valkey')}", flush=True)
    for looked in look("valkey", [chosen.flows, chosen.flows * 4]):
        _print(looked)
    for done in read("valkey", chosen.stores, chosen.each):
        _print(done)
    for done in read("valkey", [1], chosen.flows):
        _print(done)


def _print(result: Held | Wrote | Joined | Beat | Looked | Read) -> None:
    print(type(result).__name__.lower(), json.dumps(asdict(result)), flush=True)


if __name__ == "__main__":
    main()
