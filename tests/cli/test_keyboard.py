"""Single keys from a terminal, which is restored however the program ends or stops."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from shodohflo.cli.keyboard import is_in_foreground, keys_in
from support.terminals import on_a_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from support.terminals import Terminal

PROGRAM = """
import signal, sys, threading
from shodohflo.cli.keyboard import Keyboard
ended = threading.Event()
def on_key(key):
    print("key", ascii(key), flush=True)
    if key == "e":
        ended.set()
def on_term(*_):
    raise SystemExit(3)
signal.signal(signal.SIGTERM, on_term)
with Keyboard(0, on_key, on_stop=lambda: print("stops", flush=True), on_resume=lambda: print("resumes", flush=True)):
    print("ready", flush=True)
    while not ended.wait(0.05):
        if sys.argv[1:] == ["fails"]:
            raise RuntimeError("it failed")
print("line", ascii(input()), flush=True)
"""


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    """Return the command that runs `PROGRAM`."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return [sys.executable, str(path)]


def ready(terminal: Terminal) -> None:
    """Wait until single keys are read."""
    terminal.shows("ready")
    terminal.until(lambda terminal: not terminal.is_canonical(), "single keys are read")


def test_keys_come_one_by_one_and_without_an_echo(program: list[str]) -> None:
    """Letters of any alphabet are keys; afterwards the terminal reads lines again, with an echo."""
    with on_a_terminal(program) as terminal:
        ready(terminal)
        terminal.type("aé\x7f")
        terminal.shows("key '\\x7f'")
        terminal.type("e")
        terminal.until(lambda terminal: terminal.is_canonical(), "it reads lines")
        terminal.type("words\n")

        assert terminal.end() == 0
        # Without the ends of lines: the kernel may lose one while the modes of a terminal change.
        assert "".join(terminal.lines) == "readykey 'a'key '\\xe9'key '\\x7f'key 'e'wordsline 'words'"


@pytest.mark.parametrize("word", ["fails", "is ended"])
def test_the_terminal_is_restored_after_an_exception(program: list[str], word: str) -> None:
    """An error in the program and an exception from a signal handler both restore it."""
    with on_a_terminal([*program, word]) as terminal:
        terminal.shows("ready")
        if word == "is ended":
            ready(terminal)
            terminal.process.send_signal(signal.SIGTERM)

        assert terminal.end() in {1, 3}
        assert terminal.is_canonical()


def test_a_stopped_program_leaves_the_terminal_to_the_shell(program: list[str]) -> None:
    """After Ctrl-Z and `bg` nothing is read, changed or stopped; `fg` gives the keys back."""
    with on_a_terminal(["bash", "--norc", "-i"], environment=os.environ | {"PS1": "READY> "}) as terminal:
        terminal.shows("READY>")
        terminal.type(f"{' '.join(program)}\n")
        ready(terminal)
        terminal.type("\x1a")
        terminal.shows("Stopped")
        terminal.type("bg; sleep 1.2; jobs; stty -a | grep -o ' icanon'; echo so\n")
        terminal.until(lambda terminal: "so" in terminal.lines, "the shell has answered")
        background = terminal.text
        terminal.type("fg\n")
        terminal.until(lambda terminal: terminal.lines.count("resumes") == 1, "it goes on")
        terminal.until(lambda terminal: not terminal.is_canonical(), "single keys are read again")
        terminal.type("x")
        terminal.shows("key 'x'")

        assert "Running" in background
        assert " icanon" in background.splitlines()
        assert terminal.text.count("stops") == 1


def test_arrow_keys_are_no_letters() -> None:
    """The sequences of arrow and function keys are left out; Escape alone is a key."""
    assert list(keys_in("a\x1b[Ab\x1bOP\x1b[15~\x1b[1;5Dc")) == ["a", "b", "c"]
    assert list(keys_in("\x1b")) == ["\x1b"]
    assert list(keys_in("\x1bq")) == ["\x1b", "q"]


def test_a_pipe_is_nobodys_terminal() -> None:
    """What is not a terminal is not in the foreground."""
    reads, writes = os.pipe()

    assert not is_in_foreground(reads)
    os.close(reads)
    os.close(writes)
    assert not is_in_foreground(reads)
