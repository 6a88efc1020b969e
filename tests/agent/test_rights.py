"""Rights: an agent that root starts goes on as a user of its own, and can do all that it must, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EACCES, EPERM
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shodohflo.agent.rights import Rights, give_up_rights
from shodohflo.errors import ConfigurationError
from shodohflo.process import landlock
from support.forks import error_of, in_child, sets_of
from support.machine import require
from support.networks import Namespace, join, namespace, send, wait_until
from support.users import Machine, machine

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN, ALICE = 12345, 12346
NONE, RAW = "0" * 16, "0000000000002000"
PROGRAM = (sys.executable, "-m", "shodohflo")
OURS = "95.136.242.0/24"
CAPTURE = "dpkt-nb6-http.pcap"

RULES = """\
from shodohflo.pcap_config import *
NETWORK_ENUMERATION = NetworkEnumeration(("our_nets", OUR_4NETS), ("all", "0.0.0.0/0"))
FLOW_MAPPING = FlowMapping((None, "our_nets", LowerPort(SRC)), ("our_nets", None, LowerPort(DST)))
"""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent that root has started on a machine with users."""

    process: subprocess.Popen[bytes]
    here: Machine
    environment: dict[str, str]

    @property
    def log(self) -> str:
        """Return what it has logged."""
        return (self.here.directory / "log").read_text()

    @property
    def state(self) -> Path:
        """Return the directory of its store."""
        return Path(self.environment["SHODOHFLO_STATE_DIR"])

    def threads(self) -> list[dict[str, str]]:
        """Return the rights of all threads of the agent."""
        return [
            sets_of(f"{self.process.pid}/task/{each.name}") for each in Path(f"/proc/{self.process.pid}/task").iterdir()
        ]

    def server(self) -> dict[str, str]:
        """Return the rights of the server of its store, which is its child."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        [server] = [each for each in children if Path(f"/proc/{each}/comm").read_text().startswith("valkey")]
        return sets_of(server)

    def ask(self, *words: str, user: int = 0) -> subprocess.CompletedProcess[str]:
        """Run another command on the machine, as the user with this number."""
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        return subprocess.run(
            [*self.here.prefix(), *become, *PROGRAM, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            timeout=60,
        )

    def ended(self) -> dict[str, Any]:
        """End the agent, and return its ledger."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=30) == 0, self.log
        ledger: dict[str, Any] = json.loads((self.here.directory / "closed" / "ledger.json").read_text())
        return ledger


@contextmanager
def agent(
    here: Machine, space: Namespace, *words: str, before: tuple[str, ...] = (), variables: dict[str, str] | None = None
) -> Iterator[Agent]:
    """Run an agent that root starts in a directory of root's own; yield it once it listens."""
    closed = here.directory / "closed"
    closed.mkdir(mode=0o700, exist_ok=True)
    places = {"SHODOHFLO_STATE_DIR": str(here.directory / "state"), "SHODOHFLO_RUN_DIR": str(here.directory / "run")}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SUDO_", "SHODOHFLO_"))}
    environment |= places | (variables or {})
    command = [
        *space.prefix(),
        *here.prefix(),
        *before,
        *PROGRAM,
        "run",
        "--our-nets",
        OURS,
        "--ledger",
        "ledger.json",
        *words,
    ]
    with (here.directory / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=closed, stdout=log, stderr=log, env=environment)
    running = Agent(process, here, environment)
    try:
        wait_until(lambda: "configuration: " in running.log or process.poll() is not None)
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(name="ends")
def _ends() -> Iterator[tuple[Namespace, Namespace]]:
    """Return two joined namespaces, of which the second is the agent's."""
    require("setpriv", root=True)
    with namespace() as far, namespace() as near:
        join(far, "far0", near, "near0")
        yield far, near


def test_an_agent_of_root_is_its_own_user_and_does_all_that_it_must(
    ends: tuple[Namespace, Namespace], shipped_captures: Path
) -> None:
    """It has one capability, its store none; it hears a new interface, reloads, is found, and writes its files."""
    far, near = ends
    with machine({"shodohflo": OWN, "alice": ALICE}) as here:
        config = here.directory / "rules.py"
        config.write_text(RULES)
        words = ("near0", "--config", str(config))
        caller = {"SUDO_UID": str(ALICE), "SUDO_GID": str(ALICE)}
        with agent(here, near, *words, variables=caller) as running:
            threads, server = running.threads(), running.server()
            near.ip("link", "delete", "near0")
            join(far, "far0", near, "near0")
            wait_until(lambda: ": listening to it" in running.log)
            config.write_text(RULES + "TTL_GRACE = 1234\n")
            reloaded = running.ask("reload")
            send(far, "far0", shipped_captures / CAPTURE)
            wait_until(lambda: "95.136" in running.ask("flows", user=ALICE).stdout)
            asked = {name: running.ask(name, user=ALICE) for name in ("flows", "peers", "clients", "services", "recon")}
            erased = _raw(running, "FLUSHALL", ALICE), _raw(running, "GET x", ALICE), _raw(running, "GET x", 777)
            told = running.ended()
        log, owners = running.log, {path.stat().st_uid for path in (running.state, *running.state.iterdir())}
        saved = (running.state / "store.rdb").stat().st_size

    assert "running as user shodohflo with CAP_NET_RAW, confined by no_new_privs" in log
    assert "not confined" not in log
    assert "not handed over" not in log
    assert len(threads) > 1
    for rights in threads:
        assert (rights["Uid"].split(), rights["Gid"].split()) == ([str(OWN)] * 4, [str(OWN)] * 4)
        assert [rights[name] for name in ("CapPrm", "CapEff", "CapInh", "CapAmb", "CapBnd")] == [
            RAW,
            RAW,
            NONE,
            NONE,
            RAW,
        ]
        assert (rights["NoNewPrivs"], rights["Seccomp"]) == ("1", "2")
    assert [server[name] for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")] == [NONE] * 4
    assert (server["NoNewPrivs"], server["Seccomp"], server["Uid"].split()[0]) == ("1", "2", str(OWN))
    assert reloaded.returncode == 0, reloaded.stderr
    assert {name: each.returncode for name, each in asked.items()} == dict.fromkeys(asked, 0)
    assert "NOPERM" in erased[0]
    assert erased[1] == "$-1"
    assert "Permission denied" in erased[2]
    assert told["received"] == 62
    assert owners == {OWN}
    assert saved > 100


def _raw(running: Agent, command: str, user: int) -> str:
    """Return what the store answers to a command of a user."""
    code = (
        "import socket, sys\ns = socket.socket(socket.AF_UNIX)\n"
        "try: s.connect(sys.argv[1])\nexcept OSError as e: sys.exit(print(e.strerror))\n"
        "s.sendall(sys.argv[2].encode() + b'\\r\\n')\nprint(s.recv(1000).decode())"
    )
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    done = subprocess.run(
        [
            *running.here.prefix(),
            *become,
            "/usr/bin/env",
            sys.executable,
            "-I",
            "-c",
            code,
            running.state / "store.sock",
            command,
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    return done.stdout.strip()


def test_without_a_user_of_its_own_it_is_who_called_sudo(ends: tuple[Namespace, Namespace]) -> None:
    """Files that only the caller can read, such as a configuration in their home, can be used then."""
    with machine({"alice": ALICE}) as here:
        config = here.directory / "home-alice" / "rules.py"
        config.write_text(RULES)
        for path in (config, config.parent):
            os.chown(path, ALICE, ALICE)
        config.chmod(0o600)
        caller = {"SUDO_UID": str(ALICE), "SUDO_GID": str(ALICE), "HOME": "/root"}
        with agent(here, ends[1], "near0", "--config", str(config), variables=caller) as running:
            users = {rights["Uid"] for rights in running.threads()}
            reloaded = running.ask("reload")
            running.ended()

    assert users == {"\t".join([str(ALICE)] * 4)}
    assert reloaded.returncode == 0, reloaded.stderr


def test_a_service_of_systemd_keeps_its_user_and_passes_nothing_on(ends: tuple[Namespace, Namespace]) -> None:
    """With an ambient CAP_NET_RAW, as the unit gives it, the agent captures, and its store has no capability."""
    caps = [f"--{name}=-all,+net_raw" for name in ("inh-caps", "ambient-caps", "bounding-set")]
    with machine({"shodohflo": OWN}) as here:
        for name in ("state", "run", "closed"):
            (here.directory / name).mkdir(mode=0o750)
            os.chown(here.directory / name, OWN, OWN)
        before = ("setpriv", f"--reuid={OWN}", f"--regid={OWN}", "--clear-groups", *caps)
        with agent(here, ends[1], "near0", before=before) as running:
            threads, server = running.threads(), running.server()
            running.ended()

    [main, *_] = [rights for rights in threads if rights["CapAmb"] == NONE]
    assert (main["CapEff"], main["CapInh"], main["NoNewPrivs"]) == (RAW, NONE, "1")
    assert {rights["CapEff"] for rights in threads} == {RAW}
    assert (server["CapEff"], server["CapPrm"], server["CapAmb"], server["NoNewPrivs"]) == (NONE, NONE, NONE, "1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--user", "nobody-here"), "--user nobody-here: this machine has no such user"),
        (("--user", "daemon"), "--user daemon: this user cannot execute"),
    ],
)
def test_a_user_that_cannot_be_become_ends_it(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """A user that does not exist, or who cannot read the program, is one line with status 2, and nothing is made."""
    require(root=True)
    copied = tmp_path / "program"
    shutil.copytree(Path(__file__).parents[2] / "src" / "shodohflo", copied / "shodohflo")
    code = f"import sys; sys.path.insert(0, {str(copied)!r}); from shodohflo.cli import main; main()"
    places = {"SHODOHFLO_STATE_DIR": str(tmp_path / "s"), "SHODOHFLO_RUN_DIR": str(tmp_path / "r")}

    done = subprocess.run(
        [sys.executable, "-c", code, "run", *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | places,
    )

    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert said in done.stderr
    assert not (tmp_path / "s").exists()


def test_only_root_becomes_somebody_else() -> None:
    """Another user who names one gets an error, not another user's rights; its own name is no error."""
    require(root=True)

    def become(name: str) -> str:
        os.setresuid(65534, 65534, 65534)
        try:
            return give_up_rights(name, {}).user
        except ConfigurationError as error:
            return str(error)

    assert in_child(lambda: become("daemon")) == "--user daemon: only root can become another user: leave it out"
    assert in_child(lambda: become("nobody")) == "nobody"


def test_without_any_user_root_goes_on_without_its_rights(tmp_path: Path) -> None:
    """Root without a user of its own keeps its number and one capability, and neither writes nor administers others."""
    require(root=True)
    (tmp_path / "own").mkdir()
    (tmp_path / "theirs").touch(mode=0o600)
    os.chown(tmp_path / "theirs", 65534, 65534)
    environment = {"SHODOHFLO_STATE_DIR": str(tmp_path / "own")}

    def use() -> dict[str, Any]:
        rights = give_up_rights("root", environment).with_landlock([tmp_path / "own"])
        return {
            "rights": str(rights),
            "fields": rights.to_fields(),
            "own": error_of(lambda: (tmp_path / "own" / "file").write_text("x")),
            "elsewhere": error_of(lambda: (tmp_path / "file").write_text("x")),
            "theirs": error_of((tmp_path / "theirs").read_text),
            "chroot": error_of(lambda: os.chroot("/")),
            "device": error_of(lambda: Path("/dev/mem").read_bytes()),
        }

    done = in_child(use)

    assert done["rights"].startswith("user root with CAP_NET_RAW, confined by no_new_privs, seccomp")
    assert done["fields"]["capabilities"] == "CAP_NET_RAW"
    assert (done["own"], done["theirs"], done["chroot"]) == (0, EACCES, EPERM)
    assert done["device"] != 0
    if landlock.version():
        assert done["elsewhere"] == EACCES
        assert "Landlock" in done["fields"]["confined"]


def test_entering_namespaces_keeps_the_right_to_and_the_call() -> None:
    """With --netns, CAP_SYS_ADMIN stays, and setns is not filtered; without it neither is there."""
    require(root=True)

    def entering(*, enters: bool) -> list[Any]:
        rights = give_up_rights("root", {}, enters=enters)
        import ctypes  # noqa: PLC0415 - after the filter, as in the agent

        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net", "rb") as own:  # noqa: PTH123 - a descriptor
            return [rights.capabilities, libc.setns(own.fileno(), 0x40000000)]

    assert in_child(lambda: entering(enters=True)) == [["CAP_NET_RAW", "CAP_SYS_ADMIN"], 0]
    assert in_child(lambda: entering(enters=False)) == [["CAP_NET_RAW"], -1]


def test_what_a_kernel_does_not_have_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without Landlock, or with a place that is not there yet, the agent runs unconfined by it, and says why."""
    rights = Rights("bert", ("CAP_NET_RAW",), ("no_new_privs",))
    absent = rights.with_landlock([tmp_path / "absent"])
    monkeypatch.setattr(landlock, "version", lambda: 0)
    without = rights.with_landlock([tmp_path])
    with caplog.at_level("INFO"):
        without.log()

    assert absent.missing == (f"not confined by Landlock: {tmp_path / 'absent'} does not exist",)
    assert caplog.messages == [
        "running as user bert with CAP_NET_RAW, confined by no_new_privs",
        "not confined by Landlock, which this kernel does not have, or has switched off",
    ]
