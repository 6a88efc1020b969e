"""Fixtures for tests of the command line: commands in this process and in their own, the demo capture, a store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from shodohflo.cli.program import program
from support.serving import Server, programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result

    Command = Callable[..., Result]
    Process = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Remove our variables from the environment, write files with permissions that root trusts, and keep Ctrl-C."""
    for name in [name for name in os.environ if name.startswith("SHODOHFLO_")]:
        monkeypatch.delenv(name)
    before, interrupt = os.umask(0o022), signal.getsignal(signal.SIGINT)
    yield
    os.umask(before)
    signal.signal(signal.SIGINT, interrupt)  # a program that was interrupted ignores further ones while it ends


@pytest.fixture
def shodohflo() -> Command:
    """Return a function that runs a command in this process."""

    def run(*arguments: str, **options: object) -> Result:
        return CliRunner().invoke(program, [str(argument) for argument in arguments], **options)  # type: ignore[arg-type] # the runner's own options

    return run


@pytest.fixture
def process() -> Process:
    """Return a function that runs a command in a process of its own, as users do."""

    def run(*arguments: str, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "shodohflo", *(str(argument) for argument in arguments)]
        return subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, env=os.environ | environment, timeout=60
        )

    return run


@pytest.fixture(scope="session")
def demo() -> Path:
    """Return the capture that comes with the package."""
    path = files("shodohflo") / "demo" / "demo.pcap"
    assert isinstance(path, Path)
    return path


@pytest.fixture(scope="session")
def cases() -> Path:
    """Return the folder of small captures from the field."""
    return Path(__file__).parents[1] / "data" / "cases"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a store for the tests of one file."""
    server = Server(programs()["valkey"](), tmp_path_factory.mktemp("store")).start()
    yield server
    server.kill()
