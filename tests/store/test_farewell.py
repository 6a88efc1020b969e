"""A server that is told to save and to exit: it goes, refuses, or does not answer in time."""

from __future__ import annotations

import signal
import socket
import time
from typing import TYPE_CHECKING

from shodohflo.store.access import users
from shodohflo.store.farewell import say_farewell
from support.serving import PATIENCE, Server, programs

if TYPE_CHECKING:
    from pathlib import Path

KEY = "5" * 64


def a_server(directory: Path) -> Server:
    """Return a server with the users of an embedded store."""
    words = [word for name, rights in users(KEY).items() for word in ("--user", name, *rights)]
    return Server(programs()["valkey"](), directory, tuple(words)).start()


def has_ended(server: Server) -> bool:
    """Return whether the server exits on its own."""
    assert server.process is not None
    return server.process.wait(PATIENCE) == 0


def test_it_saves_and_goes(tmp_path: Path) -> None:
    """The agents' key gives the right to tell it."""
    server = a_server(tmp_path)

    assert say_farewell(server.path, KEY, lambda: PATIENCE, saving=True) == ""
    assert has_ended(server)
    assert (tmp_path / "dump.rdb").exists()


def test_it_goes_without_saving(tmp_path: Path) -> None:
    """What nobody wants to keep is not written."""
    server = a_server(tmp_path)

    assert say_farewell(server.path, KEY, lambda: PATIENCE, saving=False) == ""
    assert has_ended(server)
    assert not (tmp_path / "dump.rdb").exists()


def test_it_refuses_whom_it_does_not_know_and_says_why(tmp_path: Path) -> None:
    """Without the key, nobody may end it."""
    server = a_server(tmp_path)

    assert "SHUTDOWN" in str(say_farewell(server.path, "", lambda: PATIENCE, saving=True)).upper()
    assert server.answers()
    server.kill()


def test_it_refuses_if_it_cannot_save(tmp_path: Path) -> None:
    """It goes on running, so that it can be told to go without."""
    server = a_server(tmp_path)
    (tmp_path / "dump.rdb").mkdir()

    assert "SHUTDOWN" in str(say_farewell(server.path, KEY, lambda: PATIENCE, saving=True))
    assert server.answers()
    server.kill()


def test_one_that_does_not_answer_obeys_when_it_goes_on(tmp_path: Path) -> None:
    """The caller is told so as soon as no time is left, and the order stands."""
    server = a_server(tmp_path)
    server.send(signal.SIGSTOP)
    begun = time.monotonic()

    assert say_farewell(server.path, KEY, lambda: begun + 0.2 - time.monotonic(), saving=True) is None
    assert time.monotonic() - begun < 1
    server.send(signal.SIGCONT)
    assert has_ended(server)
    assert (tmp_path / "dump.rdb").exists()


def test_one_that_is_not_there_has_gone(tmp_path: Path) -> None:
    """A socket without a server, and no socket at all."""
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "left"))

    assert say_farewell(tmp_path / "left", KEY, lambda: 0.0, saving=True) == ""
    assert say_farewell(tmp_path / "none", KEY, lambda: 0.0, saving=True) == ""
