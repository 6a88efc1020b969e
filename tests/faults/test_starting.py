"""How the agent starts with a store that only somebody can correct: not at all, or with `--wait-for-store`."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from support.agents import PROGRAM, environment, recorded, watching
from support.answering import answering
from support.encrypting import certify, tls_only
from support.networks import Namespace, send, wait_until
from support.serving import Server, free_port, programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OURS: Final = ("--our-nets", "95.136.242.0/24")

WRONG: Final = {
    "wrong password": ("valkey://:wrong@127.0.0.1:{port}", "correct user and password in the URL"),
    "no password": ("valkey://127.0.0.1:{port}", "the store asks for a password"),
    "no file": ("valkey://127.0.0.1:{port}?password_file=/nowhere", "password_file /nowhere: No such file"),
    "unknown user": ("valkey://nobody:right@127.0.0.1:{port}", "correct user and password in the URL"),
    "unknown database": ("valkey://:right@127.0.0.1:{port}/99", "the store has no database of that number"),
    "TLS against plain": ("valkeys://:right@127.0.0.1:{port}", "the port does not speak TLS: write valkey://"),
    "plain against TLS": ("valkey://127.0.0.1:{tls}", "the port speaks TLS only: write valkeys://"),
    "an unknown certificate": ("valkeys://127.0.0.1:{tls}", "name its authority with ?ssl_ca_certs=FILE"),
    "a web server": ("valkey://127.0.0.1:{web}", "no Valkey or Redis listens there"),
    "a mail server": ("valkey://127.0.0.1:{mail}", "no Valkey or Redis listens there"),
    "an SSH server": ("valkey://127.0.0.1:{ssh}", "no Valkey or Redis listens there"),
}
"""Stores that only somebody can correct, by what is wrong: the URL, and what the agent says."""

GREETINGS: Final = {
    "web": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "mail": b"220 mail.example.org ESMTP\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1\r\n",
}


@contextmanager
def with_tls(directory: Path) -> Iterator[int]:
    """Run a store that speaks TLS only, and yield its port."""
    port = free_port()
    directory.mkdir()
    words = tls_only(certify(directory / "certificate"), port)
    server = Server(programs()["redis"](), directory, words, port=0).start()  # it is built with TLS
    yield port
    server.kill()


@pytest.fixture
def places(ends: tuple[Namespace, Namespace], tmp_path: Path) -> Iterator[dict[str, int]]:
    """Return the ports of a store with a password and of servers that are no store, in the agent's namespace."""
    with ExitStack() as leaving:
        with ends[1].entered():
            server = Server(programs()["valkey"](), tmp_path, password="right").start()
            leaving.callback(server.kill)
            tls = leaving.enter_context(with_tls(tmp_path / "tls"))
            ports = {"tls": tls} | {name: leaving.enter_context(answering(said)) for name, said in GREETINGS.items()}
        yield {"port": server.port} | ports


@pytest.mark.parametrize("wrong", WRONG)
def test_it_ends_at_once_with_status_2(
    ends: tuple[Namespace, Namespace], places: dict[str, int], tmp_path: Path, wrong: str
) -> None:
    """One line says what is wrong and what to do, without the password."""
    url, said = WRONG[wrong]
    command = [*ends[1].prefix(), *PROGRAM, "run", *OURS, "--store", url.format(**places)]

    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(tmp_path), timeout=30)

    assert done.returncode == 2, done.stderr
    assert said in done.stderr.splitlines()[-1]
    assert ":wrong@" not in done.stderr
    assert ":right@" not in done.stderr


@pytest.mark.parametrize("wrong", WRONG)
def test_it_starts_where_it_is_to_wait_and_says_that_the_failure_lasts(
    ends: tuple[Namespace, Namespace], places: dict[str, int], tmp_path: Path, wrong: str
) -> None:
    """It counts meanwhile, and goes on trying."""
    url, said = WRONG[wrong]

    with watching(ends[1], url.format(**places), tmp_path, *OURS, "--wait-for-store") as agent:
        wait_until(lambda: "nothing is written until somebody corrects this" in agent.log())
        assert agent.process.poll() is None

    assert said in agent.log()


def test_what_was_counted_is_written_when_somebody_has_corrected_it(
    ends: tuple[Namespace, Namespace], tmp_path: Path, shipped_captures: Path
) -> None:
    """The password is set right in the store; everything since the start is in it."""
    server = Server(programs()["valkey"](), tmp_path, password="other").start()
    with watching(ends[1], f"unix://:right@{server.path}", tmp_path, *OURS, "--wait-for-store") as agent:
        send(ends[0], "far0", shipped_captures / "dpkt-nb6-http.pcap")
        wait_until(lambda: "nothing is written until somebody corrects this" in agent.log())
        with server.client() as admin:
            admin.config_set("requirepass", "right")
        server.password = "right"
        wait_until(lambda: "writing again" in agent.log(), seconds=60)
        ledger = agent.end()

    flows = sum(count for key, count in recorded(server).items() if key.endswith(";flow"))
    server.kill()
    assert flows == ledger["outcomes"]["recorded.flow"] > 0
