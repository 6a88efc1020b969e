"""`shodohflo reload` waits for the agent's answer and prints it."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.agents import NAME, Watching, watching
from support.networks import Namespace, join, namespace
from support.serving import PATIENCE, Server, programs, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    from cli.conftest import Command

    Reload = Callable[..., Result]

RULES = """\
from shodohflo.pcap_config import *
NETWORK_ENUMERATION = NetworkEnumeration(("our_nets", OUR_4NETS), ("bert", "10.0.0.1/32"), ("all", "0.0.0.0/0"))
FLOW_MAPPING = FlowMapping((None, "our_nets", LowerPort(SRC)), ("our_nets", None, LowerPort(DST)))
"""
TRAPPED = RULES.replace("FlowMapping(", 'FlowMapping((None, "bert", LowerPort()), ')

MUTE = """
import sys
from pathlib import Path
from shodohflo.agent.pidfile import AgentFiles, PidFile, ReloadStatus

with PidFile(AgentFiles(Path(sys.argv[1]), "mute")) as pid_file:
    pid_file.write_status(ReloadStatus())
    print("running", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(name="here")
def _here() -> Iterator[Namespace]:
    """Return a namespace whose `near0` has an address and receives nothing."""
    with namespace() as far, namespace() as near:
        join(far, "far0", near, "near0")
        near.ip("addr", "add", "192.168.9.1/24", "dev", "near0")
        yield near


@pytest.fixture(name="server")
def _server(tmp_path: Path) -> Iterator[Server]:
    server = Server(programs()["valkey"](), tmp_path).start()
    yield server
    server.kill()


@pytest.fixture(name="reload")
def _reload(shodohflo: Command, tmp_path: Path) -> Reload:
    """Return a function that reloads the agent in `tmp_path`."""

    def reload(*arguments: str) -> Result:
        return shodohflo("reload", *arguments, env={"SHODOHFLO_RUN_DIR": str(tmp_path / "run")})

    return reload


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    path = tmp_path / "rules.py"
    path.write_text(RULES)
    return path


@pytest.fixture(name="agent")
def _agent(here: Namespace, server: Server, path: Path, tmp_path: Path) -> Iterator[Watching]:
    words = ("near0", "--config", str(path), "--our-nets", "192.168.0.0/16")
    with watching(here, f"unix://{server.path}", tmp_path, *words) as agent:
        yield agent


def field(server: Server, name: str) -> str | None:
    """Return a field of the agent's hash."""
    with server.client() as client:
        told = client.hget(f"agent;{NAME}", name)
        assert told is None or isinstance(told, str)
        return told


def test_a_file_that_is_good_is_taken(agent: Watching, server: Server, path: Path, reload: Reload) -> None:
    """The agent adopts each valid change of its file, and --our-nets stays in force."""
    told = []
    for ttl in (60, 70):
        path.write_text(f"{RULES}TTL_GRACE = {ttl}\n")
        told.append(reload())

    assert [result.exit_code for result in told] == [0, 0]
    assert all(result.stdout.startswith(f"{NAME} runs {path} (SHA-256 ") for result in told)
    assert told[0].stdout != told[1].stdout
    wait_until(lambda: field(server, "lifetime") == "70", "the agent's hash tells of it")
    assert field(server, "our_nets") == "192.168.0.0/16"
    assert str(field(server, "configuration.digest"))[:12] in told[1].stdout
    agent.end()


def test_a_file_with_an_error_changes_nothing(agent: Watching, server: Server, path: Path, reload: Reload) -> None:
    """The reason of a refusal is printed in one line, logged, and in the agent's hash until a valid file is adopted."""
    with_error = RULES.replace('(None, "our_nets"', '(None, "our_net"')
    path.write_text(with_error)

    refused = reload()
    reason = (
        f"{path}:3:28: FLOW_MAPPING[0]: there is no network 'our_net' in NETWORK_ENUMERATION; did you mean 'our_nets'?"
    )
    wait_until(lambda: field(server, "configuration.error") == reason, "the agent's hash tells of it")
    path.write_text(RULES)
    taken = reload("--name", NAME)
    wait_until(lambda: field(server, "configuration.error") is None, "the agent's hash is silent again")

    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"shodohflo: {NAME} refused it: {reason} (and keeps {path} (SHA-256 ")
    assert len(refused.stderr.splitlines()) == 1
    assert f"the configuration stays as it was: {reason}" in agent.log()
    assert taken.exit_code == 0
    agent.end()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "no such file"),
        (lambda path: path.chmod(0o666), "may be written by others"),
        (lambda path: path.write_text("FLOW_MAPPING = FlowMapping("), "1:27: '(' was never closed"),
        (lambda path: path.write_text("raise SystemExit"), "SystemExit"),
    ],
    ids=["deleted", "writable", "cut", "ending"],
)
def test_a_file_that_cannot_be_used_is_refused(
    agent: Watching, path: Path, reload: Reload, spoil: Callable[[Path], None], reason: str
) -> None:
    """A reload is refused for the same reasons as a start."""
    spoil(path)

    result = reload()

    assert result.exit_code == 1
    assert reason in result.stderr
    agent.end()


def test_findings_are_logged(agent: Watching, path: Path, reload: Reload) -> None:
    """A file with warnings is adopted, and the warnings are logged."""
    path.write_text(RULES + "TTL_GARCE = 3\n")

    result = reload()

    assert result.exit_code == 0
    assert "TTL_GARCE is not a setting (did you mean TTL_GRACE?)" in agent.log()
    agent.end()


def test_networks_that_were_derived_are_derived_again(
    here: Namespace, server: Server, path: Path, tmp_path: Path, reload: Reload
) -> None:
    """A reload derives our networks again, and refuses one that swallows a named host."""
    with watching(here, f"unix://{server.path}", tmp_path, "near0", "--config", str(path)) as agent:
        here.ip("addr", "add", "172.16.5.1/24", "dev", "near0")
        more = reload()
        wait_until(lambda: field(server, "our_nets") == "172.16.5.0/24 192.168.9.0/24", "the agent's hash tells of it")
        here.ip("addr", "add", "10.0.0.1/24", "dev", "near0")
        path.write_text(TRAPPED)
        swallowed = reload()
        agent.end()

    assert more.exit_code == 0
    assert swallowed.exit_code == 1
    assert "10.0.0.0/24, derived from this machine's addresses, swallows 10.0.0.1/32" in swallowed.stderr


def test_an_agent_that_does_not_answer_is_waited_for_and_no_longer(
    agent: Watching, tmp_path: Path, reload: Reload
) -> None:
    """A request times out with status 1; the agent still reloads as soon as it can."""
    # Without this file, no signal is sent: the agent may not expect one yet.
    wait_until((tmp_path / "run" / f"{NAME}.reloads").exists, "the agent can be asked to reload")
    agent.process.send_signal(signal.SIGSTOP)
    result = reload("--timeout", "0.3")
    agent.process.send_signal(signal.SIGCONT)
    wait_until(lambda: agent.log().count("INFO configuration: ") == 2, "it has reloaded all the same")
    agent.end()

    assert result.exit_code == 1
    assert result.stderr == f"shodohflo: {NAME} has not answered within 0.3 s; its log may tell why\n"


def test_an_agent_that_ends_meanwhile_is_no_agent_that_answers(tmp_path: Path, reload: Reload) -> None:
    """An agent that SIGHUP kills is reported as ended."""
    arguments = [sys.executable, "-c", MUTE, str(tmp_path / "run")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as mute:
        assert mute.stdout is not None
        assert mute.stdout.readline() == "running\n"
        result = reload()
        mute.wait(PATIENCE)

    assert result.exit_code == 1
    assert result.stderr == "shodohflo: mute ended before it answered; its log may tell why\n"


def test_no_agent_is_said(reload: Reload) -> None:
    """A request without a running agent fails with status 1."""
    result = reload("--name", "nobody")

    assert result.exit_code == 1
    assert "no agent called nobody is running here" in result.stderr
